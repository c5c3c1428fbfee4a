"""Pages of the board: hailing, the review room, positions, decisions."""

from collections.abc import Iterable

from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from calibrations.models import ConstructionTicket
from taxicab.board import services
from taxicab.board.domain import PositionKind
from taxicab.board.forms import HailForm, PositionForm, TaxicabFilterForm
from taxicab.board.models import TaxicabStage, TaxicabTicket
from taxicab.core.models import Repository
from taxicab.core.pages import (
    ReasonForm,
    Sheet,
    answer_sheet,
    one_page,
    posted,
    signed_in,
)
from taxicab.core.roles import Action
from taxicab.core.services.permissions import (
    board_members,
    check_may,
    may,
    readable_instruments,
)
from taxicab.core.services.subjects import events_about
from taxicab.errors import NotFoundError

_GRAVITY = ("failed", "missing", "warning", "passed")


@require_safe
def taxicabs(request: HttpRequest) -> HttpResponse:
    """List TAXICAB tickets, newest first."""
    instruments = readable_instruments(request.user)
    rows = TaxicabTicket.objects.filter(construction__instrument__in=instruments)
    form = TaxicabFilterForm(request.GET or None, instruments=instruments)
    if form.is_valid():
        if form.cleaned_data["instrument"]:
            rows = rows.filter(construction__instrument=form.cleaned_data["instrument"])
        if form.cleaned_data["stage"]:
            rows = rows.filter(stage=form.cleaned_data["stage"])
    rows = rows.select_related(
        "construction__instrument", "report", "hailed_by", "decided_by"
    ).prefetch_related("positions__member")
    # A summary holds every line of its report: a list shows its verdict alone.
    verdict = KT("report__summary__verdict")
    rows = rows.defer("report__summary").annotate(verdict=verdict)
    page = one_page(request, rows)
    return render(request, "board/tickets.html", {"page": page, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def hail(request: HttpRequest, key: str) -> HttpResponse:
    """Put a set before the board."""
    construction = ConstructionTicket.objects.filter(
        key=key, instrument__in=readable_instruments(request.user)
    ).first()
    if construction is None:
        raise NotFoundError(f"There is no construction ticket {key!r}: see the list.")
    check_may(request.user, Action.HAIL, construction.instrument)
    initial = {"report": request.GET.get("report")} if "report" in request.GET else {}
    form = HailForm(posted(request), construction=construction, initial=initial)
    members = [grant.user for grant in board_members(construction.instrument)]
    names = ", ".join(sorted({user.get_username() for user in members}))
    sheet = Sheet(
        title=f"Hail the TAXICAB for {key}?",
        submit="Hail the TAXICAB",
        back=reverse("construction-ticket", args=[key]),
        consequences=(
            f"A TAXICAB ticket is opened; the board ({names or 'nobody yet'}) takes "
            "positions on it.",
            f"{key} takes no more work until the board has decided.",
        ),
    )

    def act(asked: dict) -> str:
        made = services.hail(construction, by=request.user, **asked)
        return f"{made.key} is before the board."

    return answer_sheet(request, sheet, form, act)


@require_safe
def taxicab(request: HttpRequest, key: str) -> HttpResponse:
    """Show the review room: verdicts, positions, what adoption needs."""
    found = find_taxicab(request, key)
    return render(request, "board/ticket.html", _room(request, found))


@require_http_methods(["GET", "HEAD", "POST"])
def position(request: HttpRequest, key: str) -> HttpResponse:
    """Take a position; a form on a page of its own, sent from the room as well."""
    found = find_taxicab(request, key)
    check_may(request.user, Action.TAKE_POSITION, found.construction.instrument)
    sheet = Sheet(
        title=f"Your position on {key}",
        lead="It can be changed until the board decides; it is kept with the report "
        "that you saw.",
        submit="Take this position",
        back=reverse("taxicab-ticket", args=[key]),
    )

    def act(asked: dict) -> str:
        kind = PositionKind(asked["kind"])
        services.take_position(
            found, kind=kind, comment=asked["comment"], by=request.user
        )
        return f"Your position on {key}: {kind.label.lower()}."

    return answer_sheet(request, sheet, _position_form(request, found), act)


@require_http_methods(["GET", "HEAD", "POST"])
def adopt(request: HttpRequest, key: str) -> HttpResponse:
    """Ask before a set is adopted, saying what may be deployed where."""
    found = find_taxicab(request, key)
    construction = found.construction
    check_may(request.user, Action.DECIDE, construction.instrument)
    reached = services.consensus_of(found)
    sheet = Sheet(
        title=f"Adopt {key}?",
        submit="Adopt",
        back=reverse("taxicab-ticket", args=[key]),
        consequences=(
            *(f"Not met: {line.sentence}" for line in reached.blockers),
            f"{construction.instrument_id}/calib/{construction.key} may be deployed to "
            f"{_targets(found)}; nothing moves until a deployer starts it.",
            f"{construction.key} is marked reviewed.",
            "Positions can no longer be changed.",
        ),
    )

    def act(asked: dict) -> str:
        services.adopt(found, by=request.user, **asked)
        return f"{key} is adopted."

    return answer_sheet(request, sheet, ReasonForm(posted(request)), act)


@require_http_methods(["GET", "HEAD", "POST"])
def reject(request: HttpRequest, key: str) -> HttpResponse:
    """Ask before a set is sent back to its builders."""
    found = find_taxicab(request, key)
    construction = found.construction
    check_may(request.user, Action.DECIDE, construction.instrument)
    sheet = Sheet(
        title=f"Reject {key}?",
        submit="Reject",
        back=reverse("taxicab-ticket", args=[key]),
        consequences=(
            f"{construction.key} goes back to {construction.owner} for iteration "
            f"{construction.iteration + 1}; it is hailed anew with another report.",
            f"{key} stays in the record as rejected, with your reason.",
        ),
        is_harmful=True,
    )

    def act(asked: dict) -> str:
        services.reject(found, by=request.user, **asked)
        return f"{key} is rejected; {construction.key} is being built again."

    return answer_sheet(request, sheet, ReasonForm(posted(request)), act)


@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, key: str) -> HttpResponse:
    """Ask before a TAXICAB ticket is taken from the board."""
    found = find_taxicab(request, key)
    check_may(request.user, Action.HAIL, found.construction.instrument)
    sheet = Sheet(
        title=f"Withdraw {key}?",
        submit="Withdraw",
        back=reverse("taxicab-ticket", args=[key]),
        consequences=(
            f"The board decides nothing; {found.construction.key} can be worked on "
            "again, in the same iteration.",
            f"{key} stays in the record as withdrawn.",
        ),
        is_harmful=True,
    )

    def act(asked: dict) -> str:
        services.withdraw(found, by=request.user, **asked)
        return f"{key} is withdrawn."

    return answer_sheet(request, sheet, ReasonForm(posted(request)), act)


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
    return services.find_ticket(key, rows)


def _room(request: HttpRequest, found: TaxicabTicket) -> dict:
    """Give what the review room shows."""
    construction, user = found.construction, request.user
    instrument = construction.instrument
    positions = found.positions.select_related("member")
    is_open = found.stage == TaxicabStage.HAILED
    heard = {one.member_id for one in positions}
    return {
        "taxicab": found,
        "ticket": construction,
        "report": found.report,
        "summary": found.report.summary,
        "positions": positions,
        "silent": _silent(found, heard),
        "consensus": services.consensus_of(found),
        "form": _position_form(request, found),
        "is_open": is_open,
        "lines": _verdict_lines(found.report.summary),
        "is_mine": user in services.authors_of(found),
        "may_take_position": is_open and not services.position_problem(found, user),
        "may_decide": is_open and may(user, Action.DECIDE, instrument),
        "may_file": found.stage in (TaxicabStage.HAILED, TaxicabStage.ADOPTED)
        and not _is_filed(found)
        and (
            may(user, Action.HAIL, instrument) or may(user, Action.DEPLOY, instrument)
        ),
        "may_withdraw": is_open and may(user, Action.HAIL, instrument),
        "targets": _targets(found),
        "events": events_about(("taxicab", found.key))[:100],
    }


def _is_filed(found: TaxicabTicket) -> bool:
    """Whether a deployment is filed that was not withdrawn."""
    filed = getattr(found, "deployment", None)
    return filed is not None and filed.stage != "withdrawn"


def _verdict_lines(summary: dict) -> list[tuple[str, dict]]:
    """Lines of every type with its label: what needs a decision first, worst first."""
    lines = [
        (stage["label"], line)
        for stage in summary.get("stages", ())
        for line in stage["lines"]
    ]

    def order(pair: tuple[str, dict]) -> tuple[int, float]:
        verdict, worst = pair[1]["verdict"], pair[1]["worst"] or {}
        margin = worst.get("margin")
        return (_GRAVITY.index(verdict), -(float("inf") if margin is None else margin))

    return sorted(lines, key=order)


def _silent(found: TaxicabTicket, heard: Iterable[int]) -> list[tuple[str, bool]]:
    """Members without a position, and whether they must be heard."""
    grants = board_members(found.construction.instrument).exclude(user__in=heard)
    names: dict[str, bool] = {}
    for grant in grants:
        name = grant.user.get_full_name() or grant.user.get_username()
        names[name] = names.get(name, False) or grant.must_be_heard
    return sorted(names.items())


def _position_form(request: HttpRequest, found: TaxicabTicket) -> PositionForm:
    held = found.positions.filter(member=signed_in(request)).first()
    initial = {"kind": held.kind, "comment": held.comment} if held else {}
    return PositionForm(posted(request), initial=initial)


def _targets(found: TaxicabTicket) -> str:
    """Name the repositories a deployment would reach."""
    instrument = found.construction.instrument
    rows = Repository.objects.connected().holding(instrument)
    names = [str(row) for row in rows.select_related("facility")]
    return f"{len(names)} repositories ({', '.join(names)})" if names else "no site yet"
