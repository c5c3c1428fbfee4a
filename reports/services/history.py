"""A report against those that came before it for the same camera.

Looks at arrays of evidence alone, never at the rows or summaries of other reports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibrations.models import ConstructionStage
from reports.domain.results import show_margin, show_number
from reports.models import VerificationReport
from reports.services.geometry import raft_detectors
from reports.services.values import ABSENT, UNMEASURED, TestValues, read_values
from taxicab.errors import NotFoundError

__all__ = [
    "MAX_EARLIER",
    "Before",
    "before",
    "earlier_reports",
    "find_baseline",
    "values_at_worst",
    "values_before",
]

MAX_EARLIER = 9
"""Reports that a trend reaches back."""


@dataclass(frozen=True)
class Before:
    """What an earlier report measured at the place of a cluster."""

    word: str
    """new, passed, failed or unknown."""
    text: str
    margin: float | None = None
    report: VerificationReport | None = None


def earlier_reports(report: VerificationReport) -> list[VerificationReport]:
    """List what was reported before of this set, and of adopted sets of its camera.

    Newest first, at most MAX_EARLIER. Of an adopted set only the last report counts.
    """
    rows = (
        VerificationReport.objects.ready()
        .defer("summary")
        .select_related("ticket")
        .filter(ticket__instrument_id=report.ticket.instrument_id, pk__lt=report.pk)
        .order_by("-pk")
    )
    own = rows.filter(ticket=report.ticket)[:MAX_EARLIER]
    adopted = rows.filter(ticket__stage=ConstructionStage.REVIEWED).exclude(
        ticket=report.ticket
    )
    last: dict[int, VerificationReport] = {}
    # A set is seldom reported more than a few times before it is adopted.
    for row in adopted[: 5 * MAX_EARLIER]:
        last.setdefault(row.ticket_id, row)
    found = sorted([*own, *last.values()], key=lambda row: -row.pk)
    return found[:MAX_EARLIER]


def find_baseline(
    report: VerificationReport, earlier: Sequence[VerificationReport] | None = None
) -> VerificationReport | None:
    """Find what to compare with: this set's last report, or the last adopted set's."""
    rows = earlier_reports(report) if earlier is None else earlier
    own = [row for row in rows if row.ticket_id == report.ticket_id]
    return next(iter([*own, *rows]), None)


def before(
    cluster: Mapping[str, Any], key: str, baseline: VerificationReport | None
) -> Before:
    """Say what the baseline measured at a cluster's place.

    Parameters
    ----------
    cluster
        As a report's summary has it: level, test, exposure, detector, amplifier.
    key
        Of the part.
    """
    if baseline is None:
        return Before("new", "no earlier report")
    is_about_places = not cluster.get("exposure") and cluster.get("kind") != "camera"
    values = values_before(cluster, key, baseline, without_bad=is_about_places)
    if values is None or not values.state.any():
        return Before("new", "new", report=baseline)
    name = _name(baseline)
    n = int((values.state > ABSENT).sum())
    if not cluster.get("is_measured", True):
        gone = int((values.state == UNMEASURED).sum())
        if gone:
            said = f"not measured in {name}, {gone} of {n}"
            return Before("failed", said, report=baseline)
        return Before("passed", f"measured in {name}", report=baseline)
    failed = int(values.has_failed.sum())
    value, limit = values.worst()
    margin = (value - limit) / abs(limit) if value is not None and limit else None
    number = f"{show_number(value)}, limit {show_number(limit)}"
    said = show_margin(margin) or (number if value is not None else "not measured")
    if not failed:
        return Before("passed", f"passed in {name}: {said}", margin, baseline)
    return Before("failed", f"{said} in {name}, {failed} of {n}", margin, baseline)


def values_before(
    cluster: Mapping[str, Any],
    key: str,
    report: VerificationReport,
    *,
    without_bad: bool = False,
) -> TestValues | None:
    """Take an earlier report's values at a cluster's place; None where it has none.

    Without the bad ones, exposures that failed as a whole are left out.
    """
    try:
        values = read_values(report, key, cluster["level"], cluster["test"])
    except NotFoundError:
        return None
    if without_bad:
        values = values.of_good_exposures
    detector, raft = cluster.get("detector", -1), cluster.get("raft", "")
    detectors: frozenset[int] | None = None
    if detector >= 0:
        detectors = frozenset({detector})
    elif raft:
        detectors = raft_detectors(report.ticket.instrument_id, raft)
    return values.only(
        exposure=cluster.get("exposure", 0),
        detectors=detectors,
        amplifier=cluster.get("amplifier", ""),
    )


def values_at_worst(
    cluster: Mapping[str, Any], key: str, report: VerificationReport
) -> list[float]:
    """Give what a test measured on each exposure where a cluster is worst.

    Empty where there are no numbers: the report was made before they were kept.
    """
    here = values_before(cluster, key, report)
    place = here.worst_place() if here is not None else None
    if place is None:
        return []
    detector, amplifier = place
    everywhere = {**cluster, "exposure": 0, "detector": detector}
    values = values_before({**everywhere, "amplifier": amplifier}, key, report)
    if values is None:
        return []
    return [float(one) for one in values.value.ravel() if np.isfinite(one)]


def _name(report: VerificationReport) -> str:
    return f"{report.ticket.key} report {report.version}"
