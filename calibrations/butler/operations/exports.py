"""Export of a ticket's chain: collections, datasets, files, in one folder."""

import shutil
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler, CollectionType, DatasetRef

from calibrations.butler.errors import (
    ChainUnreadableError,
    SealedFolderError,
    UnreadableFilesError,
)
from calibrations.butler.operations.queries import find_datasets
from calibrations.butler.operations.session import Session
from calibrations.butler.operations.stored import State, examine
from calibrations.butler.records import ExportSummary

__all__ = ["EXPORT_NAME", "MANIFEST_NAME", "export_collection"]

EXPORT_NAME = "export.yaml"
MANIFEST_NAME = "manifest.json"
"""Whoever seals the folder writes it; with it the folder is final."""

FOLDER_MODE = 0o755
FILE_MODE = 0o644
"""Everyone at the other sites reads the export."""


def export_collection(session: Session, chain: str, folder: str) -> dict[str, Any]:
    """Export a chain into a folder that is there in full or not at all."""
    target = Path(folder)
    _refuse_foreign_folder(target)
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with session.butler() as butler:
        session.require_collections(butler, [chain])
        collections, refs = _contents(butler, chain)
        _refuse_damaged(butler, refs)
        session.emit("progress", done=0, total=len(refs), what="exporting")
        _write(butler, part, collections, refs)
    _open_to_everyone(part)
    if target.exists():
        shutil.rmtree(target)
    part.rename(target)
    files = sorted(str(p.relative_to(target)) for p in target.rglob("*") if p.is_file())
    session.emit("progress", done=len(refs), total=len(refs), what="exporting")
    return asdict(ExportSummary(str(target), len(refs), collections, files))


def _refuse_foreign_folder(target: Path) -> None:
    """Only an earlier export that nobody sealed may be replaced."""
    if (target / MANIFEST_NAME).exists():
        raise SealedFolderError(
            f"{target} is sealed: it holds {MANIFEST_NAME}, by which it is known to "
            f"everyone. Transfer it as it is, or export to another folder.",
            folder=str(target),
        )
    is_used = target.is_dir() and any(target.iterdir())
    if is_used and not (target / EXPORT_NAME).exists():
        raise SealedFolderError(
            f"{target} holds something that is not an export. Choose another folder.",
            folder=str(target),
        )


def _contents(butler: Butler, chain: str) -> tuple[list[str], list[DatasetRef]]:
    """List collections from the chain down and what they certify, in a fixed order."""
    collections: list[str] = []
    refs: dict[Any, DatasetRef] = {}
    kinds = {CollectionType.CHAINED, CollectionType.CALIBRATION}
    for info in butler.collections.query_info(
        chain, flatten_chains=True, include_chains=True, include_summary=True
    ):
        if info.type not in kinds:
            raise ChainUnreadableError(
                f"{chain} holds {info.name}, a {info.type.name} collection; only "
                f"certified collections are exported. Take it out of the chain."
            )
        collections.append(info.name)
        if info.type is CollectionType.CALIBRATION:
            types = [butler.get_dataset_type(t) for t in sorted(info.dataset_types)]
            found = find_datasets(butler, [info.name], types)
            refs.update({ref.id: ref for ref in found})
    if not refs:
        raise ChainUnreadableError(
            f"{chain} certifies nothing yet: there is nothing to export. Certify a "
            f"calibration and put its collection into the chain."
        )
    return collections, list(refs.values())


def _refuse_damaged(butler: Butler, refs: list[DatasetRef]) -> None:
    state = examine(butler, refs)
    bad = [ref for ref in refs if state[ref.id] is not State.GOOD]
    if bad:
        named = ", ".join(f"{r.datasetType.name} of {r.dataId}" for r in bad[:5])
        raise ChainUnreadableError(
            f"{len(bad)} of {len(refs)} files are missing or damaged in the "
            f"repository: {named}. Run the generation again, which makes them anew.",
            uuids=[str(ref.id) for ref in bad],
        )


def _write(
    butler: Butler, folder: Path, collections: list[str], refs: list[DatasetRef]
) -> None:
    with butler.export(directory=str(folder), format="yaml", transfer="copy") as export:
        # A chain can be saved only after its children exist at the other end; the
        # import registers in this order too.
        for name in reversed(collections):
            export.saveCollection(name)
        export.saveDatasets(refs)


def _open_to_everyone(folder: Path) -> None:
    """Check that everyone may read; what the export made itself is opened."""
    folder.chmod(FOLDER_MODE)
    unreadable = []
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            path.chmod(FOLDER_MODE)
        elif path.name == EXPORT_NAME:
            path.chmod(FILE_MODE)
        elif not path.stat().st_mode & stat.S_IROTH:
            unreadable.append(str(path.relative_to(folder)))
    if unreadable:
        raise UnreadableFilesError(
            f"{len(unreadable)} files are not readable for everyone: "
            f"{', '.join(unreadable[:5])}{' …' if len(unreadable) > 5 else ''}. Open "
            f"them in the repository (chmod o+r) and export again.",
            files=unreadable,
        )
