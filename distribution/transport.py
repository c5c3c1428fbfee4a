"""How a sealed export reaches another site: a copy, or a site's own command."""

import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

from distribution.manifest import MANIFEST_NAME, FileEntry, Manifest, hash_file
from taxicab.core.processes.child import Child, stop_children
from taxicab.errors import InputError, TaxicabError

__all__ = ["TransportError", "copy_sealed", "run_command"]

POLL_S = 0.2
CHUNK = 1024 * 1024  # bytes between two looks at whether to go on
LOG_LINES = 200  # of a command's output that the log keeps
PLACEHOLDERS = ("{source}", "{destination}")


class TransportError(TaxicabError):
    """An export did not reach its destination."""

    error = "transport"
    status_code = 502


class TransportCancelledError(TaxicabError):
    """Somebody asked for the transfer to end."""

    error = "cancelled"
    status_code = 409


def copy_sealed(
    source: Path,
    destination: Path,
    *,
    on_file: Callable[[int, int], None] = lambda done, planned: None,
    should_cancel: Callable[[], bool] = lambda: False,
) -> int:
    """Copy a sealed folder; it appears at its destination whole, or not at all.

    Files are gathered in a folder beside the destination, each under a temporary name
    until it is complete, and that folder is renamed at the end. A copy that was
    interrupted goes on: files that arrived already are not copied again.

    Returns
    -------
    int
        Number of files that were copied now.
    """
    partial = destination.with_name(f".{destination.name}.partial")
    manifest = Manifest.read(source)
    _take_up(destination, partial)
    _remove_strangers(partial, manifest)
    entries = dict(manifest.files)
    # The manifest is the last to come: it says that the rest is there.
    content = manifest.content
    copied = 0
    for done, (path, entry) in enumerate(entries.items()):
        on_file(done, len(entries))
        copied += _copy_file(source / path, partial / path, entry, should_cancel)
    draft = partial / f"{MANIFEST_NAME}.part"
    draft.write_bytes(content)
    draft.chmod(0o644)
    draft.replace(partial / MANIFEST_NAME)
    partial.rename(destination)
    on_file(len(entries), len(entries))
    return copied


def _take_up(destination: Path, partial: Path) -> None:
    """Go on with what is there already, whichever of the two names it has."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    if destination.exists():
        if partial.exists():
            shutil.rmtree(partial)
        destination.rename(partial)
    partial.mkdir(exist_ok=True)
    partial.chmod(0o755)


def _remove_strangers(partial: Path, manifest: Manifest) -> None:
    """Remove files that the manifest does not list, and links, whatever their name."""
    for path in partial.rglob("*"):
        listed = str(path.relative_to(partial)) in manifest.files
        if path.is_symlink() or (path.is_file() and not listed):
            path.unlink()


def _copy_file(
    source: Path, target: Path, entry: FileEntry, should_cancel: Callable[[], bool]
) -> bool:
    """Copy one file unless it has arrived; tell whether it was copied."""
    has_size = target.is_file() and target.stat().st_size == entry.size
    if has_size and hash_file(target) == entry.sha256:
        return False
    _make_folders(target.parent)
    draft = target.with_name(target.name + ".part")
    with source.open("rb") as reader, draft.open("wb") as writer:
        while chunk := reader.read(CHUNK):
            writer.write(chunk)
            if should_cancel():
                raise TransportCancelledError(
                    "The transfer was cancelled. Run it again: it goes on where it "
                    "stopped."
                )
        writer.flush()
        os.fsync(writer.fileno())
    draft.chmod(0o644)
    draft.replace(target)
    return True


def _make_folders(folder: Path) -> None:
    if not folder.exists():
        _make_folders(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


def run_command(
    template: str,
    *,
    source: Path,
    destination: Path,
    log: Path,
    say: Callable[[str], None] = lambda line: None,
    should_cancel: Callable[[], bool] = lambda: False,
) -> str:
    """Run a site's own command, without a shell; its output goes to the log.

    The command is split into words before the paths are put in, so that no path is
    ever read as anything but a path. It ends with the worker that started it.

    Returns
    -------
    str
        The command as it was run, quoted for a shell.

    Raises
    ------
    TransportError
        Raised if it cannot start or ends with another code than zero.
    """
    words = _fill(template, source=source, destination=destination)
    line = shlex.join(words)
    say(f"$ {line}")
    child = Child("transport", words, log)
    try:
        child.start()
    except OSError as error:
        raise TransportError(
            f"The transport command {words[0]!r} cannot be run: {error}. Is it "
            "installed where the origin's workers run?"
        ) from error
    try:
        while not child.wait(POLL_S):
            if should_cancel():
                raise TransportCancelledError("The transfer was cancelled.")
    finally:
        stop_children([child])
        say(child.log_tail(LOG_LINES))
    code = child.process.returncode if child.process else None
    if code:
        raise TransportError(
            f"The transport command ended with code {code}: {line}. Its last words: "
            f"{child.log_tail(3) or 'none'}",
            code=code,
        )
    return line


def _fill(template: str, *, source: Path, destination: Path) -> list[str]:
    if missing := [name for name in PLACEHOLDERS if name not in template]:
        raise InputError(
            f"The transport command {template!r} lacks {' and '.join(missing)}: an "
            "administrator sets it on the repository, like "
            "'rsync -a --delete {source}/ summit:{destination}/'."
        )
    try:
        words = shlex.split(template)
    except ValueError as error:
        raise InputError(
            f"The transport command {template!r} cannot be read: {error}."
        ) from error
    paths = {"{source}": str(source), "{destination}": str(destination)}
    pattern = re.compile("|".join(map(re.escape, PLACEHOLDERS)))
    return [pattern.sub(lambda found: paths[found[0]], word) for word in words]
