"""The verdict page's rows: clusters of failures of all types, worst first."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from reports.domain.charts import Chart, Point, lay_out_trend
from reports.domain.clusters import urgency
from reports.domain.results import show_unit
from reports.models import VerificationReport
from reports.services.geometry import plane_of
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
    "cluster_key",
    "find_findings",
    "trend_over_exposures",
    "trend_over_reports",
    "worst_clusters",
    "worst_place",
]

N_SHOWN = 10
"""Rows that fit on a screen; the rest is one click away."""


@dataclass
class Finding:
    """One row: a cluster of failures, what was there before, what is said of it.

    Applications that know more, the board's for one, fill in the last four.
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
    said: list[tuple[str, str]] = field(default_factory=list)
    """Who said what about it, the last of it."""

    @property
    def state(self) -> str:
        """What the row counts as."""
        if self.cluster["is_advisory"]:
            return "warning"
        if self.waiver_state == "waived":
            return "waived"
        return "failed" if self.is_measured else "missing"

    @property
    def is_measured(self) -> bool:
        """Whether there is a number to judge."""
        return _is_measured(self.cluster)

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


def find_findings(
    report: VerificationReport,
    *,
    first: int = 0,
    limit: int | None = N_SHOWN,
    settled: Collection[str] = (),
) -> list[Finding]:
    """Put the clusters of all types in one order: what decides first, worst first.

    Parameters
    ----------
    first, limit
        Which rows of the order, and how many.
    settled
        Keys of clusters (`cluster_key`) that somebody has answered for: they come
        after those that nobody has.
    """
    pairs = worst_clusters(report.summary, settled=settled)
    baseline = find_baseline(report)
    return [
        Finding(
            key=stage["key"],
            label=stage["label"],
            cluster=cluster,
            before=before(cluster, stage["key"], baseline),
        )
        for stage, cluster in pairs[first:][:limit]
    ]


def worst_clusters(
    summary: Mapping[str, Any], *, settled: Collection[str] = ()
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Put the clusters of a summary in that order, each after its type."""
    pairs = [
        (stage, cluster)
        for stage in summary.get("stages", ())
        for cluster in stage.get("clusters", ())
    ]
    pairs.sort(
        key=lambda pair: (
            pair[1]["is_advisory"],
            cluster_key(pair[0]["key"], pair[1]) in settled,
            _order(pair[1]),
        )
    )
    return pairs


def cluster_key(part: str, cluster: Mapping[str, Any]) -> str:
    """Name a cluster by its part, test and place, apart from all others of a report."""
    words = (part, cluster["level"], cluster["test"], cluster["kind"])
    place = tuple(cluster[n] for n in ("raft", "detector", "amplifier", "exposure"))
    return ":".join(str(word) for word in (*words, *place))


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


def _order(cluster: Mapping[str, Any]) -> tuple[Any, ...]:
    worst = cluster["worst"]
    found = urgency(
        is_advisory=cluster["is_advisory"],
        is_measured=_is_measured(cluster),
        margin=worst["margin"],
        value=worst["value"],
    )
    return (*found, -cluster["n_failed"])


def _is_measured(cluster: Mapping[str, Any]) -> bool:
    """Whether there is a number to judge; reports of format 1 do not say it."""
    worst = cluster["worst"]
    is_there = worst["value"] is not None and worst["limit"] is not None
    return cluster.get("is_measured", is_there)
