"""Gathering what a report shows from the Butler, through the gateway."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from calibrations.butler.client import ButlerGateway
from calibrations.butler.records import DatasetInfo
from calibrations.domain.cameras import CAMERAS, Camera
from calibrations.domain.criteria import CRITERIA_VERSION, VERSIONS, criteria_for
from calibrations.domain.specifications import specification
from reports.domain.results import Result, TestNote
from reports.domain.stages import StagePlan
from reports.domain.verdicts import TestKey
from reports.services.columns import Results
from reports.services.readings import (
    Datasets,
    Metric,
    is_table,
    read_metrics,
    read_results,
    result_datasets,
)

__all__ = ["StageEvidence", "gather_stage", "gather_stages", "notes_for"]


@dataclass(frozen=True)
class StageEvidence:
    """What the Butler has of one stage."""

    plan: StagePlan
    results: Sequence[Result] = ()
    physical_filter: str = ""
    """Filter that it was made in; empty where the type knows none."""
    combined: dict[int, str] = field(default_factory=dict)
    """Path of the combined image, by detector."""
    residuals: dict[tuple[int, int], str] = field(default_factory=dict)
    """Path of the residual, by detector and exposure."""
    mosaics: dict[int, str] = field(default_factory=dict)
    """Path of the focal plane's mosaic, by exposure; 0: of the calibration itself."""
    diagnostics: dict[tuple[int, int], str] = field(default_factory=dict)
    """Path of a verification's own table of an exposure, by detector and exposure: it
    has profiles and spectra."""
    tables: dict[int, str] = field(default_factory=dict)
    """Path of the calibration, by detector, where it is a table."""
    unreadable: list[int] = field(default_factory=list)
    """Detectors whose calibration is a table in a form that only the science pipelines
    can read."""
    metrics: list[Metric] = field(default_factory=list)
    """Medians over the whole run, as verification kept them."""
    plots: list[tuple[str, int | None, str]] = field(default_factory=list)
    """Dataset type, detector (None: all) and path of what verification drew."""
    missing: str = ""
    """What is absent, in a sentence; empty when nothing is."""

    # There can be a million results: what is asked of all of them is asked once.
    @cached_property
    def columns(self) -> Results:
        """The results by column."""
        return Results.of(self.results)

    @cached_property
    def criteria_version(self) -> str:
        """Version of the limits that judged; empty where nothing was judged."""
        return ", ".join(sorted(self.columns.words["criteria_version"].used))

    @cached_property
    def notes(self) -> dict[TestKey, TestNote]:
        """The criteria that judged, by level and test: of the results' own version."""
        judged_by = self.columns.words["criteria_version"].used
        known = [one.name for one in VERSIONS if one.name in judged_by]
        version = known[-1] if known else CRITERIA_VERSION
        notes: dict[TestKey, TestNote] = {}
        for kind in self.plan.kinds:
            notes |= notes_for(kind, version)
        return notes

    @cached_property
    def tested_detectors(self) -> list[int]:
        """Ids of all detectors that have results."""
        found: list[int] = np.unique(self.columns.detector).tolist()
        return [detector for detector in found if detector >= 0]

    @cached_property
    def detectors(self) -> list[int]:
        """Ids of all detectors that something is known of."""
        known = set(self.tested_detectors)
        known |= set(self.combined) | set(self.tables) | set(self.unreadable)
        return sorted(known | {d for d, _ in self.residuals})

    @cached_property
    def exposures(self) -> list[int]:
        """Ids of all exposures that have results."""
        return sorted(set(np.unique(self.columns.exposure).tolist()) - {0})

    def detector_names(self, instrument: str) -> dict[int, str]:
        """Name of every detector; its id where the camera is not described."""
        camera = CAMERAS.get(instrument)
        return {d: _detector_name(camera, d) for d in self.detectors}


def gather_stages(
    gateway: ButlerGateway, plans: Sequence[StagePlan]
) -> list[StageEvidence]:
    """Read the tests of every verification and find the files of every image."""
    datasets = _datasets_by_run(gateway, plans)
    return [gather_stage(gateway, plan, datasets) for plan in plans]


def notes_for(kind: str, version: str = CRITERIA_VERSION) -> dict[TestKey, TestNote]:
    """Describe the criteria of a kind of verification, by level and test."""
    return {
        (one.level, one.test): TestNote(
            statistic=one.statistic,
            definition=one.definition,
            sense=one.sense,
            limit_expression=one.limit_expression,
            unit=one.unit,
            dmtn101=one.dmtn101,
            upstream=one.upstream,
            is_advisory=one.advisory,
        )
        for one in criteria_for(kind, version=version)
    }


def gather_stage(
    gateway: ButlerGateway, plan: StagePlan, datasets: Datasets
) -> StageEvidence:
    """Read the tests of one verification and find the files of its images."""
    datasets = _of_filter(plan, datasets)
    results, missing = read_results(gateway, plan, datasets)
    products = datasets.get((plan.generation, plan.calib_type), [])
    if plan.generation and not products:
        missing = missing or f"{plan.generation} has no {plan.calib_type} in it."
    unreadable = not plan.is_image and not all(is_table(info.path) for info in products)
    residuals: Sequence[DatasetInfo] = []
    for name in plan.residual_datasets:
        residuals = residuals or datasets.get((plan.verification, name), [])
    paths = {_id(info, "detector"): info.path for info in products}
    return StageEvidence(
        plan=plan,
        results=results,
        physical_filter=_filter(plan, datasets),
        combined=paths if plan.is_image else {},
        mosaics=_mosaics(plan, datasets),
        diagnostics=_diagnostics(plan, datasets),
        tables={} if plan.is_image or unreadable else paths,
        unreadable=sorted(paths) if unreadable else [],
        metrics=_metrics(plan, datasets),
        plots=_plots(plan, datasets),
        residuals={
            (_id(info, "detector"), _id(info, "exposure")): info.path
            for info in residuals
        },
        missing=missing,
    )


def _mosaics(plan: StagePlan, datasets: Datasets) -> dict[int, str]:
    """Find the mosaics of a generation and of its verification's exposures."""
    return {
        int(info.data_id.get("exposure", 0)): info.path
        for name in plan.mosaic_datasets
        for run in (plan.generation, plan.verification)
        for info in datasets.get((run, name), [])
    }


def _diagnostics(plan: StagePlan, datasets: Datasets) -> dict[tuple[int, int], str]:
    """Find the tables of single exposures that can be read here."""
    return {
        (_id(info, "detector"), _id(info, "exposure")): info.path
        for kind in plan.kinds[:1]
        for info in datasets.get((plan.verification, f"verify{kind}DetResults"), [])
        if is_table(info.path) and {"detector", "exposure"} <= info.data_id.keys()
    }


def _plots(plan: StagePlan, datasets: Datasets) -> list[tuple[str, int | None, str]]:
    """List what a verification drew: what shows all detectors first."""
    found = [
        (name, _detector(info), info.path)
        for (run, name), infos in datasets.items()
        if run == plan.verification and name.endswith("Plot")
        for info in infos
    ]
    return sorted(found, key=lambda p: (p[1] is not None, p[1] or 0, p[0]))


def _of_filter(plan: StagePlan, datasets: Datasets) -> Datasets:
    """Leave out what is of another filter; what knows none stays."""
    if not plan.physical_filter:
        return datasets
    wanted = (None, plan.physical_filter)
    return {
        place: [i for i in infos if i.data_id.get("physical_filter") in wanted]
        for place, infos in datasets.items()
    }


def _metrics(plan: StagePlan, datasets: Datasets) -> list[Metric]:
    return [
        metric
        for name in plan.metric_datasets
        for info in datasets.get((plan.verification, name), [])
        for metric in read_metrics(info.path)
    ]


def _filter(plan: StagePlan, datasets: Datasets) -> str:
    """Name the filter of a type that is made for each; the others hold in any.

    Exposures of a bias know one too: that which was in the beam.
    """
    if not specification(plan.calib_type).is_per_filter:
        return ""
    places = [(plan.generation, plan.calib_type)]
    places += [(plan.verification, name) for name in result_datasets(plan)]
    found = [info for place in places for info in datasets.get(place, ())]
    filters = {str(info.data_id.get("physical_filter", "")) for info in found}
    return ", ".join(sorted(filters - {""}))


def _detector(info: DatasetInfo) -> int | None:
    return int(info.data_id["detector"]) if "detector" in info.data_id else None


def _datasets_by_run(gateway: ButlerGateway, plans: Sequence[StagePlan]) -> Datasets:
    runs = {p.generation for p in plans} | {p.verification for p in plans}
    types = {p.calib_type for p in plans}
    types |= {name for p in plans for name in p.residual_datasets}
    types |= {name for p in plans for name in p.mosaic_datasets}
    types |= {name for p in plans for name in p.plot_datasets}
    types |= {name for p in plans for name in p.metric_datasets}
    types |= {name for p in plans for name in result_datasets(p)}
    found: dict[tuple[str, str], list[DatasetInfo]] = defaultdict(list)
    for info in gateway.list_datasets(sorted(runs - {""}), sorted(types)):
        if info.path:
            found[(info.run, info.type)].append(info)
    return found


def _id(info: DatasetInfo, dimension: str) -> int:
    return int(info.data_id[dimension])


def _detector_name(camera: Camera | None, detector: int) -> str:
    for known in camera.detectors if camera else ():
        if known.id == detector:
            return known.name
    return f"detector {detector}"
