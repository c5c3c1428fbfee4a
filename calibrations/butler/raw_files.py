"""Find raw files in folders, and read many headers at once.

Nothing of the middleware is used here: processes that read headers start quickly and
never hold a repository.
"""

import multiprocessing
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from calibrations.butler.raw_headers import RawExposure, read_exposure
from taxicab.errors import TaxicabError

__all__ = ["BadFile", "find_files", "read_headers"]

RAW_NAMES = re.compile(r"\.fits(\.fz|\.gz)?$")

FEW_FILES = 200
"""Read in this process: starting others takes as long."""

FILES_AT_ONCE = 32
"""Handed to a process together."""


@dataclass(frozen=True)
class BadFile:
    """A file that was left out, and why."""

    path: str
    reason: str


def find_files(
    paths: Iterable[str | Path], names: re.Pattern[str] = RAW_NAMES
) -> tuple[list[Path], list[BadFile]]:
    """List files, those in folders however deep, and say what cannot be found.

    Parameters
    ----------
    paths
        Files (whatever their names), folders, or patterns such as ``night/*_R22_*``.
    names
        What the files in folders are called.

    Returns
    -------
    tuple
        Files, each once, in order of the paths and by name within a folder; and paths
        that are not there, cannot be read, or hold no file of these names.
    """
    files: dict[Path, None] = {}
    missing: list[BadFile] = []
    for given in paths:
        found = list(_expand(str(given), names, missing))
        files |= dict.fromkeys(Path(os.path.abspath(path)) for path in found)
    return list(files), missing


def _expand(
    given: str, names: re.Pattern[str], missing: list[BadFile]
) -> Iterator[str]:
    is_pattern = has_magic(given) and not os.path.lexists(given)
    if is_pattern and not (matches := sorted(glob(given, recursive=True))):
        missing.append(BadFile(given, f"Nothing matches {given}."))
    for path in matches if is_pattern else [given]:
        if not os.path.isdir(path):
            # A file that is not there says so when its header is read.
            yield path
            continue
        count = 0
        for name in _walk(path, missing):
            if names.search(os.path.basename(name)):
                count += 1
                yield name
        if not count:
            reason = f"Folder {path} holds no file called {names.pattern}."
            missing.append(BadFile(path, reason))


def _walk(folder: str, missing: list[BadFile]) -> Iterator[str]:
    """Walk through a folder in order, and name the folders that may not be read."""

    def refuse(error: OSError) -> None:
        missing.append(
            BadFile(str(error.filename), f"{error.filename}: {error.strerror}.")
        )

    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=False):
        folders.sort()
        yield from (os.path.join(place, name) for name in sorted(names))


def read_headers(
    files: Sequence[Path],
    *,
    processes: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Path, RawExposure | BadFile]]:
    """Read primary headers, in order; a file that cannot be read is a `BadFile`.

    ``on_progress`` is called with the number of files read and the number of all.
    """
    for number, (path, found) in enumerate(_read_all(files, processes), start=1):
        if on_progress is not None:
            on_progress(number, len(files))
        yield path, found


def _read_all(
    files: Sequence[Path], processes: int
) -> Iterator[tuple[Path, RawExposure | BadFile]]:
    if processes < 2 or len(files) < FEW_FILES:
        yield from zip(files, map(read_header, files), strict=True)
        return
    # Forked processes would share what this one has open.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        headers = pool.map(read_header, files, chunksize=FILES_AT_ONCE)
        yield from zip(files, headers, strict=True)


def read_header(path: Path) -> RawExposure | BadFile:
    """Read one file's header, or say why not."""
    try:
        return read_exposure(path, needs_amplifiers=True)
    except TaxicabError as error:
        return BadFile(str(path), str(error))
    except Exception as error:
        # Whatever a broken file makes astropy raise, it is this file's alone.
        reason = f"{path} cannot be read: {type(error).__name__}: {error}"
        return BadFile(str(path), reason)
