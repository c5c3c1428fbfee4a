"""Bring raw files into a repository: exposures are described, files are taken in.

Ingesting again changes nothing, and one bad file never stops the others. Files go in
by chunks, each a transaction: exposures and files of a chunk are there together or not.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lsst.daf.butler import (
    Butler,
    CollectionType,
    DataCoordinate,
    DatasetIdGenEnum,
    DatasetRef,
    DatasetType,
    FileDataset,
)

from calibrations.butler.exposures import KnownInstruments, insert_exposures
from calibrations.butler.formatters import CcdRawFormatter
from calibrations.butler.raw_files import BadFile, read_headers
from calibrations.butler.raw_headers import RawExposure
from calibrations.butler.raw_reader import RawFileError
from taxicab.errors import TaxicabError

__all__ = [
    "RAW_DIMENSIONS",
    "BadFile",
    "IngestSummary",
    "ingest_raws",
    "take_in",
]

RAW_DIMENSIONS = ("instrument", "exposure", "detector")

CHUNK = 1000
"""Files of one transaction: enough that its own cost does not count."""

COMPARED = ("obs_id", "day_obs", "physical_filter", "observation_type", "group")
"""What two files of one exposure must agree on."""

Progress = Callable[[int, int], None]
"""Called with the number of files done and the number of files."""

Key = tuple[str, int, int]
"""Instrument, exposure, detector."""

Good = dict[Key, tuple[Path, RawExposure]]


@dataclass
class IngestSummary:
    """What an ingest did."""

    ingested: int = 0
    present: int = 0
    """Files whose exposure and detector the repository had already."""

    exposures: list[int] = field(default_factory=list)
    """Ids of all exposures among the good files."""

    bad_files: list[BadFile] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=dict)
    """What is missing or contradictory, by file; such files are taken in."""

    kinds: dict[tuple[str, int, str, str, str], tuple[int, int]] = field(
        default_factory=dict
    )
    """Exposures and files of each instrument, day, type, reason and filter."""


def ingest_raws(
    repo_root: str | Path,
    paths: Iterable[str | Path],
    *,
    transfer: str = "copy",
    dataset_type: str = "raw",
    processes: int = 1,
    on_progress: Progress | None = None,
) -> IngestSummary:
    """Ingest raw files into ``$INST/raw/all`` of their instrument.

    The instrument must be registered. Dataset ids follow from data id and run, so
    that the same file has the same id in every repository.
    """
    files = [Path(path).absolute() for path in paths]
    found = list(read_headers(files, processes=processes, on_progress=on_progress))
    with Butler.from_config(str(repo_root), writeable=True) as butler:
        return take_in(butler, found, transfer=transfer, dataset_type=dataset_type)


def take_in(
    butler: Butler,
    found: Iterable[tuple[Path, RawExposure | BadFile]],
    *,
    transfer: str = "copy",
    dataset_type: str = "raw",
    collection: str = "{instrument}/raw/all",
    register: bool = False,
    on_progress: Progress | None = None,
) -> IngestSummary:
    """Take in files whose headers were read.

    Parameters
    ----------
    butler
        A writeable repository.
    found
        Files with what their headers say, or why they cannot be read.
    transfer
        How the Butler gets a file: copy, hardlink, symlink, direct and so on.
    dataset_type
        Name of the raws' type.
    collection
        RUN for the files.
    register
        Register instruments that the repository does not know, as this project
        describes them.
    on_progress
        Called after each chunk.
    """
    summary = IngestSummary()
    known = KnownInstruments(butler, register=register)
    good = _sort_out(found, known, summary)
    summary.exposures = sorted({exposure.id for _, exposure in good.values()})
    _count_kinds(good, summary)
    raw_type = DatasetType(
        dataset_type, RAW_DIMENSIONS, "CcdRaw", universe=butler.dimensions
    )
    butler.registry.registerDatasetType(raw_type)
    for name in {instrument for instrument, _, _ in good}:
        run = collection.replace("{instrument}", name)
        butler.collections.register(run, CollectionType.RUN)
    done = 0
    job = _Job(butler, raw_type, collection, transfer, summary)
    ordered = sorted(good)
    for start in range(0, len(ordered), CHUNK):
        chunk = ordered[start : start + CHUNK]
        job.take_chunk({key: good[key] for key in chunk})
        done += len(chunk)
        if on_progress is not None:
            on_progress(done, len(good))
    return summary


def _sort_out(
    found: Iterable[tuple[Path, RawExposure | BadFile]],
    known: KnownInstruments,
    summary: IngestSummary,
) -> Good:
    """Keep the files that can go in, one for each exposure and detector."""
    good: Good = {}
    first: dict[tuple[str, int], tuple[Path, RawExposure]] = {}
    for path, exposure in found:
        if isinstance(exposure, BadFile):
            summary.bad_files.append(exposure)
            continue
        try:
            key = (exposure.instrument, exposure.id, known.detector_id(exposure))
            known.check_filter(exposure)
            if key in good:
                raise RawFileError(
                    f"{path}: exposure {exposure.id}, detector {key[2]} is also in "
                    f"{good[key][0]}."
                )
        except TaxicabError as e:
            summary.bad_files.append(BadFile(str(path), str(e)))
            continue
        good[key] = path, exposure
        problems = list(exposure.problems)
        other_path, other = first.setdefault(key[:2], (path, exposure))
        if difference := _differences(exposure, vars(other)):
            problems.append(f"{difference} as in {other_path.name}, which counts.")
        if problems:
            summary.problems[str(path)] = problems
    return good


def _differences(exposure: RawExposure, other: Mapping[str, Any]) -> str:
    """Say where two descriptions of an exposure differ, or nothing."""
    return "; ".join(
        f"{name} is {getattr(exposure, name)}, not {other[name]}"
        for name in COMPARED
        if getattr(exposure, name) != other[name]
    )


def _count_kinds(good: Good, summary: IngestSummary) -> None:
    exposures: dict[tuple[str, int, str, str, str], set[int]] = {}
    files: dict[tuple[str, int, str, str, str], int] = {}
    for _, exposure in good.values():
        kind = (
            exposure.instrument,
            exposure.day_obs,
            exposure.observation_type,
            exposure.observation_reason,
            exposure.physical_filter,
        )
        exposures.setdefault(kind, set()).add(exposure.id)
        files[kind] = files.get(kind, 0) + 1
    summary.kinds = {
        kind: (len(exposures[kind]), files[kind]) for kind in sorted(files)
    }


@dataclass
class _Job:
    """How files are taken in, and what became of them."""

    butler: Butler
    raw_type: DatasetType
    collection: str
    transfer: str
    summary: IngestSummary

    def take_chunk(self, good: Good) -> None:
        """Take in what is new of a chunk; if that fails, file by file."""
        datasets = self._datasets(good)
        stored = self.butler.stored_many([d.refs[0] for d in datasets.values()])
        new = {
            key: dataset
            for key, dataset in datasets.items()
            if not stored[dataset.refs[0]]
        }
        self.summary.present += len(datasets) - len(new)
        self._compare_with_repository(good)
        try:
            self._ingest(new, good)
        except Exception:
            for key, dataset in new.items():
                try:
                    self._ingest({key: dataset}, good)
                except Exception as error:
                    reason = f"{type(error).__name__}: {error}"
                    path = str(good[key][0])
                    self.summary.bad_files.append(BadFile(path, reason))

    def _ingest(self, new: dict[Key, FileDataset], good: Good) -> None:
        if not new:
            return
        exposures = {key[:2]: good[key][1] for key in reversed(new)}
        with self.butler.transaction():
            insert_exposures(self.butler, exposures.values())
            expand = self.butler.registry.expandDataId
            datasets = [
                FileDataset(
                    path=dataset.path,
                    refs=[ref.expanded(expand(ref.dataId)) for ref in dataset.refs],
                    formatter=CcdRawFormatter,
                )
                for dataset in new.values()
            ]
            self.butler.ingest(*datasets, transfer=self.transfer)
        self.summary.ingested += len(new)

    def _datasets(self, good: Good) -> dict[Key, FileDataset]:
        datasets = {}
        for key, (path, _) in good.items():
            data_id = DataCoordinate.standardize(
                dict(zip(RAW_DIMENSIONS, key, strict=True)),
                universe=self.butler.dimensions,
                dimensions=self.raw_type.dimensions,
            )
            ref = DatasetRef(
                self.raw_type,
                data_id,
                run=self.collection.replace("{instrument}", key[0]),
                id_generation_mode=DatasetIdGenEnum.DATAID_TYPE_RUN,
            )
            datasets[key] = FileDataset(path=path, refs=[ref])
        return datasets

    def _compare_with_repository(self, good: Good) -> None:
        """Say where the repository has another description of an exposure; it stays."""
        for instrument in {key[0] for key in good}:
            ids = sorted({key[1] for key in good if key[0] == instrument})
            records = self.butler.query_dimension_records(
                "exposure",
                where="instrument = ins AND exposure IN (ids)",
                bind={"ins": instrument, "ids": ids},
                explain=False,
                limit=None,
            )
            known = {record.id: record for record in records}
            for (name, id_, _), (path, exposure) in good.items():
                if name != instrument or id_ not in known:
                    continue
                there = {key: getattr(known[id_], key) for key in COMPARED}
                if difference := _differences(exposure, there):
                    sentence = f"{difference} as in the repository, whose record stays."
                    self.summary.problems.setdefault(str(path), []).append(sentence)
