"""Pages of TAXICAB tickets: the list, hailing, the review room, decisions."""

from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from calibrations.models import ConstructionTicket
from taxicab.board import services
from taxicab.board.forms import HailForm, ReplacementForm, TaxicabFilterForm
from taxicab.board.models import TaxicabTicket
from taxicab.board.views.room import find_taxicab, room, side, targets
from taxicab.core.pages import (
    ReasonForm,
    Sheet,
    answer_poll,
    answer_sheet,
    one_page,
    posted,
)
from taxicab.core.roles import Action
from taxicab.core.services.permissions import (
    board_members,
    check_may,
    readable_instruments,
)
from taxicab.errors import NotFoundError


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
    ).prefetch_related("positions__member", "meetings")
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
    return render(request, "board/ticket.html", room(request, found))


@require_safe
def live(request: HttpRequest, key: str) -> HttpResponse:
    """Answer the poll of an open ticket's page: what adoption needs, now."""
    found = find_taxicab(request, key)
    return answer_poll(request, "board/_live.html", side(request, found))


@require_http_methods(["GET", "HEAD", "POST"])
def replace(request: HttpRequest, key: str) -> HttpResponse:
    """Put a newer report before the board, saying what becomes of positions."""
    found = find_taxicab(request, key)
    check_may(request.user, Action.HAIL, found.construction.instrument)
    newer = services.newer_reports(found)
    rows = found.construction.reports.filter(pk__in=[one.pk for one in newer])
    sheet = Sheet(
        title=f"Put another report before the board on {key}?",
        submit="Put it before the board",
        back=reverse("taxicab-ticket", args=[key]),
        consequences=(
            f"{key} is decided on that report instead of report "
            f"{found.report.version}; both stay.",
            "Positions stay; those that rest on a part that changed do not count for "
            "it until their authors look again, and they are told.",
            "Objections stand; waivers hold up to the value that they say.",
        ),
    )

    def act(asked: dict) -> str:
        stale = services.replace_report(found, by=request.user, **asked)
        names = ", ".join(view.row.member.get_username() for view in stale)
        told = f"became stale: {names}" if names else "all stay as they are"
        return f"{key} is decided on {asked['report']}; positions: {told}."

    form = ReplacementForm(posted(request), reports=rows)
    return answer_sheet(request, sheet, form, act)


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
            f"{targets(found)}; nothing moves until a deployer starts it.",
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
