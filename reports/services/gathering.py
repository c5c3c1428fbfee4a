"""Gathering what a report shows from the Butler, through the gateway."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from calibrations.butler.client import ButlerGateway
from calibrations.butler.records import DatasetInfo, MetricRow
from calibrations.domain.cameras import CAMERAS, Camera
from calibrations.domain.criteria import CRITERIA_VERSION, VERSIONS, criteria_for
from reports.domain.results import Result, TestNote
from reports.domain.stages import StagePlan
from reports.domain.verdicts import TestKey
from taxicab.errors import NotFoundError

__all__ = ["StageEvidence", "gather_stages", "make_result", "notes_for"]


@dataclass(frozen=True)
class StageEvidence:
    """What the Butler has of one stage."""

    plan: StagePlan
    results: list[Result] = field(default_factory=list)
    physical_filter: str = ""
    """Filter that it was made in; empty where the type knows none."""
    combined: dict[int, str] = field(default_factory=dict)
    """Path of the combined image, by detector."""
    residuals: dict[tuple[int, int], str] = field(default_factory=dict)
    """Path of the residual, by detector and exposure."""
    tables: dict[int, str] = field(default_factory=dict)
    """Path of the calibration, by detector, where it is a table."""
    plots: list[tuple[str, int | None, str]] = field(default_factory=list)
    """Dataset type, detector (None: all) and path of what verification drew."""
    missing: str = ""
    """What is absent, in a sentence; empty when nothing is."""

    @property
    def criteria_version(self) -> str:
        """Version of the limits that judged; empty where nothing was judged."""
        return ", ".join(sorted({result.criteria_version for result in self.results}))

    @property
    def notes(self) -> dict[TestKey, TestNote]:
        """The criteria that judged, by level and test: of the results' own version."""
        judged_by = {result.criteria_version for result in self.results}
        known = [one.name for one in VERSIONS if one.name in judged_by]
        version = known[-1] if known else CRITERIA_VERSION
        notes: dict[TestKey, TestNote] = {}
        for kind in self.plan.kinds:
            notes |= notes_for(kind, version)
        return notes

    @property
    def detectors(self) -> list[int]:
        """Ids of all detectors that something is known of."""
        known = {r.detector for r in self.results if r.detector >= 0}
        known |= set(self.combined) | set(self.tables)
        return sorted(known | {d for d, _ in self.residuals})

    def detector_names(self, instrument: str) -> dict[int, str]:
        """Name of every detector; its id where the camera is not described."""
        camera = CAMERAS.get(instrument)
        return {d: _detector_name(camera, d) for d in self.detectors}


def gather_stages(
    gateway: ButlerGateway, plans: Sequence[StagePlan]
) -> list[StageEvidence]:
    """Read the tests of every verification and find the files of every image."""
    datasets = _datasets_by_run(gateway, plans)
    return [_gather(gateway, plan, datasets) for plan in plans]


def make_result(row: MetricRow) -> Result:
    """Turn a row of a table of tests into a result; what is no number is None."""
    return Result(
        exposure=int(row["exposure"] or 0),
        detector=int(row["detector"]),
        amplifier=str(row["amplifier"] or ""),
        level=str(row["level"]),
        test=str(row["test"]),
        statistic=str(row["statistic"]),
        value=_number(row["value"]),
        limit=_number(row["limit"]),
        sense=str(row["sense"]),
        unit=str(row["unit"] or ""),
        passed=bool(row["passed"]),
        dmtn101=str(row["dmtn101"] or ""),
        criteria_version=str(row["criteria_version"]),
    )


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


def _gather(
    gateway: ButlerGateway,
    plan: StagePlan,
    datasets: Mapping[tuple[str, str], list[DatasetInfo]],
) -> StageEvidence:
    results, missing = _read_results(gateway, plan)
    products = datasets.get((plan.generation, plan.calib_type), [])
    if plan.generation and not products:
        missing = missing or f"{plan.generation} has no {plan.calib_type} in it."
    residuals: list[DatasetInfo] = []
    for name in plan.residual_datasets:
        residuals = residuals or datasets.get((plan.verification, name), [])
    paths = {_id(info, "detector"): info.path for info in products}
    return StageEvidence(
        plan=plan,
        results=results,
        physical_filter=_filter(products),
        combined=paths if plan.is_image else {},
        tables={} if plan.is_image else paths,
        plots=_plots(plan, datasets),
        residuals={
            (_id(info, "detector"), _id(info, "exposure")): info.path
            for info in residuals
        },
        missing=missing,
    )


def _read_results(gateway: ButlerGateway, plan: StagePlan) -> tuple[list[Result], str]:
    """Read every table of tests; says what is absent."""
    results: list[Result] = []
    missing = plan.missing
    if not plan.verification:
        return results, missing
    for name in plan.tests_datasets:
        try:
            rows = gateway.read_metrics(plan.verification, name)
        except NotFoundError as error:
            missing = missing or f"{plan.verification} has no {name}: {error}"
        else:
            results += [make_result(row) for row in rows]
    if not results and not missing:
        missing = f"{plan.verification} has no result of any test."
    return results, missing


def _plots(
    plan: StagePlan, datasets: Mapping[tuple[str, str], list[DatasetInfo]]
) -> list[tuple[str, int | None, str]]:
    """List the grids of a verification: those of all detectors first."""
    found = [
        (name, _detector(info), info.path)
        for (run, name), infos in datasets.items()
        if run == plan.verification and name.endswith("_GridPlot")
        for info in infos
    ]
    return sorted(found, key=lambda p: (p[1] is not None, p[1] or 0, p[0]))


def _filter(products: Sequence[DatasetInfo]) -> str:
    """Name the filter of a calibration's datasets, where they are of one."""
    filters = {str(info.data_id.get("physical_filter", "")) for info in products}
    return ", ".join(sorted(filters - {""}))


def _detector(info: DatasetInfo) -> int | None:
    return int(info.data_id["detector"]) if "detector" in info.data_id else None


def _datasets_by_run(
    gateway: ButlerGateway, plans: Sequence[StagePlan]
) -> dict[tuple[str, str], list[DatasetInfo]]:
    runs = {p.generation for p in plans} | {p.verification for p in plans}
    types = {p.calib_type for p in plans}
    types |= {name for p in plans for name in p.residual_datasets}
    types |= {name for p in plans for name in p.plot_datasets}
    found: dict[tuple[str, str], list[DatasetInfo]] = defaultdict(list)
    for info in gateway.list_datasets(sorted(runs - {""}), sorted(types)):
        if info.path:
            found[(info.run, info.type)].append(info)
    return found


def _id(info: DatasetInfo, dimension: str) -> int:
    return int(info.data_id[dimension])


def _number(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _detector_name(camera: Camera | None, detector: int) -> str:
    for known in camera.detectors if camera else ():
        if known.id == detector:
            return known.name
    return f"detector {detector}"
