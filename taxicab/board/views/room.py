"""The review room: what its page shows, read once."""

from typing import Any

from django.http import HttpRequest

from taxicab.board import services
from taxicab.board.forms import MessageForm, PositionForm
from taxicab.board.models import OPEN_STAGES, TaxicabStage, TaxicabTicket
from taxicab.board.services.consensus import Deliberation
from taxicab.board.services.discussion import threads_of
from taxicab.board.services.evidence import parts_of
from taxicab.board.views.worst import worst
from taxicab.core.models import Repository
from taxicab.core.pages import posted, signed_in
from taxicab.core.roles import Action
from taxicab.core.services.permissions import may
from taxicab.core.services.subjects import events_about

__all__ = ["find_taxicab", "position_form", "room", "side", "targets"]


def find_taxicab(request: HttpRequest, key: str) -> TaxicabTicket:
    """Find a TAXICAB ticket that somebody may read."""
    rows = services.readable_tickets(request.user).select_related(
        "construction__instrument",
        "construction__owner",
        "construction__repository__facility",
        "report__ticket",
        "hailed_by",
        "decided_by",
    )
    rows = rows.prefetch_related("report__parts")
    return services.find_ticket(key, rows)


def room(request: HttpRequest, found: TaxicabTicket) -> dict[str, Any]:
    """Give everything that the review room shows."""
    construction = found.construction
    context = side(request, found)
    threads = list(threads_of(found))
    return context | {
        "summary": found.report.summary,
        "form": position_form(request, found),
        **worst(
            found,
            context["covers"],
            threads,
            may_waive=context["may_waive"],
            may_object=context["may_take_position"],
        ),
        "objections": found.objections.select_related("author", "ended_by", "meeting"),
        "tasks": construction.processing_tasks.select_related("asked_by", "ended_by"),
        "waivers": found.waivers.select_related("owner", "written_by", "withdrawn_by"),
        "threads": threads,
        "message_form": MessageForm(auto_id="message_%s"),
        "newer": services.newer_reports(found) if context["may_withdraw"] else [],
        "events": events_about(("taxicab", found.key))[:100],
    }


def side(request: HttpRequest, found: TaxicabTicket) -> dict[str, Any]:
    """Give what stands beside the evidence: what adoption needs, and who holds what."""
    construction, user = found.construction, request.user
    instrument = construction.instrument
    deliberation = services.deliberation_of(found)
    is_open = found.is_open
    is_mine = user in deliberation.authors
    on_board = is_open and not is_mine
    return {
        "taxicab": found,
        "ticket": construction,
        "report": found.report,
        "consensus": deliberation.consensus,
        "positions": deliberation.positions,
        "covers": deliberation.covers,
        "silent": _silent(deliberation),
        "is_open": is_open,
        "is_moving": is_open,
        "is_mine": is_mine,
        "may_take_position": on_board and may(user, Action.TAKE_POSITION, instrument),
        "may_waive": on_board and may(user, Action.WAIVE, instrument),
        "may_decide": is_open and may(user, Action.DECIDE, instrument),
        "may_do_tasks": may(user, Action.VERIFY, instrument),
        "may_file": found.stage in (*OPEN_STAGES, TaxicabStage.ADOPTED)
        and not _is_filed(found)
        and (
            may(user, Action.HAIL, instrument) or may(user, Action.DEPLOY, instrument)
        ),
        "may_withdraw": is_open and user == found.hailed_by,
        "targets": targets(found),
    }


def position_form(request: HttpRequest, found: TaxicabTicket) -> PositionForm:
    """Make the form to take a position, filled with the one that is held."""
    held = found.positions.filter(member=signed_in(request)).first()
    initial: dict[str, Any] = {"seen": found.report.sha256}
    if held:
        initial |= {"kind": held.kind, "comment": held.comment}
        initial["parts"] = [] if held.is_about_all else list(held.parts)
    keys = [part.key for part in parts_of(found.report)]
    return PositionForm(posted(request), parts=keys, initial=initial)


def targets(found: TaxicabTicket) -> str:
    """Name the repositories a deployment would reach."""
    instrument = found.construction.instrument
    rows = Repository.objects.connected().holding(instrument)
    names = [str(row) for row in rows.select_related("facility")]
    return f"{len(names)} repositories ({', '.join(names)})" if names else "no site yet"


def _silent(deliberation: Deliberation) -> list[tuple[str, str]]:
    """Members without a position, and what they must be heard on."""
    heard = {one.row.member_id for one in deliberation.positions}
    names = {
        grant.user.get_username(): grant.user.get_full_name()
        for grant in deliberation.grants
        if grant.user_id not in heard
    }
    asked: dict[str, list[str]] = {}
    for voice in deliberation.voices:
        asked.setdefault(voice.member, []).append(voice.calib_type or "everything")
    return sorted(
        (full or name, ", ".join(asked.get(name, ()))) for name, full in names.items()
    )


def _is_filed(found: TaxicabTicket) -> bool:
    """Whether a deployment is filed that was not withdrawn."""
    filed = getattr(found, "deployment", None)
    return filed is not None and filed.stage != "withdrawn"
