"""Evidence: folders of files addressed by the SHA-256 of their manifest.

What the board saw can be seen again, byte for byte: a folder is written under a
passing name, sealed by its manifest, renamed to the manifest's hash and never touched
again.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from reports.models import VerificationReport
from taxicab.errors import ConflictError, NotFoundError

__all__ = ["MANIFEST", "check_evidence", "evidence_file", "keep_folder", "new_folder"]

MANIFEST = "manifest.json"


@contextmanager
def new_folder(name: str) -> Iterator[Path]:
    """Give an empty folder beside the evidence; what is left of it is removed.

    A worker that was killed leaves it behind: the next one of that name clears it.
    """
    folder = Path(settings.EVIDENCE_ROOT) / f".unfinished-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep_folder(folder: Path) -> str:
    """Seal a folder and keep it; returns the SHA-256 of its manifest.

    Equal files have an equal manifest: a folder that is kept already stays as it is.
    """
    manifest = _write_manifest(folder)
    name = hashlib.sha256(manifest).hexdigest()
    kept = Path(settings.EVIDENCE_ROOT) / name
    folder.chmod(0o755)
    try:
        folder.rename(kept)
    except OSError:
        if not (kept / MANIFEST).is_file():
            raise
    return name


def evidence_file(report: VerificationReport, name: str) -> Path:
    """Find a file of a report; only what its manifest lists can be had.

    Raises
    ------
    NotFoundError
        Raised for any other name, one that leads out of the folder included.
    """
    folder = _folder(report)
    if name == MANIFEST:
        return folder / MANIFEST
    path = folder / name
    # The list decides; the second question only guards against a forged list.
    if name not in _read_manifest(folder) or folder not in path.resolve().parents:
        raise NotFoundError(f"{report} has no file {name!r}.", file=name)
    return path


def check_evidence(report: VerificationReport) -> list[str]:
    """Compare a report's files with its manifest; returns what differs, in words."""
    folder = _folder(report)
    manifest = (folder / MANIFEST).read_bytes()
    if hashlib.sha256(manifest).hexdigest() != report.sha256:
        return [f"{MANIFEST} is not the one that the report was sealed with."]
    problems = []
    for name, expected in _read_manifest(folder).items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is gone.")
        elif _sha256(path) != expected:
            problems.append(f"{name} was changed.")
    return problems


def _folder(report: VerificationReport) -> Path:
    if not report.sha256:
        raise ConflictError(f"{report} is {report.status}: it has no files yet.")
    folder = Path(settings.EVIDENCE_ROOT).resolve() / report.sha256
    if not (folder / MANIFEST).is_file():
        raise NotFoundError(
            f"The files of {report} are not at this portal's evidence folder: restore "
            f"{report.sha256} from the archive.",
            sha256=report.sha256,
        )
    return folder


def _write_manifest(folder: Path) -> bytes:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [
        {
            "name": path.relative_to(folder).as_posix(),
            "size": path.stat().st_size,
            "sha256": _sha256(path),
        }
        for path in paths
    ]
    text = json.dumps({"format": 1, "files": files}, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    for path in (*paths, folder / MANIFEST):
        os.chmod(path, 0o644)
    return (folder / MANIFEST).read_bytes()


def _read_manifest(folder: Path) -> dict[str, str]:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return {entry["name"]: entry["sha256"] for entry in manifest["files"]}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
