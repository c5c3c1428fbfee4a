"""What goes to a repository's process and what comes back: plain data.

Imports no lsst: the portal holds these, the process at the repository makes them.
Everything is built of JSON's own values, so that `dataclasses.asdict` is the message.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

__all__ = [
    "ButlerSettings",
    "ChainChange",
    "CollectionInfo",
    "CompanionOutcome",
    "CuratedOutcome",
    "DatasetInfo",
    "ExportSummary",
    "Exposure",
    "ImportSummary",
    "IngestOutcome",
    "IngestedKind",
    "MetricRow",
    "PipelineOutcome",
    "PipelineRequest",
    "QuantumFailure",
    "RawHeader",
    "Record",
    "RunContents",
    "SelfReview",
    "ValidityRow",
]

MetricRow = dict[str, Any]
"""One row of a ``verify{Type}Tests`` table, by column name."""


class Record:
    """A dataclass that can be read back from its message."""

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> Self:
        """Make a record from a message, whose other keys are left alone."""
        names = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in values.items() if name in names})


@dataclass(frozen=True)
class ButlerSettings(Record):
    """A repository and everything about it that a site may have otherwise.

    ``{instrument}`` in a name stands for the instrument.
    """

    root: str
    """Folder, or the address of a Butler configuration."""
    instrument: str
    camera_policy: str = ""
    """Folder of the cameras' own YAML (obs_lsst's ``policy``), for a site's gains, read
    noises, saturations and serial numbers; empty: what this project knows of them."""
    interpreter: str = sys.executable
    """Python in which the site's lsst packages are installed; a script that sets up a
    stack ends in ``exec python "$@"``, so that no shell stands between."""
    environment: dict[str, str] = field(default_factory=dict)
    raw_dataset_type: str = "raw"
    raw_collection: str = "{instrument}/raw/all"
    default_chain: str = "{instrument}/calib"
    instrument_class: str = ""
    """In place of the instrument that a pipeline names; empty leaves that alone."""
    pipelines: dict[str, str] = field(default_factory=dict)
    """Address of the pipeline YAML for each of bias, dark, flat, verifyBias,
    verifyDark, verifyFlat, selfReview."""
    self_review_dataset_type: str = "selfReviewExp"
    """Dataset whose header names the calibrations that were applied."""
    processes: int = 1
    """Quanta executed at once."""
    lock_folder: str | None = None
    """Where the writers' lock file lies; the repository's folder if not given."""
    lock_wait_s: float = 600.0
    """How long a writer waits for another one before it gives up."""

    def __post_init__(self) -> None:
        for name in ("raw_collection", "default_chain"):
            value = getattr(self, name).replace("{instrument}", self.instrument)
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Exposure(Record):
    """An exposure as the Butler describes it."""

    id: int
    obs_id: str
    day_obs: int
    seq_num: int
    observation_type: str
    observation_reason: str
    physical_filter: str
    exposure_time_s: float
    dark_time_s: float
    begin_tai: str
    """ISO-8601."""
    n_detectors: int
    """Detectors of which a raw is in the repository."""


@dataclass(frozen=True)
class RawHeader(Record):
    """The primary header of an exposure's raw, of one detector."""

    exposure: int
    detector: int | None = None
    """Whose raw was read: the lowest one; None where there is no raw."""
    file: str = ""
    """Name of the file, without its folder."""
    cards: list[list[Any]] = field(default_factory=list)
    """Keyword, value and comment of every card, in the header's order."""
    missing: str = ""
    """Why there are no cards, in a sentence; empty where there are."""


@dataclass(frozen=True)
class PipelineRequest(Record):
    """A pipeline to run; the same request with the same run is a resume."""

    pipeline: str
    """Key of the settings' pipelines, or an address."""
    inputs: list[str]
    """Input collections in the order of search."""
    run: str
    """Output RUN."""
    where: str
    """Butler expression that selects the data."""
    work_folder: str
    """Keeps the graph, so that a resume writes the same datasets."""
    creation_time: str = ""
    """ISO-8601, UTC: written into the products as their date, never the clock's."""
    overrides: dict[str, Any] = field(default_factory=dict)
    """Configuration: ``{"taskLabel:field": value}``."""
    processes: int | None = None
    """Quanta at once; the settings' number if not given."""


@dataclass(frozen=True)
class QuantumFailure(Record):
    """A quantum that raised, or whose datasets are not there."""

    task: str
    data_id: dict[str, Any]
    error: str
    """Class of the exception and its message."""
    traceback: str


@dataclass(frozen=True)
class PipelineOutcome(Record):
    """What a run of a pipeline left in the repository."""

    run: str
    quanta: int
    executed: int
    skipped: int
    """Quanta whose datasets an earlier try had left complete."""
    resumed: bool
    datasets: dict[str, int]
    """Datasets that exist in the run, by dataset type."""
    fingerprint: str
    """SHA-256 of request, pipeline and versions."""
    versions: dict[str, str]
    input_exposures: list[int]


@dataclass(frozen=True)
class ChainChange(Record):
    """A chain's children before and after."""

    chain: str
    before: list[str]
    after: list[str]
    changed: bool


@dataclass(frozen=True)
class CollectionInfo(Record):
    """A collection."""

    name: str
    type: str
    """RUN, TAGGED, CHAINED or CALIBRATION."""
    children: list[str]
    n_datasets: int
    """Of a chain: those of its children together."""


@dataclass(frozen=True)
class RunContents(Record):
    """A run that a collection leads to."""

    collection: str
    """Under which it was found: itself, or a chain that holds it."""
    run: str
    dataset_types: list[str]
    """That it may have; the Butler never forgets one."""


@dataclass(frozen=True)
class DatasetInfo(Record):
    """A dataset and where its file lies."""

    type: str
    data_id: dict[str, Any]
    run: str
    uuid: str
    path: str
    """Absolute; empty where the repository has no file for it."""


@dataclass(frozen=True)
class ValidityRow(Record):
    """One calibration of one detector and its validity."""

    type: str
    detector: int | None
    filter: str | None
    begin: str | None
    end: str | None
    """ISO-8601, TAI, half-open; None is open."""
    collection: str
    uuid: str
    run: str


@dataclass(frozen=True)
class ExportSummary(Record):
    """An export folder."""

    folder: str
    datasets: int
    collections: list[str]
    files: list[str]
    """Relative to the folder, ``export.yaml`` among them."""


@dataclass(frozen=True)
class ImportSummary(Record):
    """What an import did, dataset by dataset."""

    imported: int
    present: int
    repaired: int
    collections: list[str]


@dataclass(frozen=True)
class SelfReview(Record):
    """Whether a repository now finds the new calibrations by itself."""

    status: str
    """``passed``, ``failed``, or ``waiting`` for an exposure in the range."""
    exposure: int | None
    calibrations: list[dict[str, str]]
    """``type``, ``uuid`` and ``run`` from the output's header."""
    reason: str
    """A sentence."""
    run: str | None = None


@dataclass(frozen=True)
class IngestedKind(Record):
    """Files of one kind among those that an ingest was given."""

    instrument: str
    day_obs: int
    observation_type: str
    observation_reason: str
    physical_filter: str
    exposures: int
    files: int


@dataclass(frozen=True)
class IngestOutcome(Record):
    """What an ingest did with its files."""

    ingested: int
    present: int
    """Files that the repository had already."""
    kinds: list[IngestedKind]
    bad_files: dict[str, str]
    """Why a file was left out, by path."""
    problems: dict[str, list[str]]
    """What is missing or contradictory in a file that was taken in, by path."""

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> Self:
        """Make the outcome from a message."""
        kinds = [IngestedKind.load(kind) for kind in values["kinds"]]
        return super().load({**values, "kinds": kinds})


@dataclass(frozen=True)
class CuratedOutcome(Record):
    """What became of a folder of curated calibrations."""

    collection: str
    """The CALIBRATION collection they are certified in."""
    ingested: int
    present: int
    """Tables that were there already."""
    certified: int
    """Ranges that are new or were changed."""
    datasets: dict[str, int]
    """Good tables by dataset type."""
    bad_files: dict[str, str]
    """Why a file was left out, by path."""
    unused: list[str]
    """Types in the folder that nothing here uses."""


@dataclass(frozen=True)
class CompanionOutcome(Record):
    """What became of exposures' companions."""

    ingested: int
    present: int
    datasets: dict[str, int]
    bad_files: dict[str, str]
    """Files left out, for no exposure was theirs or they are broken, by path."""
