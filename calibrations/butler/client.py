"""The gateway: everything the portal asks of a Butler repository. Imports no lsst.

Each method runs one process beside the portal, hands it a request, passes its events
on, and returns plain records or raises one of our errors. It translates and never
decides: names and ranges go in, and what the repository says comes out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from calibrations.butler.process import Event, run_process
from calibrations.butler.records import (
    ButlerSettings,
    ChainChange,
    CollectionInfo,
    CompanionOutcome,
    CuratedOutcome,
    DatasetInfo,
    ExportSummary,
    Exposure,
    ImportSummary,
    IngestOutcome,
    MetricRow,
    PipelineOutcome,
    PipelineRequest,
    QuantumFailure,
    RawHeader,
    RunContents,
    SelfReview,
    ValidityRow,
)

POLICY_VARIABLE = "TAXICAB_CAMERA_POLICY"
"""Read by `calibrations.butler.camera_policy`."""

__all__ = [
    "ButlerGateway",
    "ButlerSettings",
    "ChainChange",
    "CollectionInfo",
    "CompanionOutcome",
    "CuratedOutcome",
    "DatasetInfo",
    "Event",
    "ExportSummary",
    "Exposure",
    "ImportSummary",
    "IngestOutcome",
    "MetricRow",
    "PipelineOutcome",
    "PipelineRequest",
    "QuantumFailure",
    "RawHeader",
    "RunContents",
    "SelfReview",
    "ValidityRow",
]


class ButlerGateway:
    """One repository, seen from the portal.

    Parameters
    ----------
    settings
        The repository and its names.
    on_event
        Called with each event as it happens: ``{"event": "graph" | "quantum" | "log" |
        "progress" | "message" | "end", ...}``.
    should_cancel
        Asked several times a second; once it says yes the operation is ended and
        `CancelledError` raised.
    """

    def __init__(
        self,
        settings: ButlerSettings,
        *,
        on_event: Callable[[Event], None] | None = None,
        should_cancel: Callable[[], bool] | None = None,
    ) -> None:
        self.settings = settings
        self.on_event = on_event
        self.should_cancel = should_cancel

    def select_exposures(self, where: str) -> list[Exposure]:
        """List the exposures that match a Butler expression, in order of id."""
        return [Exposure.load(e) for e in self._call("select_exposures", where=where)]

    def read_headers(self, exposures: Sequence[int]) -> list[RawHeader]:
        """Read the primary header of a raw of each exposure, in order of id.

        It is that of the lowest detector. What cannot be read says so in `missing`.
        """
        found = self._call("read_headers", exposures=list(exposures))
        return [RawHeader.load(one) for one in found]

    def run_pipeline(self, request: PipelineRequest) -> PipelineOutcome:
        """Build the graph, or take up the saved one, and execute what is not done.

        Raises
        ------
        EmptyGraphError, MissingCollectionError, RunChangedError, QuantaFailedError
            The last one's details hold ``failures``, a list of `QuantumFailure` as
            dictionaries, and ``outcome``.
        """
        return PipelineOutcome.load(self._call("run_pipeline", **asdict(request)))

    def certify_calibration(
        self,
        run: str,
        dataset_type: str,
        collection: str,
        begin_tai: str | None,
        end_tai: str | None = None,
        *,
        chain: str | None = None,
    ) -> int:
        """Certify all datasets of a type in a run; return how many are certified.

        Again with the same range changes nothing; another range that overlaps raises
        `OverlapError`. With ``chain`` a range that overlaps with one in any collection
        of that chain is refused as well.
        """
        return int(
            self._call(
                "certify_calibration",
                run=run,
                dataset_type=dataset_type,
                collection=collection,
                begin_tai=begin_tai,
                end_tai=end_tai,
                chain=chain,
            )
        )

    def decertify_calibration(
        self,
        collection: str,
        dataset_type: str,
        begin_tai: str | None,
        end_tai: str | None = None,
    ) -> int:
        """Take a range back; return how many ranges the collection still has.

        A range that is not there changes nothing.
        """
        return int(
            self._call(
                "decertify_calibration",
                collection=collection,
                dataset_type=dataset_type,
                begin_tai=begin_tai,
                end_tai=end_tai,
            )
        )

    def define_chain(self, chain: str, children: Sequence[str]) -> ChainChange:
        """Make a chain of exactly these children, in this order."""
        return ChainChange.load(
            self._call("define_chain", chain=chain, children=list(children))
        )

    def prepend_chain(self, chain: str, child: str) -> ChainChange:
        """Put a child first in a chain; one that is in it already stays where it is."""
        return ChainChange.load(self._call("prepend_chain", chain=chain, child=child))

    def remove_from_chain(self, chain: str, child: str) -> ChainChange:
        """Take a child out of a chain; one that is not in it changes nothing."""
        return ChainChange.load(
            self._call("remove_from_chain", chain=chain, child=child)
        )

    def collections(self, pattern: str | Iterable[str] = "*") -> list[CollectionInfo]:
        """Describe the collections that match a glob, or several, sorted by name."""
        patterns = [pattern] if isinstance(pattern, str) else list(pattern)
        found = self._call("collections", patterns=patterns)
        return [CollectionInfo.load(c) for c in found]

    def find_runs(self, collections: Sequence[str]) -> list[RunContents]:
        """List the runs that collections lead to, in the order of search."""
        found = self._call("find_runs", collections=list(collections))
        return [RunContents.load(one) for one in found]

    def read_metrics(self, collection: str, dataset_type: str) -> list[MetricRow]:
        """Read every row of a type of table in a collection."""
        return list(
            self._call("read_metrics", collection=collection, dataset_type=dataset_type)
        )

    def list_datasets(
        self,
        collections: Sequence[str],
        dataset_types: Sequence[str] = ("*",),
        *,
        find_first: bool = False,
    ) -> list[DatasetInfo]:
        """List datasets with their files; names of types may be globs."""
        found = self._call(
            "list_datasets",
            collections=list(collections),
            dataset_types=list(dataset_types),
            find_first=find_first,
        )
        return [DatasetInfo.load(d) for d in found]

    def validity(self, chain: str) -> list[ValidityRow]:
        """List every certified dataset of a chain with its range, in chain order."""
        return [ValidityRow.load(r) for r in self._call("validity", chain=chain)]

    def remove_run(self, run: str) -> int:
        """Remove a run and its files, unless something links to it (`RunInUseError`).

        Returns the number of datasets removed; 0 if there is no such run.
        """
        return int(self._call("remove_run", run=run))

    def export_collection(self, chain: str, folder: str) -> ExportSummary:
        """Export a ticket's chain, its collections and its files into a folder."""
        return ExportSummary.load(
            self._call("export_collection", chain=chain, folder=folder)
        )

    def import_collection(
        self, folder: str, *, manifest: str | None = None
    ) -> ImportSummary:
        """Bring an export in, or complete and repair what came in before.

        The folder's ``manifest.json`` (or the one that is named) is checked before
        anything is touched; with none, only that no file is missing.
        """
        return ImportSummary.load(
            self._call("import_collection", folder=folder, manifest=manifest)
        )

    def ingest_raws(
        self,
        paths: Sequence[str],
        *,
        transfer: str = "copy",
        processes: int = 1,
        register: bool = False,
    ) -> IngestOutcome:
        """Take in raw files, folders of them or patterns; again changes nothing.

        One bad file never stops the others: the outcome says of each why. With
        ``register`` instruments that the repository does not know are registered as
        this project describes them.
        """
        return IngestOutcome.load(
            self._call(
                "ingest_raws",
                paths=list(paths),
                transfer=transfer,
                processes=processes,
                register=register,
            )
        )

    def ingest_curated(
        self,
        ticket: str,
        folder: str | None = None,
        *,
        camera_folder: str | None = None,
    ) -> CuratedOutcome:
        """Certify curated calibrations in a ticket's collection; again changes nothing.

        ``folder`` holds crosstalk and defects in the observatory's layout,
        ``camera_folder`` the camera's own YAML.
        """
        return CuratedOutcome.load(
            self._call(
                "ingest_curated",
                ticket=ticket,
                folder=folder,
                camera_folder=camera_folder,
            )
        )

    def ingest_companions(self, paths: Sequence[str]) -> CompanionOutcome:
        """Take in photodiode readings and shutter profiles with their exposures."""
        return CompanionOutcome.load(self._call("ingest_companions", paths=list(paths)))

    def tag_collection(self, chain: str, tagged: str) -> list[str]:
        """Associate every dataset of a chain; return the TAGGED collections used."""
        return list(self._call("tag_collection", chain=chain, tagged=tagged))

    def self_review(
        self,
        chain: str,
        ticket_chain: str,
        run: str,
        begin_tai: str | None,
        end_tai: str | None,
        work_folder: str,
        creation_time: str = "",
    ) -> SelfReview:
        """Process an exposure of the validity range and see what it was given."""
        return SelfReview.load(
            self._call(
                "self_review",
                chain=chain,
                ticket_chain=ticket_chain,
                run=run,
                begin_tai=begin_tai,
                end_tai=end_tai,
                work_folder=work_folder,
                creation_time=creation_time,
            )
        )

    def versions(self) -> dict[str, str]:
        """Versions of the packages with which the repository is processed."""
        return dict(self._call("versions"))

    def _call(self, operation: str, **arguments: Any) -> Any:
        return run_process(
            self.settings.interpreter,
            {
                "operation": operation,
                "settings": asdict(self.settings),
                "arguments": arguments,
            },
            environment=self._environment(),
            on_event=self.on_event,
            should_cancel=self.should_cancel,
        )

    def _environment(self) -> dict[str, str]:
        """Give what the process needs beside our own environment."""
        policy = self.settings.camera_policy
        given = {POLICY_VARIABLE: policy} if policy else {}
        return {**given, **self.settings.environment}
