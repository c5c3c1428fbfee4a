"""Figures of a report: a page for each type, files of each figure and its data."""

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from reports.services.figures import FORMS, figure_file, list_figures, read_place
from reports.services.geometry import detector_names
from reports.views.finding import find_report, find_stage

__all__ = ["figure", "figures"]

CACHED = "private, max-age=3600"
# A figure by itself is a picture: no script, its own styles, nothing from elsewhere.
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@require_safe
def figures(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Show the figures of one type, each with what to look for."""
    found = find_report(request, key, version)
    stages = found.summary.get("stages", ())
    part = request.GET.get("part") or next((s["key"] for s in stages), "")
    context = {
        "report": found,
        "ticket": found.ticket,
        "summary": found.summary,
        "tab": "figures",
    }
    if part:
        entries = list_figures(found, part)
        place = read_place(found, part, request.GET.get("place", ""))
        names = detector_names(found.ticket.instrument_id)
        context |= {
            "stage": find_stage(found, part),
            "entries": entries,
            "place": f"{names.get(place[0], place[0])}.{place[1]}",
            "has_place": any(entry.of for entry in entries),
        }
    return render(request, "reports/figures.html", context)


@require_safe
def figure(
    request: HttpRequest, key: str, version: int, part: str, figure: str, form: str
) -> FileResponse:
    """Hand out a figure as PNG or SVG, or its data as CSV or Parquet."""
    found = find_report(request, key, version)
    place = read_place(found, part, request.GET.get("place", ""))
    path = figure_file(found, part, figure, place, form)
    is_data = form in ("csv", "parquet")
    name = f"{key}-report-{version}-{part}-{figure}.{form}"
    response = FileResponse(
        path.open("rb"), content_type=FORMS[form], as_attachment=is_data, filename=name
    )
    response["Cache-Control"] = CACHED
    response["Content-Security-Policy"] = PICTURE_POLICY
    response["X-Content-Type-Options"] = "nosniff"
    return response
