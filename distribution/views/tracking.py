"""The tracking table, and looking at a repository."""

import csv

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from distribution import tasks
from distribution.forms import TrackingFilterForm
from distribution.services.repositories import request_snapshot
from distribution.services.tracking import (
    TrackingCell,
    build_rows,
    in_state,
    last_looks,
    sort_tickets,
    tracked_repositories,
    tracked_tickets,
)
from taxicab.board.models import TaxicabTicket
from taxicab.core.models import Instrument
from taxicab.core.pages import one_page
from taxicab.core.services.permissions import readable_instruments
from taxicab.core.services.subjects import readable_repositories
from taxicab.errors import NotFoundError

_COLUMNS = (
    ("TAXICAB", "taxicab"),
    ("Instrument", "instrument"),
    ("Construction", "construction"),
    ("Deployment", "deployment"),
    ("Decision", "decided"),
)
"""Title and sort of the columns that rows can be sorted by."""


@require_safe
def tracking(request: HttpRequest) -> HttpResponse:
    """Show every TAXICAB ticket and where its set is."""
    tickets, form = _filtered(request)
    page = one_page(request, tickets)
    context = {
        "page": page,
        "rows": build_rows(page.object_list),
        "repositories": tracked_repositories(),
        "looks": last_looks(request.user),
        "form": form,
        "query": request.GET.urlencode(),
        "headers": [_header(request, *column) for column in _COLUMNS],
    }
    return render(request, "distribution/tracking.html", context)


@require_safe
def tracking_csv(request: HttpRequest) -> HttpResponse:
    """Hand out the tracking table as CSV, filtered as the page is."""
    tickets, _ = _filtered(request)
    headers = {"Content-Disposition": 'attachment; filename="taxicab-tracking.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    writer = csv.writer(response)
    columns = ["taxicab", "instrument", "construction", "deployment", "stage"]
    columns += ["hailed_at", "decided_at", "decision", "deployment_stage"]
    writer.writerow([*columns, *(str(one) for one in tracked_repositories())])
    for row in build_rows(tickets):
        writer.writerow(
            [
                *(_plain(getattr(row, column)) for column in columns),
                *(_plain(_in_words(cell)) for cell in row.cells),
            ]
        )
    return response


@require_POST
def look(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask a repository's workers to look what its chains hold."""
    rows = readable_repositories(request.user)
    found = next((row for row in rows if row.slug == slug), None)
    if found is None:
        raise NotFoundError(f"There is no repository {slug!r}: see the list.")
    instrument = Instrument.objects.filter(pk=request.POST.get("instrument")).first()
    if instrument is None:
        raise NotFoundError("Say for which camera: the repository's page has a button.")
    request_snapshot(
        found, instrument=instrument, by=request.user, task=tasks.refresh_repository
    )
    messages.success(request, f"The workers of {found} were asked to look.")
    if request.POST.get("from") == "tracking":
        return redirect("tracking")
    return redirect("repository", slug=slug)


def _filtered(
    request: HttpRequest,
) -> "tuple[QuerySet[TaxicabTicket], TrackingFilterForm]":
    tickets = tracked_tickets(request.user)
    years = [day.year for day in tickets.dates("hailed_at", "year", order="DESC")]
    form = TrackingFilterForm(
        request.GET or None,
        instruments=readable_instruments(request.user),
        years=years,
    )
    if form.is_valid():
        if asked := form.cleaned_data["instrument"]:
            tickets = tickets.filter(construction__instrument=asked)
        if asked := form.cleaned_data["stage"]:
            tickets = tickets.filter(stage=asked)
        if asked := form.cleaned_data["year"]:
            tickets = tickets.filter(hailed_at__year=asked)
        if asked := form.cleaned_data["state"]:
            tickets = in_state(tickets, asked)
        if asked := form.cleaned_data["sort"]:
            tickets = sort_tickets(tickets, asked)
    return tickets, form


def _header(request: HttpRequest, title: str, name: str) -> dict[str, str]:
    """Give a column's title with the address that sorts by it, the other way round."""
    now = request.GET.get("sort", "")
    query = request.GET.copy()
    query.pop("page", None)
    query["sort"] = f"-{name}" if now == name else name
    order = {name: "ascending", f"-{name}": "descending"}.get(now, "")
    return {"title": title, "query": query.urlencode(), "order": order}


def _in_words(cell: TrackingCell) -> str:
    return f"{cell.status}: {cell.reason}" if cell.reason else cell.status


def _plain(value: object) -> str:
    """Write a cell so that no spreadsheet takes it for a formula."""
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return value.isoformat(timespec="seconds")
    text = str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t"} else text
