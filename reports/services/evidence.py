"""Evidence: folders of files addressed by the SHA-256 of their manifest.

What the board saw can be seen again, byte for byte: a folder is written under a
passing name, sealed by its manifest, renamed to the manifest's hash and never touched
again. A report's parts are folders of their own, so that one that did not change is
kept once, whatever the number of reports that hold it; the report's manifest lists
its own files and the hash of every part.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from reports.models import VerificationReport
from taxicab.errors import ConflictError, NotFoundError

__all__ = [
    "MANIFEST",
    "PART",
    "PARTS",
    "SealedPart",
    "check_evidence",
    "evidence_file",
    "keep_folder",
    "list_files",
    "new_folder",
    "read_part",
    "read_sealed",
    "seal_folder",
]

MANIFEST = "manifest.json"
PARTS = "parts"
"""Holds a folder for each part, by its key."""

PART = "part.json"
"""In a part's folder: what it is about."""

FORMAT = 1


@dataclass(frozen=True)
class SealedPart:
    """A part as the report's manifest lists it."""

    key: str
    calib_type: str
    physical_filter: str
    criteria_version: str
    sha256: str


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


def seal_folder(folder: Path) -> str:
    """Write the manifests of a report's parts and its own; returns its SHA-256.

    The folder stays whole: it can be taken anywhere and checked there.
    """
    parts = [
        _seal_part(path.parent) for path in sorted(folder.glob(f"{PARTS}/*/{PART}"))
    ]
    own = [p for p in _files(folder) if p.relative_to(folder).parts[0] != PARTS]
    manifest = {"format": FORMAT, "parts": [asdict(part) for part in parts]}
    return _write_manifest(folder, own, manifest)


def keep_folder(folder: Path) -> str:
    """Seal a report's folder and keep it; returns the SHA-256 of its manifest.

    Equal files have an equal manifest: a folder that is kept already stays as it is,
    a part's like a report's.
    """
    sha256 = seal_folder(folder)
    for part in _parts(folder):
        _keep(folder / PARTS / part.key, part.sha256)
    shutil.rmtree(folder / PARTS, ignore_errors=True)
    _keep(folder, sha256)
    return sha256


def read_sealed(sha256: str) -> list[SealedPart]:
    """List the parts of a kept report, by key."""
    return _parts(_root() / sha256)


def evidence_file(report: VerificationReport, name: str) -> Path:
    """Find a file of a report or of its parts; only what a manifest lists can be had.

    Raises
    ------
    NotFoundError
        Raised for any other name, one that leads out of the folder included.
    """
    folder, rest = _folder(report), name
    if name.startswith(f"{PARTS}/"):
        key, _, rest = name.removeprefix(f"{PARTS}/").partition("/")
        hashes = {part.key: part.sha256 for part in _parts(folder)}
        if key not in hashes:
            raise NotFoundError(f"{report} has no file {name!r}.", file=name)
        folder = _kept_folder(hashes[key], f"part {key} of {report}")
    if rest == MANIFEST:
        return folder / MANIFEST
    path = folder / rest
    # The list decides; the second question only guards against a forged list.
    if rest not in _listed(folder) or folder not in path.resolve().parents:
        raise NotFoundError(f"{report} has no file {name!r}.", file=name)
    return path


def list_files(report: VerificationReport) -> list[str]:
    """Name every file of a report, those of its parts and all manifests included."""
    folder = _folder(report)
    names = [*_listed(folder), MANIFEST]
    for part in _parts(folder):
        kept = _kept_folder(part.sha256, f"part {part.key} of {report}")
        own = (*_listed(kept), MANIFEST)
        names += [f"{PARTS}/{part.key}/{name}" for name in own]
    return names


def read_part(sha256: str) -> dict[str, str]:
    """List a kept part's files with their hashes; none where it is not here."""
    folder = _root() / sha256
    return _listed(folder) if (folder / MANIFEST).is_file() else {}


def check_evidence(report: VerificationReport) -> list[str]:
    """Compare a report's files with its manifests; returns what differs, in words."""
    folder = _folder(report)
    problems = _check(folder, report.sha256, "")
    if problems and problems[0].startswith(MANIFEST):
        return problems
    for part in _parts(folder):
        prefix = f"{PARTS}/{part.key}/"
        kept = _root() / part.sha256
        if not (kept / MANIFEST).is_file():
            problems.append(f"{prefix}{MANIFEST} is gone.")
        else:
            problems += _check(kept, part.sha256, prefix)
    return problems


def _check(folder: Path, sha256: str, prefix: str) -> list[str]:
    if _sha256(folder / MANIFEST) != sha256:
        return [f"{prefix}{MANIFEST} is not the one that the report was sealed with."]
    problems = []
    for name, expected in _listed(folder).items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{prefix}{name} is gone.")
        elif _sha256(path) != expected:
            problems.append(f"{prefix}{name} was changed.")
    return problems


def _folder(report: VerificationReport) -> Path:
    if not report.sha256:
        raise ConflictError(f"{report} is {report.status}: it has no files yet.")
    return _kept_folder(report.sha256, str(report))


def _kept_folder(sha256: str, what: str) -> Path:
    folder = (_root() / sha256).resolve()
    if folder.parent != _root() or not (folder / MANIFEST).is_file():
        raise NotFoundError(
            f"The files of {what} are not at this portal's evidence folder: restore "
            f"{sha256} from the archive.",
            sha256=sha256,
        )
    return folder


def _root() -> Path:
    return Path(settings.EVIDENCE_ROOT).resolve()


def _seal_part(folder: Path) -> SealedPart:
    facts = json.loads((folder / PART).read_text(encoding="utf-8"))
    about = {
        name: facts[name]
        for name in ("calib_type", "physical_filter", "criteria_version")
    }
    sha256 = _write_manifest(folder, _files(folder), {"format": FORMAT, **about})
    return SealedPart(key=folder.name, sha256=sha256, **about)


def _files(folder: Path) -> list[Path]:
    return sorted(
        p for p in folder.rglob("*") if p.is_file() and p != folder / MANIFEST
    )


def _write_manifest(folder: Path, paths: Iterable[Path], about: dict[str, Any]) -> str:
    paths = list(paths)
    files = [
        {
            "name": path.relative_to(folder).as_posix(),
            "size": path.stat().st_size,
            "sha256": _sha256(path),
        }
        for path in paths
    ]
    text = json.dumps({**about, "files": files}, indent=1, ensure_ascii=False)
    manifest = folder / MANIFEST
    manifest.write_text(text + "\n", encoding="utf-8")
    for path in (*paths, manifest):
        os.chmod(path, 0o644)
    return _sha256(manifest)


def _keep(folder: Path, sha256: str) -> None:
    """Give a sealed folder its name for good, unless it is there already."""
    kept = Path(settings.EVIDENCE_ROOT) / sha256
    folder.chmod(0o755)
    try:
        folder.rename(kept)
    except OSError:
        if not (kept / MANIFEST).is_file():
            raise


def _parts(folder: Path) -> list[SealedPart]:
    return [SealedPart(**entry) for entry in _read(folder).get("parts", [])]


def _read(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))


def _listed(folder: Path) -> dict[str, str]:
    return {entry["name"]: entry["sha256"] for entry in _read(folder)["files"]}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
