"""Pages of verification reports, and the files that are their evidence."""

import mimetypes

from django.db.models.fields.json import KT
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from calibrations.models import ConstructionTicket
from reports import tasks
from reports.forms import NewReportForm, ReportFilterForm
from reports.models import ReportStatus, VerificationReport
from reports.services.archive import pack_report
from reports.services.evidence import evidence_file
from reports.services.reports import request_report
from reports.views.finding import find_report
from reports.views.verdict import verdict_context
from taxicab.core.pages import POLL_ENDED, Sheet, answer_sheet, one_page, posted
from taxicab.core.roles import Action
from taxicab.core.services.permissions import check_may, readable_instruments
from taxicab.errors import NotFoundError

# A file of a report never changes: its address holds the report, that its hash.
IMMUTABLE = "private, max-age=31536000, immutable"
# The report's own HTML has its style beside it and no scripts. It keeps its origin, or
# its pictures would be asked for without the reader's session.
SANDBOX = (
    "default-src 'none'; img-src 'self'; style-src 'self'; sandbox allow-same-origin "
    "allow-top-navigation-by-user-activation; base-uri 'none'; form-action 'none'"
)


@require_safe
def reports(request: HttpRequest) -> HttpResponse:
    """List reports, newest first."""
    instruments = readable_instruments(request.user)
    rows = VerificationReport.objects.filter(
        ticket__instrument__in=instruments
    ).select_related("ticket__instrument", "created_by", "job")
    # A summary holds every line of its report: a list shows two things of it.
    rows = rows.defer("summary").annotate(
        verdict=KT("summary__verdict"), counts=KT("summary__counts")
    )
    tickets = ConstructionTicket.objects.filter(instrument__in=instruments)
    form = ReportFilterForm(request.GET or None, tickets=tickets)
    if form.is_valid() and form.cleaned_data["ticket"]:
        rows = rows.filter(ticket=form.cleaned_data["ticket"])
    context = {"page": one_page(request, rows), "form": form}
    return render(request, "reports/reports.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, key: str) -> HttpResponse:
    """Choose what a report is made of, and make it."""
    ticket = ConstructionTicket.objects.filter(
        key=key, instrument__in=readable_instruments(request.user)
    ).first()
    if ticket is None:
        raise NotFoundError(f"There is no construction ticket {key!r}: see the list.")
    check_may(request.user, Action.VERIFY, ticket.instrument)
    form = NewReportForm(posted(request), ticket=ticket)
    sheet = Sheet(
        title=f"Make a report of {key}",
        lead="Every test against its limit, the failing amplifiers, the focal plane, "
        "images, inputs, commands, versions and validity: what the board reads.",
        submit="Make the report",
        back=reverse("construction-ticket", args=[key]),
    )

    def act(asked: dict) -> str:
        made = request_report(
            ticket,
            verifications=list(asked["verifications"]),
            by=request.user,
            task=tasks.build_report,
        )
        return f"Report {made.version} of {key} is being made."

    return answer_sheet(request, sheet, form, act)


@require_safe
def report(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Show a report."""
    found = find_report(request, key, version)
    shows_all = request.GET.get("rows") == "all"
    page = request.GET.get("page") or "1" if shows_all else None
    return render(request, "reports/report.html", _context(found, page=page))


@require_safe
def report_live(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Answer the poll of a report that is being made; 286 once it is."""
    found = find_report(request, key, version)
    status = 200 if found.status == ReportStatus.BUILDING else POLL_ENDED
    return render(request, "reports/_report.html", _context(found), status=status)


@require_safe
def report_file(
    request: HttpRequest, key: str, version: int, name: str
) -> FileResponse:
    """Hand out one file of a report; only what its manifest lists."""
    path = evidence_file(find_report(request, key, version), name)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    response = FileResponse(path.open("rb"), content_type=kind)
    response["Cache-Control"] = IMMUTABLE
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = SANDBOX
    return response


@require_safe
def report_archive(request: HttpRequest, key: str, version: int) -> FileResponse:
    """Hand out a report's folder as one file."""
    found = find_report(request, key, version)
    name = f"{key}-report-{version}.zip"
    return FileResponse(pack_report(found), as_attachment=True, filename=name)


def _context(found: VerificationReport, *, page: str | None = None) -> dict:
    if found.status == ReportStatus.READY:
        return verdict_context(found, page=page)
    return {"report": found, "ticket": found.ticket, "summary": found.summary}
