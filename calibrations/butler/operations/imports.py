"""Import of an export: brings in what is missing, repairs what is broken, once.

The Butler's own import, given what it imported before, fails and in failing deletes
the files of the first time. This one looks first, places each file whole before it
registers it, and may be killed anywhere and run again.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler, DatasetRef, FileDataset
from lsst.daf.butler.transfers import YamlRepoImportBackend

from calibrations.butler.errors import DamagedExportError
from calibrations.butler.operations.certification import certify_missing
from calibrations.butler.operations.exports import EXPORT_NAME, MANIFEST_NAME
from calibrations.butler.operations.queries import spell_time
from calibrations.butler.operations.session import Session
from calibrations.butler.operations.stored import (
    State,
    examine,
    find_uri,
    hash_file,
    place_file,
)
from calibrations.butler.records import ImportSummary
from calibrations.domain.validity import ValidityRange
from taxicab.errors import NotFoundError

__all__ = ["import_collection"]

SKIPPED_DIMENSIONS = frozenset({"instrument", "detector", "physical_filter"})
"""The target has these of its own: they are registered, not deployed."""


@dataclass(frozen=True)
class _Item:
    """One file of the export and the dataset it holds."""

    dataset: FileDataset
    source: Path

    @property
    def ref(self) -> DatasetRef:
        return self.dataset.refs[0]

    def __str__(self) -> str:
        data_id = self.ref.dataId
        where = f" of detector {data_id['detector']}" if "detector" in data_id else ""
        return f"{self.ref.datasetType.name}{where} ({self.source.name})"


def import_collection(
    session: Session, folder: str, manifest: str | None = None
) -> dict[str, Any]:
    """Make the repository hold what an export holds, whatever it holds of it."""
    source = Path(folder)
    if not (source / EXPORT_NAME).is_file():
        raise NotFoundError(
            f"{source} is not an export: it has no {EXPORT_NAME}. Transfer it first."
        )
    hashes = _read_manifest(source, manifest)
    listing = (source / EXPORT_NAME).read_text()
    with session.butler() as butler:
        backend = YamlRepoImportBackend(io.StringIO(listing), butler)
        _check_files(source, hashes, _list_items(backend, source))
    with session.writing(), session.butler(writeable=True) as butler:
        backend = YamlRepoImportBackend(io.StringIO(listing), butler)
        items = _list_items(backend, source)
        butler._datastore.emptyTrash()
        backend.register()
        _insert_dimensions(butler, backend)
        summary = _Importer(session, butler, backend, items).run()
    return asdict(summary)


def _read_manifest(source: Path, manifest: str | None) -> Mapping[str, str] | None:
    """SHA-256 by path in the folder; None where nobody sealed it."""
    path = Path(manifest) if manifest else source / MANIFEST_NAME
    if not path.is_file():
        if manifest:
            raise NotFoundError(f"There is no manifest at {path}.")
        return None
    files = json.loads(path.read_text())["files"]
    return {name: entry["sha256"] for name, entry in files.items()}


def _list_items(backend: YamlRepoImportBackend, source: Path) -> list[_Item]:
    return [
        _Item(dataset, source / str(dataset.path))
        for datasets in backend.datasets.values()
        for dataset in datasets
    ]


def _check_files(
    source: Path, hashes: Mapping[str, str] | None, items: list[_Item]
) -> None:
    """Refuse a folder with a missing or changed file before anything is touched."""
    names = {str(item.source.relative_to(source)): str(item) for item in items}
    bad = [f"{names[n]} is missing" for n in names if not (source / n).is_file()]
    for name, expected in (hashes or {}).items():
        path = source / name
        what = names.get(name, name)
        if not path.is_file():
            bad += [] if name in names else [f"{what} is missing"]
        elif hash_file(path) != expected:
            bad.append(f"{what} is changed")
    if hashes is not None:
        bad += [f"{names[n]} is not in the manifest" for n in names if n not in hashes]
    if bad:
        raise DamagedExportError(
            f"The export in {source} is not what was sealed: {'; '.join(bad[:5])}"
            f"{f'; and {len(bad) - 5} more' if len(bad) > 5 else ''}. Nothing was "
            f"imported; transfer it again.",
            differences=bad,
        )


def _insert_dimensions(butler: Butler, backend: YamlRepoImportBackend) -> None:
    elements = butler.dimensions.sorted(backend.dimensions.keys())
    for element in elements:
        if element.name not in SKIPPED_DIMENSIONS:
            records = backend.dimensions[element]
            butler.registry.insertDimensionData(element, *records, skip_existing=True)


class _Importer:
    """Brings datasets in one by one, then what refers to them."""

    def __init__(
        self,
        session: Session,
        butler: Butler,
        backend: YamlRepoImportBackend,
        items: list[_Item],
    ) -> None:
        self.session = session
        self.butler = butler
        self.backend = backend
        self.items = items

    def run(self) -> ImportSummary:
        refs = self._register()
        state = examine(self.butler, refs.values())
        counts = {"imported": 0, "present": 0, "repaired": 0}
        for done, item in enumerate(self.items, start=1):
            what = self._bring(item, refs[item.ref.id], state[item.ref.id])
            counts[what] += 1
            self.session.emit(
                "progress", done=done, total=len(self.items), what=f"{item} {what}"
            )
        self._certify(refs)
        for tagged, ids in self.backend.tagAssociations.items():
            self.butler.registry.associate(tagged, [refs[i] for i in ids])
        collections = [*self.backend.collections, *self.backend.chains]
        return ImportSummary(collections=collections, **counts)

    def _register(self) -> dict[Any, DatasetRef]:
        """Register the datasets that are not; return them all with full data ids."""
        refs: dict[Any, DatasetRef] = {}
        for datasets in self.backend.datasets.values():
            batch = [ref for dataset in datasets for ref in dataset.refs]
            for ref in self.butler.registry._importDatasets(batch, expand=True):
                refs[ref.id] = ref
        return refs

    def _bring(self, item: _Item, ref: DatasetRef, state: State) -> str:
        """Give a dataset its file; say what had to be done."""
        uri = find_uri(self.butler, ref)
        if state is State.GOOD and self._is_same(item, uri):
            return "present"
        # The file comes first: should this be the last thing that happens, the next
        # try finds a file that no record knows, and writes over it.
        place_file(item.source, uri)
        if state is State.MISSING:
            self._record(item, ref)
            return "imported"
        if examine(self.butler, [ref])[ref.id] is not State.GOOD:
            # The record describes a file that never was what the export holds.
            with self.butler.transaction():
                self.butler._datastore.forget([ref])
                self._record(item, ref)
        return "repaired"

    def _is_same(self, item: _Item, uri: Any) -> bool:
        if not uri.isLocal:
            return True
        return hash_file(Path(uri.ospath)) == hash_file(item.source)

    def _record(self, item: _Item, ref: DatasetRef) -> None:
        """Have the datastore take a file that is in its place already."""
        uri = find_uri(self.butler, ref)
        placed = FileDataset(uri, [ref], formatter=item.dataset.formatter)
        self.butler._datastore.ingest(placed, transfer=None)

    def _certify(self, refs: Mapping[Any, DatasetRef]) -> None:
        for collection, spans in self.backend.calibAssociations.items():
            for span, ids in spans.items():
                validity = ValidityRange(spell_time(span.begin), spell_time(span.end))
                by_type: dict[str, list[DatasetRef]] = {}
                for id_ in ids:
                    ref = refs[id_]
                    by_type.setdefault(ref.datasetType.name, []).append(ref)
                for batch in by_type.values():
                    certify_missing(self.butler, collection, batch, validity)
