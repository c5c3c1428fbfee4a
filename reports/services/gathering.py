"""Gathering what a report shows from the Butler, through the gateway."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from calibrations.butler.client import ButlerGateway
from calibrations.butler.records import DatasetInfo, MetricRow
from calibrations.domain.cameras import CAMERAS, Camera
from calibrations.domain.criteria import criteria_for
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
    combined: dict[int, str] = field(default_factory=dict)
    """Path of the combined image, by detector."""
    residuals: dict[tuple[int, int], str] = field(default_factory=dict)
    """Path of the residual, by detector and exposure."""
    missing: str = ""
    """What is absent, in a sentence; empty when nothing is."""

    @property
    def notes(self) -> dict[TestKey, TestNote]:
        """The criteria of the stage, by level and test."""
        return notes_for(self.plan.calib_type)

    @property
    def detectors(self) -> list[int]:
        """Ids of all detectors that something is known of."""
        known = {r.detector for r in self.results if r.detector >= 0}
        return sorted(known | set(self.combined) | {d for d, _ in self.residuals})

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


def notes_for(calib_type: str) -> dict[TestKey, TestNote]:
    """Describe the criteria of a type, by level and test."""
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
        for one in criteria_for(calib_type)
    }


def _gather(
    gateway: ButlerGateway,
    plan: StagePlan,
    datasets: Mapping[tuple[str, str], list[DatasetInfo]],
) -> StageEvidence:
    results, missing = [], plan.missing
    if plan.verification:
        try:
            rows = gateway.read_metrics(plan.verification, plan.tests_dataset)
        except NotFoundError as error:
            rows, missing = [], f"{plan.verification} has no table of tests: {error}"
        results = [make_result(row) for row in rows]
        if not results and not missing:
            missing = f"{plan.verification} has no result of any test."
    combined = datasets.get((plan.generation, plan.calib_type), [])
    if plan.generation and not combined:
        missing = missing or f"{plan.generation} has no {plan.calib_type} in it."
    residuals: list[DatasetInfo] = []
    for name in plan.residual_datasets:
        residuals = residuals or datasets.get((plan.verification, name), [])
    return StageEvidence(
        plan=plan,
        results=results,
        combined={_id(info, "detector"): info.path for info in combined},
        residuals={
            (_id(info, "detector"), _id(info, "exposure")): info.path
            for info in residuals
        },
        missing=missing,
    )


def _datasets_by_run(
    gateway: ButlerGateway, plans: Sequence[StagePlan]
) -> dict[tuple[str, str], list[DatasetInfo]]:
    runs = {p.generation for p in plans} | {p.verification for p in plans}
    types = {p.calib_type for p in plans}
    types |= {name for p in plans for name in p.residual_datasets}
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
