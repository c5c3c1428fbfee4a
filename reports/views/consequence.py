"""The page of consequences: what is found when, as it is and as it would be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from calibrations.domain.cameras import CAMERAS
from calibrations.domain.selections import night_begin_tai
from calibrations.domain.timelines import Change, Lane, Outcome
from calibrations.domain.validity import parse_tai
from calibrations.models import ConstructionStage
from calibrations.services.consequences import ticket_consequences
from reports import tasks
from reports.models import ReportConsequence, VerificationReport
from reports.services.consequence import (
    Found,
    lanes_of,
    look_up,
    request_consequence,
    running_readings,
)
from reports.views.finding import find_report
from taxicab.core.pages import POLL_ENDED, signed_in
from taxicab.core.services.subjects import events_about
from taxicab.errors import InputError

__all__ = ["consequence", "live", "read"]

WIDTH = 1000
"""Of a bar, in the units of its drawing."""

MARGIN = 0.08
"""Share of the width for all time before the first edge, and for all after the last."""

REACH = timedelta(days=3653)
"""Ten years are drawn to scale: curated calibrations begin at any time before."""

WORDS = {
    Change.SAME: "as before",
    Change.REPLACED: "replaced",
    Change.FILLED: "a gap is filled",
    Change.GAP: "gap",
    Change.LOST: "lost",
}
_GRAVITY = (Change.LOST, Change.GAP, Change.REPLACED, Change.FILLED, Change.SAME)


@dataclass(frozen=True)
class Bar:
    """A piece of a bar: where it is drawn, what it means and what it says."""

    x: float
    width: float
    look: str
    title: str


class Axis:
    """Turns instants into places along a bar; the same for all lanes.

    It reaches over the nights that are affected as well: of a range with an open end
    they lie after its last edge.
    """

    def __init__(self, lanes: Iterable[Lane], nights: Iterable[int] = ()) -> None:
        edges = {e for lane in lanes for r in lane.rows for e in (r.begin, r.end) if e}
        edges |= {parse_tai(night_begin_tai(day)) for day in nights}
        times = sorted(datetime.fromisoformat(edge) for edge in edges)
        last = times[-1] if times else datetime(2000, 1, 1)
        self.first = next((one for one in times if one > last - REACH), last)
        self.last = max(last, self.first + timedelta(days=1))

    def place(self, instant: str | None, *, is_end: bool = False) -> float:
        """Give where an instant lies; open ends lie at the edges."""
        if instant is None:
            return float(WIDTH) if is_end else 0.0
        span = (self.last - self.first).total_seconds()
        since = (datetime.fromisoformat(instant) - self.first).total_seconds()
        since = max(since, -span * MARGIN / 2)
        return round(WIDTH * (MARGIN + (1 - 2 * MARGIN) * since / span), 1)

    def bar(self, begin: str | None, end: str | None, look: str, title: str) -> Bar:
        """Draw a piece from one instant to another."""
        x = self.place(begin)
        return Bar(x, max(2.0, self.place(end, is_end=True) - x), look, title)


@require_safe
def consequence(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Show timelines, what a date gets, affected exposures, and what is left behind."""
    report = find_report(request, key, version)
    known = ReportConsequence.objects.filter(report=report).first()
    context: dict[str, Any] = {
        "report": report,
        "ticket": report.ticket,
        "tab": "consequence",
        "known": known,
        "jobs": running_readings(report),
        "asked": request.GET.get("at", ""),
        "detectors": _detectors(report),
        "resting": ticket_consequences(report.ticket),
    }
    if known:
        context["adopted_at"] = adopted_at = _adopted_at(report)
        context["is_past"] = bool(adopted_at and known.read_at < adopted_at)
        lanes = lanes_of(known)
        axis = Axis(lanes, (night["day_obs"] for night in known.nights))
        context["axis"] = axis
        context["lanes"] = [_draw(lane, axis) for lane in lanes]
        context["n_exposures"] = sum(night["n"] for night in known.nights)
        context |= _looked_up(request, known)
    return render(request, "reports/consequence.html", context)


@require_safe
def live(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Answer the poll of a reading; once it is done, show it."""
    report = find_report(request, key, version)
    jobs = running_readings(report)
    if not jobs:
        response = HttpResponse(status=POLL_ENDED)
        response["HX-Refresh"] = "true"
        return response
    context = {"report": report, "ticket": report.ticket, "jobs": jobs}
    return render(request, "reports/_consequence_jobs.html", context)


@require_POST
def read(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Have the Butler read anew, and go back."""
    report = find_report(request, key, version)
    request_consequence(report, by=signed_in(request), task=tasks.read_consequence)
    return redirect("report-consequence", key, version)


def _adopted_at(report: VerificationReport) -> datetime | None:
    """Say when the set was adopted; `None` while it is not, or was retracted since."""
    ticket = report.ticket
    if ticket.stage != ConstructionStage.REVIEWED:
        return None
    moved = events_about(("construction", ticket.key)).filter(
        action=f"stage → {ConstructionStage.REVIEWED}"
    )
    return moved.values_list("at", flat=True).order_by("-pk").first()


def _detectors(report: VerificationReport) -> list[tuple[int, str]]:
    camera = CAMERAS.get(report.ticket.instrument_id)
    return [(one.id, one.name) for one in camera.detectors] if camera else []


def _looked_up(request: HttpRequest, known: ReportConsequence) -> dict[str, Any]:
    asked = request.GET.get("at", "")
    detector = request.GET.get("detector", "")
    number = int(detector) if detector.isdecimal() and len(detector) < 6 else 0
    found: list[Found] = []
    instant, problem = "", ""
    if asked:
        try:
            instant, found = look_up(known, asked, number)
        except InputError as error:
            problem = str(error)
    return {"found": found, "instant": instant, "problem": problem, "detector": number}


def _draw(lane: Lane, axis: Axis) -> dict[str, Any]:
    """Draw a lane: what serves now and then, and each collection in its order."""
    collections = list(dict.fromkeys(row.collection for row in lane.rows))
    return {
        "type": lane.type,
        "filter": lane.filter,
        "is_changed": any(s.is_changed for s in lane.stretches),
        "now": [
            axis.bar(s.begin, s.end, _look_now(s.outcomes), _names(s.outcomes, "now"))
            for s in lane.stretches
        ],
        "then": [
            axis.bar(s.begin, s.end, _gravest(s.outcomes), _names(s.outcomes, "then"))
            for s in lane.stretches
        ],
        "collections": [(name, _ranges(lane, name, axis)) for name in collections],
        "stretches": [
            {
                "begin": s.begin,
                "end": s.end,
                "outcomes": [
                    {
                        "now": one.now,
                        "then": one.then,
                        "n": len(one.detectors),
                        "change": str(one.change),
                        "word": WORDS[one.change],
                    }
                    for one in s.outcomes
                ],
                "shadowed": s.shadowed,
            }
            for s in lane.stretches
        ],
    }


def _ranges(lane: Lane, collection: str, axis: Axis) -> list[Bar]:
    """Draw where a collection has something, over it where that is found."""
    bars = [
        axis.bar(row.begin, row.end, "shadowed", "found by no detector: shadowed")
        for row in lane.rows
        if row.collection == collection
    ]
    for stretch in lane.stretches:
        serves = [one for one in stretch.outcomes if one.then == collection]
        if serves:
            look = _gravest(serves)
            bars.append(axis.bar(stretch.begin, stretch.end, look, "found"))
    return bars


def _look_now(outcomes: Sequence[Outcome]) -> str:
    return str(Change.SAME if all(one.now for one in outcomes) else Change.GAP)


def _gravest(outcomes: Sequence[Outcome]) -> str:
    return str(min((one.change for one in outcomes), key=_GRAVITY.index))


def _names(outcomes: Sequence[Outcome], side: str) -> str:
    names = dict.fromkeys(getattr(one, side) or "nothing" for one in outcomes)
    return ", ".join(names) or "nothing"
