"""Bring raw files into a repository: exposures are described, files are taken in.

Ingesting again changes nothing, and one bad file never stops the others.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astropy.time import Time, TimeDelta
from lsst.daf.butler import (
    Butler,
    CollectionType,
    DataCoordinate,
    DatasetIdGenEnum,
    DatasetRef,
    DatasetType,
    FileDataset,
    Timespan,
)

from calibrations.butler.formatters import CcdRawFormatter
from calibrations.butler.raw_headers import RawExposure, read_exposure
from calibrations.butler.raw_reader import RawFileError
from taxicab.errors import TaxicabError

__all__ = ["RAW_DIMENSIONS", "BadFile", "IngestSummary", "ingest_raws"]

RAW_DIMENSIONS = ("instrument", "exposure", "detector")
DAY = TimeDelta(86400.0, format="sec", scale="tai")

Progress = Callable[[int, int], None]
"""Called with the number of files looked at and the number of files."""


@dataclass(frozen=True)
class BadFile:
    """A file that was left out, and why."""

    path: str
    reason: str


@dataclass
class IngestSummary:
    """What an ingest did."""

    ingested: int = 0
    present: int = 0
    """Files whose exposure and detector the repository had already."""

    exposures: list[int] = field(default_factory=list)
    """Ids of all exposures among the good files."""

    bad_files: list[BadFile] = field(default_factory=list)


def ingest_raws(
    repo_root: str | Path,
    paths: Iterable[str | Path],
    *,
    transfer: str = "copy",
    dataset_type: str = "raw",
    on_progress: Progress | None = None,
) -> IngestSummary:
    """Ingest raw files into ``$INST/raw/all`` of their instrument.

    The instrument must be registered. Dataset ids follow from data id and run, so
    that the same file has the same id in every repository.
    """
    files = [Path(path).absolute() for path in paths]
    summary = IngestSummary()
    with Butler.from_config(str(repo_root), writeable=True) as butler:
        raw_type = DatasetType(
            dataset_type, RAW_DIMENSIONS, "CcdRaw", universe=butler.dimensions
        )
        butler.registry.registerDatasetType(raw_type)
        known = _KnownInstruments(butler)
        good: dict[tuple[str, int, int], tuple[Path, RawExposure]] = {}
        for number, path in enumerate(files, start=1):
            try:
                exposure = read_exposure(path)
                key = (exposure.instrument, exposure.id, known.detector_id(exposure))
                known.check_filter(exposure)
                if key in good:
                    raise RawFileError(
                        f"{path}: exposure {exposure.id}, detector {key[2]} is also in "
                        f"{good[key][0]}."
                    )
                good[key] = path, exposure
            except TaxicabError as e:
                summary.bad_files.append(BadFile(str(path), str(e)))
            if on_progress is not None:
                on_progress(number, len(files))
        exposures = {e.id: e for _, e in good.values()}
        summary.exposures = sorted(exposures)
        _insert_exposures(butler, exposures.values())
        _ingest_files(butler, raw_type, good, transfer, summary)
    return summary


class _KnownInstruments:
    """Finds detectors and filters among those a repository has registered."""

    def __init__(self, butler: Butler) -> None:
        self.butler = butler
        self._detectors: dict[str, Mapping[str, int]] = {}
        self._filters: dict[str, set[str]] = {}

    def detector_id(self, exposure: RawExposure) -> int:
        """Give a detector's id from its name."""
        name = exposure.instrument
        if name not in self._detectors:
            records = self.butler.query_dimension_records(
                "detector", instrument=name, explain=False, limit=None
            )
            self._detectors[name] = {r.full_name: r.id for r in records}
        detectors = self._detectors[name]
        if not detectors:
            raise RawFileError(
                f"INSTRUME says {name}, which is not registered in this repository."
            )
        if exposure.detector_name is not None and exposure.detector_name in detectors:
            return detectors[exposure.detector_name]
        if len(detectors) == 1:
            return next(iter(detectors.values()))
        raise RawFileError(
            f"RAFTBAY and CCDSLOT say detector {exposure.detector_name}; {name} has "
            f"{', '.join(detectors)}."
        )

    def check_filter(self, exposure: RawExposure) -> None:
        """Refuse a filter that is not registered."""
        name = exposure.instrument
        if name not in self._filters:
            records = self.butler.query_dimension_records(
                "physical_filter", instrument=name, explain=False, limit=None
            )
            self._filters[name] = {r.name for r in records}
        if exposure.physical_filter not in self._filters[name]:
            raise RawFileError(
                f"FILTER says {exposure.physical_filter}; {name} has "
                f"{', '.join(sorted(self._filters[name]))}."
            )


def _insert_exposures(butler: Butler, exposures: Iterable[RawExposure]) -> None:
    """Describe days, groups and exposures to the registry; those there stay."""
    registry = butler.registry
    ordered = sorted(exposures, key=lambda e: e.id)
    days = {(e.instrument, e.day_obs): None for e in ordered}
    groups = {(e.instrument, e.group): None for e in ordered}
    with registry.transaction():
        for instrument, day in days:
            text = str(day)
            noon = Time(f"{text[:4]}-{text[4:6]}-{text[6:]}T12:00:00", scale="tai")
            registry.syncDimensionData(
                "day_obs",
                {
                    "instrument": instrument,
                    "id": day,
                    "timespan": Timespan(noon, noon + DAY),
                },
            )
        registry.insertDimensionData(
            "group",
            *({"instrument": i, "name": name} for i, name in groups),
            skip_existing=True,
        )
        registry.insertDimensionData(
            "exposure", *(exposure_record(e) for e in ordered), skip_existing=True
        )


def exposure_record(exposure: RawExposure) -> dict[str, Any]:
    """Give an exposure's dimension record."""
    return {
        "instrument": exposure.instrument,
        "id": exposure.id,
        "obs_id": exposure.obs_id,
        "day_obs": exposure.day_obs,
        "group": exposure.group,
        "physical_filter": exposure.physical_filter,
        "seq_num": exposure.seq_num,
        "seq_start": exposure.seq_num,
        "seq_end": exposure.seq_num,
        "observation_type": exposure.observation_type,
        "observation_reason": exposure.observation_reason,
        "exposure_time": exposure.exposure_time_s,
        "dark_time": exposure.dark_time_s,
        "target_name": exposure.target_name,
        "science_program": exposure.science_program,
        "tracking_ra": exposure.tracking_ra_deg,
        "tracking_dec": exposure.tracking_dec_deg,
        "sky_angle": exposure.sky_angle_deg,
        "azimuth": exposure.azimuth_deg,
        "zenith_angle": exposure.zenith_angle_deg,
        "has_simulated": exposure.has_simulated,
        "can_see_sky": exposure.can_see_sky,
        "timespan": Timespan(exposure.begin_tai, exposure.end_tai),
    }


def _ingest_files(
    butler: Butler,
    raw_type: DatasetType,
    good: Mapping[tuple[str, int, int], tuple[Path, RawExposure]],
    transfer: str,
    summary: IngestSummary,
) -> None:
    """Take in the files whose data id is new; a second ingest would be refused."""
    datasets = []
    for (instrument, exposure, detector), (path, _) in good.items():
        run = f"{instrument}/raw/all"
        butler.collections.register(run, CollectionType.RUN)
        data_id = DataCoordinate.standardize(
            instrument=instrument,
            exposure=exposure,
            detector=detector,
            universe=butler.dimensions,
        )
        ref = DatasetRef(
            raw_type,
            butler.registry.expandDataId(data_id),
            run=run,
            id_generation_mode=DatasetIdGenEnum.DATAID_TYPE_RUN,
        )
        datasets.append(FileDataset(path=path, refs=[ref], formatter=CcdRawFormatter))
    stored = butler.stored_many([dataset.refs[0] for dataset in datasets])
    new = [dataset for dataset in datasets if not stored[dataset.refs[0]]]
    summary.present = len(datasets) - len(new)
    if new:
        butler.ingest(*new, transfer=transfer)
    summary.ingested = len(new)
