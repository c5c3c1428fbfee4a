"""Pages of construction tickets: lists, the ticket and what belongs to the whole."""

import json

from django import forms
from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from calibrations.forms import (
    CodeChangesForm,
    ConstructionFilterForm,
    OpenTicketForm,
)
from calibrations.models import ConstructionTicket
from calibrations.services import construction, overview
from calibrations.services.checklist import checklist
from calibrations.services.consequences import adopted_sets
from calibrations.services.graphs import graph_view
from calibrations.services.record import (
    commands_in_order,
    construction_record,
    render_markdown,
)
from taxicab.core.models import Job
from taxicab.core.pages import (
    ReasonForm,
    Sheet,
    answer_poll,
    answer_sheet,
    one_page,
    posted,
)
from taxicab.core.roles import Action
from taxicab.core.services.permissions import check_may, may, readable_instruments
from taxicab.core.services.subjects import events_about
from taxicab.errors import NotFoundError

__all__ = ["find_ticket", "ticket_context"]


@require_safe
def constructions(request: HttpRequest) -> HttpResponse:
    """List construction tickets, newest first."""
    instruments = readable_instruments(request.user)
    rows = ConstructionTicket.objects.filter(instrument__in=instruments)
    form = ConstructionFilterForm(request.GET or None, instruments=instruments)
    if form.is_valid():
        asked = {k: v for k, v in form.cleaned_data.items() if v}
        rows = rows.filter(**asked)
    rows = rows.select_related("instrument", "owner").prefetch_related(
        "taxicab_tickets__deployment", *overview.NODES
    )
    page = one_page(request, rows)
    adopted = adopted_sets(page)
    tickets = [(ticket, overview.type_nodes(ticket, adopted)) for ticket in page]
    context = {"page": page, "tickets": tickets, "form": form}
    return render(request, "calibrations/tickets.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def open_new(request: HttpRequest) -> HttpResponse:
    """Open a construction ticket."""
    check_may(request.user, Action.BUILD)
    form = OpenTicketForm(
        posted(request),
        owner=request.user,
        instruments=readable_instruments(request.user),
    )
    key = request.POST.get("key", "").strip()
    sheet = Sheet(
        title="Open a construction ticket",
        lead="One ticket holds one set of calibrations of one instrument; its name is "
        "in every collection that is made for it.",
        submit="Open the ticket",
        back=reverse("construction-ticket", args=[key])
        if key and "/" not in key
        else reverse("constructions"),
    )

    def act(asked: dict) -> str:
        ticket = construction.open_ticket(owner=request.user, **asked)
        return f"{ticket.key} is open: choose exposures for what can be built now."

    return answer_sheet(request, sheet, form, act)


@require_safe
def ticket(request: HttpRequest, key: str) -> HttpResponse:
    """Show a ticket: where each type stands, and what is still to do."""
    found = find_ticket(request, key)
    return render(request, "calibrations/ticket.html", ticket_context(request, found))


@require_safe
def ticket_live(request: HttpRequest, key: str) -> HttpResponse:
    """Answer the poll of a ticket's page; 286 once nothing runs."""
    context = ticket_context(request, find_ticket(request, key))
    return answer_poll(request, "calibrations/_ticket.html", context)


@require_safe
def commands(request: HttpRequest, key: str) -> HttpResponse:
    """Show the equivalent command lines, in order."""
    found = find_ticket(request, key)
    jobs = commands_in_order(found)
    context = {
        "ticket": found,
        "jobs": jobs,
        "together": "\n".join(line for job in jobs for line in job["commands"]),
    }
    return render(request, "calibrations/commands.html", context)


@require_safe
def collections(request: HttpRequest, key: str) -> HttpResponse:
    """Show the collections that were made for a ticket."""
    found = find_ticket(request, key)
    context = {
        "ticket": found,
        "chain": f"{found.instrument_id}/calib/{found.key}",
        "certifications": found.certifications.select_related("generation"),
        "generations": found.generations.prefetch_related("verifications"),
    }
    return render(request, "calibrations/collections.html", context)


@require_safe
def ticket_history(request: HttpRequest, key: str) -> HttpResponse:
    """Show what happened to a ticket and to the two others of its set."""
    found = find_ticket(request, key)
    subjects = [("construction", found.key)]
    for taxicab in found.taxicab_tickets.select_related("deployment"):
        subjects.append(("taxicab", taxicab.key))
        if hasattr(taxicab, "deployment"):
            subjects.append(("deployment", taxicab.deployment.key))
    context = {"ticket": found, "events": events_about(*subjects)[:500]}
    return render(request, "calibrations/history.html", context)


@require_safe
def record(request: HttpRequest, key: str, form: str) -> HttpResponse:
    """Hand out the construction record as Markdown or JSON."""
    found = find_ticket(request, key)
    data = construction_record(found)
    if form == "json":
        text, kind = json.dumps(data, indent=2, default=str), "application/json"
    elif form == "md":
        text, kind = render_markdown(data), "text/markdown; charset=utf-8"
    else:
        raise NotFoundError(f"There is no record.{form}: ask for record.md or .json.")
    name = f"{found.key}-record.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type=kind, headers=headers)


@require_http_methods(["GET", "HEAD", "POST"])
def code_changes(request: HttpRequest, key: str) -> HttpResponse:
    """Say that code was changed, and who reviews it."""
    found = find_ticket(request, key)
    check_may(request.user, Action.BUILD, found.instrument)
    initial = {
        "code_review_url": found.code_review_url,
        "code_reviewer": found.code_reviewer,
    }
    form = CodeChangesForm(posted(request), owner=found.owner, initial=initial)
    sheet = Sheet(
        title=f"Declare code changes of {key}",
        lead="Hailing is refused until the reviewer records the review.",
        submit="Declare",
        back=reverse("construction-ticket", args=[key]),
    )

    def act(asked: dict) -> str:
        construction.declare_code_changes(found, by=request.user, **asked)
        return f"{asked['code_reviewer']} was named to review the code of {key}."

    return answer_sheet(request, sheet, form, act)


@require_http_methods(["GET", "HEAD", "POST"])
def code_review(request: HttpRequest, key: str) -> HttpResponse:
    """Ask before a code review is recorded."""
    found = find_ticket(request, key)
    sheet = Sheet(
        title=f"Record your review of the code of {key}?",
        submit="Record the review",
        back=reverse("construction-ticket", args=[key]),
        consequences=(
            f"You answer for the changed code: {found.code_change_reason}",
            "The set can be hailed.",
        ),
    )

    def act(_: dict) -> str:
        construction.record_code_review(found, by=request.user)
        return "Your review is recorded."

    return answer_sheet(request, sheet, forms.Form(posted(request)), act)


@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, key: str) -> HttpResponse:
    """Ask before a ticket is withdrawn."""
    found = find_ticket(request, key)
    check_may(request.user, Action.BUILD, found.instrument)
    sheet = Sheet(
        title=f"Withdraw {key}?",
        submit="Withdraw",
        back=reverse("construction-ticket", args=[key]),
        consequences=(
            f"{key} takes no more work and cannot be hailed.",
            "Its collections stay in the repository; nothing is deleted.",
        ),
        is_harmful=True,
    )

    def act(asked: dict) -> str:
        construction.withdraw(found, by=request.user, why=asked["reason"])
        return f"{key} is withdrawn."

    return answer_sheet(request, sheet, ReasonForm(posted(request)), act)


def find_ticket(request: HttpRequest, key: str) -> ConstructionTicket:
    """Find a ticket that somebody may read."""
    found = (
        ConstructionTicket.objects.filter(
            key=key, instrument__in=readable_instruments(request.user)
        )
        .select_related("instrument", "repository__facility", "owner", "code_reviewer")
        .first()
    )
    if found is None:
        raise NotFoundError(f"There is no construction ticket {key!r}: see the list.")
    return found


def ticket_context(request: HttpRequest, found: ConstructionTicket) -> dict:
    """Give what the ticket's page and its polls show."""
    jobs = Job.objects.about("construction", found.key)
    return {
        "ticket": found,
        "view": graph_view(found),
        "lines": checklist(found),
        "jobs": jobs.listed()[:8],
        "reports": found.reports.defer("summary").annotate(
            verdict=KT("summary__verdict")
        ),
        "is_moving": jobs.unfinished().exists(),
        "may_build_here": may(request.user, Action.BUILD, found.instrument),
        "may_hail_here": may(request.user, Action.HAIL, found.instrument),
    }
