"""What adopting a report's set changes: read from the Butler, laid out over time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from celery import Task
from django.contrib.auth.models import User

from calibrations.butler.client import ButlerGateway
from calibrations.butler.records import Exposure, ValidityRow
from calibrations.domain.names import ticket_chain
from calibrations.domain.selections import night_begin_tai
from calibrations.domain.timelines import (
    Certified,
    Lane,
    Stretch,
    find_serving,
    lay_out,
)
from calibrations.domain.validity import parse_tai
from calibrations.services.repositories import open_gateway
from reports.models import ReportConsequence, ReportStatus, VerificationReport
from taxicab.core.models import Job, JobStatus
from taxicab.core.services.jobs import JobRecorder, enqueue_job
from taxicab.errors import InputError

__all__ = [
    "Found",
    "lanes_of",
    "look_up",
    "queue_reading",
    "read_consequence",
    "request_consequence",
    "running_readings",
    "summarise_consequence",
]

KIND = "consequence"
WHOLE_CAMERA = -1
"""In place of a detector: the calibration is one of the camera."""

DAY_DIGITS = 8
"""An exposure's number begins with its day_obs."""

_MOVING = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True)
class Found:
    """What one type and filter gives at an instant, now and then."""

    type: str
    filter: str
    now: Certified | None
    then: Certified | None

    @property
    def is_changed(self) -> bool:
        """Whether it would be another."""
        return (self.now and self.now.collection) != (
            self.then and self.then.collection
        )


def request_consequence(
    report: VerificationReport, *, by: User | None, task: Task
) -> Job:
    """Have the Butler read for what a set would change; once at a time."""
    if running := running_readings(report):
        return running[0]
    return enqueue_job(
        task,
        kind=KIND,
        title=f"Consequence of report {report.version} of {report.ticket.key}",
        subject=("construction", report.ticket.key),
        by=by,
        repository=report.ticket.repository,
        parameters={"report": report.pk},
    )


def queue_reading(report_id: int, *, task: Task) -> None:
    """Have it read once a report is ready; not for one that could not be made."""
    report = VerificationReport.objects.select_related(
        "ticket__repository", "created_by"
    ).get(pk=report_id)
    if report.status == ReportStatus.READY:
        request_consequence(report, by=report.created_by, task=task)


def running_readings(report: VerificationReport) -> list[Job]:
    """List the jobs that read for a report now, or will."""
    jobs = Job.objects.filter(
        kind=KIND, status__in=_MOVING, subject_key=report.ticket.key
    )
    return [job for job in jobs if job.parameters.get("report") == report.pk]


def read_consequence(recorder: JobRecorder) -> None:
    """Read the default chain, the ticket's, and the exposures in what changes."""
    report = VerificationReport.objects.select_related(
        "ticket__repository__facility", "ticket__instrument"
    ).get(pk=recorder.job.parameters["report"])
    ticket = report.ticket
    gateway = open_gateway(ticket.repository, recorder, instrument=ticket.instrument_id)
    chain = gateway.settings.default_chain
    own = ticket_chain(ticket.instrument_id, ticket.key)
    there = {info.name for info in gateway.collections([chain, own])}
    now = _fold(gateway.validity(chain) if chain in there else ())
    mine = _fold(gateway.validity(own) if own in there else ())
    # Prepended, it is found first; what is there already stays the first of its kind.
    held = {row.collection for row in mine}
    then = [*mine, *(row for row in now if row.collection not in held)]
    recorder.say("Counting the exposures in what changes.")
    nights = _count_nights(lay_out(now, then), gateway, ticket.instrument_id)
    exposures = _list_exposures((*now, *then), gateway, ticket.instrument_id)
    ReportConsequence.objects.update_or_create(
        report=report,
        defaults={
            "chain": chain,
            "now": [asdict(row) for row in now],
            "then": [asdict(row) for row in then],
            "nights": nights,
            "exposures": exposures,
        },
    )


def summarise_consequence(report: VerificationReport) -> dict[str, Any] | None:
    """Say what was read last for a report, detectors as their number; `None`: never."""
    known = ReportConsequence.objects.filter(report=report).first()
    if known is None:
        return None
    now, then = (
        [row | {"detectors": len(row["detectors"])} for row in rows]
        for rows in (known.now, known.then)
    )
    return {
        "chain": known.chain,
        "read_at": known.read_at,
        "now": now,
        "then": then,
        "exposures": sum(night["n"] for night in known.nights),
        "nights": known.nights,
    }


def lanes_of(consequence: ReportConsequence) -> list[Lane]:
    """Lay out what was read."""
    return lay_out(_load(consequence.now), _load(consequence.then))


def look_up(
    consequence: ReportConsequence, asked: str, detector: int
) -> tuple[str, list[Found]]:
    """Find what a date or an exposure gets, now and then.

    Parameters
    ----------
    asked
        An instant in TAI, or an exposure's number: its begin counts where something
        changes hands in its night, which stands for it otherwise.

    Returns
    -------
    tuple
        The instant, and a row for each type and filter.

    Raises
    ------
    InputError
        Raised for what is neither, and for an exposure that the repository did not have
        in a night in which something changes hands.
    """
    asked = asked.strip()
    now, then = _load(consequence.now), _load(consequence.then)
    instant, band = _place(consequence, (*now, *then), asked)
    found = []
    for type_, filter_ in sorted({(row.type, row.filter) for row in (*now, *then)}):
        if band and filter_ not in ("", band):
            continue
        sides = [
            [row for row in side if (row.type, row.filter) == (type_, filter_)]
            for side in (now, then)
        ]
        is_camera = any(WHOLE_CAMERA in row.detectors for side in sides for row in side)
        number = WHOLE_CAMERA if is_camera else detector
        before, after = (find_serving(side, number, instant) for side in sides)
        found.append(Found(type_, filter_, before, after))
    return instant, found


def _place(
    consequence: ReportConsequence, rows: Iterable[Certified], asked: str
) -> tuple[str, str]:
    """Give the instant that is asked for; for a known exposure its filter as well."""
    if not asked.isdecimal() or len(asked) <= DAY_DIGITS:
        return parse_tai(asked), ""
    if asked in consequence.exposures:
        begin, band = consequence.exposures[asked]
        return begin, band
    begin = parse_tai(night_begin_tai(int(asked[:DAY_DIGITS])))
    if inside := _edges_by_night(rows).get(int(asked[:DAY_DIGITS])):
        raise InputError(
            f"A calibration begins or ends at {min(inside)} TAI, in the night of "
            f"exposure {asked}, which the repository did not have when it was read: "
            "read it again, or give the exposure's time in place of its number."
        )
    return begin, ""


def _edges_by_night(rows: Iterable[Certified]) -> dict[int, set[str]]:
    """Group the instants at which something changes hands, but for those at noon."""
    nights: dict[int, set[str]] = defaultdict(set)
    for edge in {edge for row in rows for edge in (row.begin, row.end) if edge}:
        day = datetime.fromisoformat(edge) - timedelta(hours=12)
        number = int(f"{day:%Y%m%d}")
        if edge != parse_tai(night_begin_tai(number)):
            nights[number].add(edge)
    return nights


def _list_exposures(
    rows: Iterable[Certified], gateway: ButlerGateway, instrument: str
) -> dict[str, tuple[str, str]]:
    """List the exposures of the nights in which something changes hands."""
    nights = _edges_by_night(rows)
    if not nights:
        return {}
    days = ", ".join(str(day) for day in sorted(nights))
    found = gateway.select_exposures(
        f"instrument='{instrument}' AND exposure.day_obs IN ({days})"
    )
    return {
        str(one.id): (parse_tai(one.begin_tai), one.physical_filter or "")
        for one in found
        if one.begin_tai
    }


def _fold(rows: Iterable[ValidityRow]) -> list[Certified]:
    """Join the detectors of one range and collection, in the order of search."""
    found: dict[Certified, list[int]] = defaultdict(list)
    for row in rows:
        place = (row.begin, row.end, row.collection, row.run)
        empty = Certified(row.type, row.filter or "", *place, detectors=())
        found[empty].append(WHOLE_CAMERA if row.detector is None else row.detector)
    return [replace(one, detectors=tuple(sorted(ids))) for one, ids in found.items()]


def _load(rows: Iterable[dict[str, Any]]) -> list[Certified]:
    return [Certified(**{**row, "detectors": tuple(row["detectors"])}) for row in rows]


def _count_nights(
    lanes: Sequence[Lane], gateway: ButlerGateway, instrument: str
) -> list[dict[str, Any]]:
    """Count the exposures that would get something else, by night and filter."""
    changed = [(lane, s) for lane in lanes for s in lane.stretches if s.is_changed]
    if not changed:
        return []
    exposures = gateway.select_exposures(_where(instrument, changed))
    counts: Counter[tuple[int, str]] = Counter()
    types: dict[tuple[int, str], set[str]] = defaultdict(set)
    for one in exposures:
        seen = {lane.type for lane, s in changed if _affects(lane, s, one)}
        if seen:
            night = (one.day_obs, one.physical_filter or "")
            counts[night] += 1
            types[night] |= seen
    return [
        {"day_obs": day, "filter": band, "n": n, "types": sorted(types[(day, band)])}
        for (day, band), n in sorted(counts.items(), reverse=True)
    ]


def _where(instrument: str, changed: Sequence[tuple[Lane, Stretch]]) -> str:
    """Ask for the nights of all that changes, and the one before: it may reach in."""
    where = f"instrument='{instrument}'"
    begins = [s.begin for _, s in changed]
    if all(begins):
        first = date.fromisoformat(min(b for b in begins if b)[:10]) - timedelta(days=1)
        where += f" AND exposure.day_obs >= {first:%Y%m%d}"
    ends = [s.end for _, s in changed]
    if all(ends):
        last = date.fromisoformat(max(e for e in ends if e)[:10])
        where += f" AND exposure.day_obs <= {last:%Y%m%d}"
    return where


def _affects(lane: Lane, stretch: Stretch, exposure: Exposure) -> bool:
    if lane.filter and lane.filter != exposure.physical_filter:
        return False
    if not exposure.begin_tai:
        return False
    begin = parse_tai(exposure.begin_tai)
    return (stretch.begin is None or stretch.begin <= begin) and (
        stretch.end is None or begin < stretch.end
    )
