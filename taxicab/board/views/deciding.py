"""Pages on which the board says what it holds: positions, objections, waivers."""

import math
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from calibrations.domain.cameras import detector_name
from calibrations.models import ConstructionTicket
from taxicab.board import services
from taxicab.board.domain import MISSING, Failure, PositionKind
from taxicab.board.forms import (
    NoteForm,
    ObjectionForm,
    ResolutionForm,
    WaiverForm,
)
from taxicab.board.models import ProcessingTask, TaxicabTicket
from taxicab.board.services.evidence import find_failure, parts_of, usual_reach
from taxicab.board.services.objections import find_objection
from taxicab.board.services.processing import find_task
from taxicab.board.services.waivers import find_waiver
from taxicab.board.views.room import find_taxicab, position_form
from taxicab.core.models import Instrument
from taxicab.core.pages import ReasonForm, Sheet, answer_sheet, posted
from taxicab.core.roles import Action
from taxicab.core.services.permissions import check_may, readable_instruments
from taxicab.errors import NotFoundError

__all__ = [
    "drop_task",
    "finish_task",
    "object_to",
    "position",
    "resolve_objection",
    "withdraw_objection",
    "withdraw_waiver",
    "write_waiver",
]

USUAL_TERM = timedelta(days=180)
"""What a waiver's form offers first."""

asks = require_http_methods(["GET", "HEAD", "POST"])


@asks
def position(request: HttpRequest, key: str) -> HttpResponse:
    """Take a position; a form on a page of its own, sent from the room as well."""
    found = find_taxicab(request, key)
    check_may(request.user, Action.TAKE_POSITION, found.construction.instrument)
    sheet = Sheet(
        title=f"Your position on {key}",
        lead="It can be changed until the board decides; it is kept with the evidence "
        "that you saw, and is told stale when that changes.",
        submit="Take this position",
        back=_room(key),
    )

    def act(asked: dict) -> str:
        kind = PositionKind(asked.pop("kind"))
        services.take_position(found, kind=kind, by=request.user, **asked)
        return f"Your position on {key}: {kind.label.lower()}."

    return answer_sheet(request, sheet, position_form(request, found), act)


@asks
def object_to(request: HttpRequest, key: str) -> HttpResponse:
    """Object to something in particular; a failure of the report fills the form."""
    found = find_taxicab(request, key)
    check_may(request.user, Action.TAKE_POSITION, found.construction.instrument)
    initial: dict[str, Any] = {"seen": found.report.sha256}
    if wanted := request.GET.get("failure"):
        initial |= _scope(find_failure(found, wanted))
    keys = [part.key for part in parts_of(found.report)]
    form = ObjectionForm(
        posted(request),
        parts=keys,
        instrument=found.construction.instrument_id,
        initial=initial,
    )
    sheet = Sheet(
        title=f"Object to {key}",
        lead="The set is not adopted while the objection stands. You can withdraw it; "
        "nobody else ends it but by recording how the meeting resolved it.",
        submit="Object",
        back=_room(key),
    )

    def act(asked: dict) -> str:
        objection = services.raise_objection(found, by=request.user, **asked)
        return f"You object to {objection.scope}."

    return answer_sheet(request, sheet, form, act)


@asks
def withdraw_objection(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Take back an objection of one's own."""
    found = find_taxicab(request, key)
    check_may(request.user, Action.TAKE_POSITION, found.construction.instrument)
    objection = find_objection(found, number)
    services.check_own_objection(objection, request.user)
    sheet = Sheet(
        title=f"Withdraw your objection to {objection.scope}?",
        submit="Withdraw the objection",
        back=_room(key),
        consequences=(
            "It stands no more; it stays in the record, with your reason.",
            "Your position stays “object” until you take another.",
        ),
    )

    def act(asked: dict) -> str:
        services.withdraw_objection(objection, by=request.user, **asked)
        return f"Your objection to {objection.scope} is withdrawn."

    return answer_sheet(request, sheet, ReasonForm(posted(request)), act)


@asks
def resolve_objection(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Record how the meeting resolved somebody's objection."""
    found = find_taxicab(request, key)
    check_may(request.user, Action.DECIDE, found.construction.instrument)
    objection = find_objection(found, number)
    author = objection.author.get_full_name() or objection.author.get_username()
    sheet = Sheet(
        title=f"Record the resolution of {author}'s objection?",
        submit="Record the resolution",
        back=_room(key),
        consequences=(
            f"{author} objected to {objection.scope}: {objection.reason}",
            "The objection stands no more; your name and these words stay with it.",
        ),
    )

    def act(asked: dict) -> str:
        services.resolve_objection(objection, by=request.user, **asked)
        return f"The objection to {objection.scope} is resolved."

    form = ResolutionForm(posted(request), initial={"meeting": found.flagged_for})
    return answer_sheet(request, sheet, form, act)


@asks
def write_waiver(request: HttpRequest, key: str) -> HttpResponse:
    """Write a waiver for one failure; its values are filled in and not asked."""
    found = find_taxicab(request, key)
    instrument = found.construction.instrument
    check_may(request.user, Action.WAIVE, instrument)
    wanted = request.POST.get("failure") or request.GET.get("failure", "")
    failure = find_failure(found, wanted)
    initial = {
        "failure": failure.key,
        "seen": found.report.sha256,
        "owner": found.construction.owner_id,
        "expires_on": timezone.now().date() + USUAL_TERM,
        "holds_to": _shortened(usual_reach(found.report, failure)),
    }
    form = WaiverForm(
        posted(request),
        people=_people_of(instrument),
        unit=failure.unit,
        has_number=failure.value is not None,
        is_count=failure.kind == MISSING,
        initial=initial,
    )
    sheet = Sheet(
        title="Write a waiver?",
        submit="Write the waiver",
        back=_room(key),
        consequences=(
            f"{failure.sentence}: {failure.text}.",
            f"Scope: {_scope_sentence(found, failure)}.",
            f"The limit stays as it is. The next candidate shows the waiver; "
            f"{_lapse(failure)}, or on the day it expires.",
        ),
    )

    def act(asked: dict) -> str:
        waiver = services.write_waiver(found, by=request.user, **asked)
        return f"Waived until {waiver.expires_on}: {waiver.scope}."

    return answer_sheet(request, sheet, form, act)


@asks
def withdraw_waiver(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Take a waiver back."""
    found = find_taxicab(request, key)
    check_may(request.user, Action.WAIVE, found.construction.instrument)
    waiver = find_waiver(found, number)
    sheet = Sheet(
        title=f"Withdraw the waiver of {waiver.scope}?",
        submit="Withdraw the waiver",
        back=_room(key),
        consequences=(
            "The failure is open again; the waiver stays in the record.",
            "What was decided while it held stays decided.",
        ),
        is_harmful=True,
    )

    def act(asked: dict) -> str:
        services.withdraw_waiver(waiver, by=request.user, **asked)
        return f"The waiver of {waiver.scope} is withdrawn."

    return answer_sheet(request, sheet, ReasonForm(posted(request)), act)


@asks
def finish_task(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Say that a task of a construction ticket is done."""
    task = _task(request, key, number)
    check_may(request.user, Action.VERIFY, task.construction.instrument)
    sheet = Sheet(
        title=f"Is this done for {key}?",
        submit="It is done",
        back=reverse("construction-ticket", args=[key]),
        consequences=(
            f"{task.asked_by} asked on {task.ticket.key}: {task.text}",
            "It holds up the decision no more. New results reach the board by a new "
            "report, which you put before it.",
        ),
    )

    def act(asked: dict) -> str:
        services.finish_task(task, by=request.user, **asked)
        return f"Done, and {task.asked_by} can read what came of it."

    return answer_sheet(request, sheet, NoteForm(posted(request)), act)


@asks
def drop_task(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Take back a request for more processing."""
    task = _task(request, key, number)
    check_may(request.user, Action.TAKE_POSITION, task.construction.instrument)
    sheet = Sheet(
        title="Take this request back?",
        submit="Take it back",
        back=_room(task.ticket.key),
        consequences=(task.text, "It need not be done before the decision any more."),
    )

    def act(asked: dict) -> str:
        services.drop_task(task, by=request.user, **asked)
        return "The request is taken back."

    return answer_sheet(request, sheet, ReasonForm(posted(request)), act)


def _room(key: str) -> str:
    return reverse("taxicab-ticket", args=[key])


def _task(request: HttpRequest, key: str, number: int) -> ProcessingTask:
    construction = ConstructionTicket.objects.filter(
        key=key, instrument__in=readable_instruments(request.user)
    ).first()
    if construction is None:
        raise NotFoundError(f"There is no construction ticket {key!r}: see the list.")
    return find_task(construction, number)


def _scope(failure: Failure) -> dict[str, Any]:
    several = len(failure.tests) > 1
    return {
        "part": failure.part,
        "test": "" if several else failure.test,
        "detector": failure.detector if failure.detector >= 0 else None,
        "amplifier": failure.amplifier,
        # Type, test and place say it all, unless it is about many detectors.
        "about": ""
        if failure.detector >= 0 and not several
        else failure.sentence.removeprefix(f"{failure.part} ")[:200],
    }


def _scope_sentence(found: TaxicabTicket, failure: Failure) -> str:
    """Name what the waiver would cover on other candidates as well."""
    raft = f"raft {failure.raft}" if failure.raft else ""
    camera = found.construction.instrument_id
    where = detector_name(camera, failure.detector) if failure.detector >= 0 else raft
    amplifier = f"amplifier {failure.amplifier}" if failure.amplifier else ""
    exposure = f"exposure {failure.exposure}" if failure.exposure else ""
    words = (
        camera,
        failure.calib_type,
        failure.physical_filter,
        ", ".join(failure.tests) or f"{failure.level} {failure.test}".strip(),
        where,
        amplifier,
        exposure,
    )
    return ", ".join(filter(None, words))


def _lapse(failure: Failure) -> str:
    """Say when the waiver lapses before its day."""
    if failure.tests:
        return "it lapses when more tests have no number"
    if failure.value is None:
        return "it lapses when there is a number that fails"
    if failure.kind == MISSING:
        return "it lapses when more is missing than it allows"
    return "it lapses when the value gets worse than it holds up to"


def _shortened(value: float | None) -> float | None:
    """Offer a number that people can read, and never one below the failure's."""
    if not value:
        return value
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 4)
    return float(f"{math.ceil(value / step) * step:.10g}")


def _people_of(instrument: Instrument) -> "QuerySet[User]":
    """Everybody with a role for the camera."""
    mine = Q(role_grants__instrument=instrument) | Q(role_grants__instrument=None)
    rows = User.objects.filter(mine, is_active=True, role_grants__isnull=False)
    return rows.distinct().order_by("username")
