"""The verdict page's rows: clusters of failures of all types, worst first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from reports.domain.charts import Chart, Point, lay_out_trend
from reports.domain.results import show_unit
from reports.models import VerificationReport
from reports.services.geometry import detector_names, plane_of
from reports.services.history import (
    Before,
    before,
    earlier_reports,
    find_baseline,
    values_before,
)
from reports.services.values import TestValues, read_index
from taxicab.errors import NotFoundError

__all__ = [
    "N_SHOWN",
    "Finding",
    "RollUp",
    "count_clusters",
    "find_findings",
    "roll_up",
    "trend_over_exposures",
    "trend_over_reports",
    "worst_place",
]

N_SHOWN = 10
"""Rows that fit on a screen; the rest is one click away."""


@dataclass
class Finding:
    """One row: a cluster of failures, what was there before, what is said of it.

    Applications that know more, the board's for one, fill in the last two.
    """

    key: str
    """Of the part."""
    label: str
    cluster: Mapping[str, Any]
    before: Before
    waiver: str = ""
    """In words; empty where none covers it."""
    waiver_state: str = "none"
    links: list[tuple[str, str]] = field(default_factory=list)
    """Title and address: of its discussion, of a form for a waiver."""

    @property
    def state(self) -> str:
        """What the row counts as."""
        if self.cluster["is_advisory"]:
            return "warning"
        return "waived" if self.waiver_state == "waived" else "failed"

    @property
    def query(self) -> str:
        """The row's place as the query of its address."""
        scope = {
            name: self.cluster[name]
            for name, nothing in (
                ("exposure", 0),
                ("raft", ""),
                ("detector", -1),
                ("amplifier", ""),
            )
            if self.cluster.get(name, nothing) != nothing
        }
        return urlencode(scope)


@dataclass(frozen=True)
class RollUp:
    """How many results passed and failed at one type, raft or detector."""

    name: str
    n_passed: int
    n_failed: int
    n_advisory: int
    missing: str = ""
    address: str = ""

    @property
    def state(self) -> str:
        """Verdict of what is added up."""
        if self.n_failed:
            return "failed"
        if self.missing:
            return "missing"
        return "warning" if self.n_advisory else "passed"


def find_findings(
    report: VerificationReport, *, limit: int | None = N_SHOWN
) -> list[Finding]:
    """Put the clusters of all types in one order: what decides first, worst first."""
    pairs = [
        (stage, cluster)
        for stage in report.summary.get("stages", ())
        for cluster in stage.get("clusters", ())
    ]
    pairs.sort(key=lambda pair: _order(pair[1]))
    baseline = find_baseline(report)
    return [
        Finding(
            key=stage["key"],
            label=stage["label"],
            cluster=cluster,
            before=before(cluster, stage["key"], baseline),
        )
        for stage, cluster in pairs[:limit]
    ]


def count_clusters(report: VerificationReport) -> int:
    """Count the clusters of failures of all types."""
    stages = report.summary.get("stages", ())
    return sum(len(stage.get("clusters", ())) for stage in stages)


def roll_up(report: VerificationReport) -> dict[str, list[RollUp]]:
    """Add results up by type, raft and detector; the worst first, types in order."""
    stages = report.summary.get("stages", ())
    types = [_type(stage) for stage in stages]
    names = detector_names(report.ticket.instrument_id)
    detectors: dict[int, list[int]] = {}
    for stage in stages:
        for detector, *counts in _detector_counts(report, stage["key"]):
            if detector >= 0:
                sums = detectors.setdefault(detector, [0, 0, 0])
                for i, count in enumerate(counts):
                    sums[i] += count
    rafts: dict[str, list[int]] = {}
    for detector, counts in detectors.items():
        raft = names.get(detector, "").partition("_")[0]
        if raft:
            sums = rafts.setdefault(raft, [0, 0, 0])
            for i, count in enumerate(counts):
                sums[i] += count
    return {
        "types": types,
        "rafts": _worst_first(rafts.items()),
        "detectors": _worst_first(
            (names.get(detector, str(detector)), counts)
            for detector, counts in detectors.items()
        ),
    }


def worst_place(report: VerificationReport, key: str) -> tuple[int, str]:
    """Find the amplifier that a part's figures begin with: its worst, or the first."""
    for stage in report.summary.get("stages", ()):
        for one in stage.get("failing_amplifiers", ()) if stage["key"] == key else ():
            return one["detector"], one["amplifier"]
    try:
        measured = read_index(report, key).places.get("AMP", ())
    except NotFoundError:
        measured = ()
    return next(iter(measured or plane_of(report.ticket.instrument_id).places))


def trend_over_exposures(
    report: VerificationReport, key: str, cluster: Mapping[str, Any]
) -> Chart | None:
    """Draw the worst value of a cluster's place on each exposure."""
    test = read_index(report, key).test(cluster["level"], cluster["test"])
    place = {**cluster, "exposure": 0}
    values = values_before(place, key, report)
    if values is None or len(values.exposures) < 2:
        return None
    points = [_point(values, i, str(e)) for i, e in enumerate(values.exposures)]
    return lay_out_trend(
        points,
        y_label=_axis(test),
        unit=show_unit(test["unit"]),
        x_label="exposure",
    )


def trend_over_reports(
    report: VerificationReport, key: str, cluster: Mapping[str, Any]
) -> Chart | None:
    """Draw the worst value of a cluster's place in each report up to this one."""
    test = read_index(report, key).test(cluster["level"], cluster["test"])
    place = {**cluster, "exposure": 0}
    points = []
    for one in [*reversed(earlier_reports(report)), report]:
        values = values_before(place, key, one)
        if values is not None and values.state.any():
            label = f"{one.ticket.key} v{one.version}"
            points.append(_worst_point(values, label))
    if len(points) < 2:
        return None
    return lay_out_trend(
        points,
        y_label=_axis(test),
        unit=show_unit(test["unit"]),
        x_label="report, worst of its exposures",
    )


def _point(values: TestValues, row: int, label: str) -> Point:
    one = TestValues(
        values.level,
        values.test,
        (values.exposures[row],),
        values.places,
        values.value[row : row + 1],
        values.limit[row : row + 1],
        values.state[row : row + 1],
    )
    return _worst_point(one, label)


def _worst_point(values: TestValues, label: str) -> Point:
    value, limit = values.worst()
    return Point(label, value, limit, bool(values.has_failed.any()))


def _axis(test: Mapping[str, Any]) -> str:
    unit = show_unit(test["unit"])
    return f"{test['statistic']} ({unit})" if unit else str(test["statistic"])


def _order(cluster: Mapping[str, Any]) -> tuple[bool, float, int]:
    margin = cluster["worst"]["margin"]
    badness = float("inf") if margin is None else margin
    return (cluster["is_advisory"], -badness, -cluster["n_failed"])


def _type(stage: Mapping[str, Any]) -> RollUp:
    counts = stage["counts"]
    return RollUp(
        name=stage["label"],
        n_passed=counts["passed"],
        n_failed=counts["failed"],
        n_advisory=counts["warnings"],
        missing=stage["missing"],
        address=stage["key"],
    )


def _detector_counts(
    report: VerificationReport, key: str
) -> Sequence[tuple[int, int, int, int]]:
    try:
        return read_index(report, key).detectors
    except NotFoundError:
        return ()


def _worst_first(counts: Any) -> list[RollUp]:
    rows = [RollUp(name, *numbers) for name, numbers in counts]
    return sorted(rows, key=lambda row: (-row.n_failed, -row.n_advisory, row.name))
