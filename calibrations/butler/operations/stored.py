"""Whether a dataset's file is there and whole; and clearing away what is not.

A killed process leaves registry rows without files, files without rows, half-written
temporary files, and trash that was marked but not emptied.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler, DatasetRef
from lsst.daf.butler._rubin.temporary_for_ingest import TemporaryForIngest
from lsst.daf.butler.datastores.fileDatastore import FileDatastore
from lsst.resources import ResourcePath

__all__ = ["State", "clear", "examine", "find_uri", "hash_file", "place_file"]

FILE_MODE = 0o644
"""Everyone at a site reads its repository."""


class State(StrEnum):
    """What the datastore has of a dataset."""

    GOOD = "good"
    MISSING = "missing"
    """No record: never written, or not to its end."""
    LOST = "lost"
    """A record, and no file."""
    DAMAGED = "damaged"
    """The file has another size or checksum than was recorded."""


def examine(butler: Butler, refs: Iterable[DatasetRef]) -> dict[Any, State]:
    """Compare each dataset's file with the datastore's record of it, by UUID."""
    refs = list(refs)
    records: dict[Any, list[Any]] = {}
    for data in butler._datastore.export_records(refs).values():
        for id_, tables in data.records.items():
            records.setdefault(id_, []).extend(i for t in tables.values() for i in t)
    stored = [ref for ref in refs if ref.id in records]
    uris = butler._datastore.getManyURIs(stored, predict=False, allow_missing=True)
    return {
        ref.id: _judge(uris[ref].primaryURI, records[ref.id][0])
        if ref in uris and ref.id in records
        else State.MISSING
        for ref in refs
    }


def _judge(uri: ResourcePath | None, record: Any) -> State:
    if uri is None or not uri.exists():
        return State.LOST
    if record.file_size >= 0 and uri.size() != record.file_size:
        return State.DAMAGED
    if record.checksum and uri.isLocal:
        checksum = FileDatastore.computeChecksum(uri)
        return State.GOOD if checksum == record.checksum else State.DAMAGED
    return State.GOOD


def clear(butler: Butler, refs: Iterable[DatasetRef]) -> None:
    """Make the datastore forget datasets and remove what is left of their files.

    Registry rows stay: a dataset keeps its UUID, and whatever certifies or tags it
    keeps doing so when it is written again.
    """
    refs = list(refs)
    if not refs:
        return
    # Trash that a killed process marked would be emptied later, over the new files.
    butler._datastore.emptyTrash()
    recorded = [r for r, known in butler._datastore.knows_these(refs).items() if known]
    if recorded:
        butler._datastore.forget(recorded)
    for ref in refs:
        uri = find_uri(butler, ref)
        if uri.isLocal:
            _remove_leftovers(uri)
        elif uri.exists():
            uri.remove()


def _remove_leftovers(uri: ResourcePath) -> None:
    """Remove a file and the temporary files of tries to write it."""
    path = Path(uri.ospath)
    path.unlink(missing_ok=True)
    _part(path).unlink(missing_ok=True)
    for stray in TemporaryForIngest.find_orphaned_temporaries_by_path(uri):
        stray.remove()


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.taxicab-part")


def find_uri(butler: Butler, ref: DatasetRef) -> ResourcePath:
    """Find where a dataset's file is, or will be."""
    return butler.getURI(ref, predict=True).replace(fragment="")


def place_file(source: Path, target: ResourcePath) -> None:
    """Copy a file to its place so that it is never seen there half-written."""
    if not target.isLocal:
        target.transfer_from(ResourcePath(str(source)), "copy", overwrite=True)
        return
    path = Path(target.ospath)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    with source.open("rb") as read, part.open("wb") as write:
        shutil.copyfileobj(read, write, 1 << 20)
        write.flush()
        os.fsync(write.fileno())
    part.chmod(FILE_MODE)
    part.replace(path)


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
