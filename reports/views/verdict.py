"""The verdict page: what matters, worst first, each row one click from its evidence."""

from functools import partial
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from reports.models import VerificationReport
from reports.services.counting import count_clusters, roll_up, tally
from reports.services.detectors import find_pictures
from reports.services.evidence import evidence_file
from reports.services.findings import (
    N_SHOWN,
    find_findings,
    trend_over_exposures,
    trend_over_reports,
)
from reports.services.geometry import detector_names
from reports.services.headers import fold_part_headers
from reports.services.history import before, find_baseline
from reports.services.values import read_index
from reports.views.finding import find_report, find_stage
from taxicab.errors import InputError

__all__ = ["cluster", "part", "provenance", "verdict_context"]

PAGE_ROWS = 50
"""Of a page that shows all."""


def verdict_context(
    report: VerificationReport, *, page: str | None = None
) -> dict[str, Any]:
    """Give what the verdict page shows: the worst rows, or a page of all."""
    summary, counts = report.summary, count_clusters(report)
    rows = Paginator(range(counts.all), PAGE_ROWS).get_page(page) if page else None
    findings = find_findings(
        report,
        first=rows.start_index() - 1 if rows and counts.all else 0,
        limit=PAGE_ROWS if rows else N_SHOWN,
    )
    return {
        "report": report,
        "ticket": report.ticket,
        "summary": summary,
        "findings": findings,
        "rows_page": rows,
        "n_clusters": counts,
        "tally": tally(report),
        # Every row was compared with it.
        "baseline": findings[0].before.report if findings else find_baseline(report),
        "roll_up": roll_up(report),
        "tab": "verdict",
    }


@require_safe
def part(request: HttpRequest, key: str, version: int, part: str) -> HttpResponse:
    """Show everything of one type: tests, clusters, planes, images."""
    found = find_report(request, key, version)
    context = {
        "report": found,
        "ticket": found.ticket,
        "summary": found.summary,
        "stage": find_stage(found, part),
        "tab": "types",
    }
    return render(request, "reports/part.html", context)


@require_safe
def provenance(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Show what a report was made from."""
    found = find_report(request, key, version)
    context = {
        "report": found,
        "ticket": found.ticket,
        "summary": found.summary,
        "headers": fold_part_headers(found.summary, partial(evidence_file, found)),
        "tab": "provenance",
    }
    return render(request, "reports/provenance.html", context)


@require_safe
def cluster(
    request: HttpRequest, key: str, version: int, part: str, level: str, test: str
) -> HttpResponse:
    """Open a row: its pixels, its trends, the definition of its test.

    Asked for by the page that it opens in, or as a page of its own.
    """
    found = find_report(request, key, version)
    stage = find_stage(found, part)
    scope = _scope(request)
    place = {"level": level, "test": test, **scope}
    context = {
        "report": found,
        "ticket": found.ticket,
        "stage": stage,
        "about": read_index(found, part).test(level, test),
        "title": _title(found, scope),
        "before": before(place, part, find_baseline(found)),
        "charts": [
            (title, chart)
            for title, chart in (
                ("Over its exposures", trend_over_exposures(found, part, place)),
                ("Over the reports before", trend_over_reports(found, part, place)),
            )
            if chart
        ],
        "pictures": find_pictures(found, stage, scope),
        "detector": detector_names(found.ticket.instrument_id).get(scope["detector"]),
        "scope": scope,
        "plane_address": _plane_address(found, part, level, test),
        "tab": "verdict",
    }
    partial = request.headers.get("HX-Request")
    template = "reports/_cluster.html" if partial else "reports/cluster.html"
    return render(request, template, context)


def _scope(request: HttpRequest) -> dict[str, Any]:
    """Read which place and exposure a row is about."""
    try:
        return {
            "exposure": int(request.GET.get("exposure", 0)),
            "detector": int(request.GET.get("detector", -1)),
            "raft": request.GET.get("raft", ""),
            "amplifier": request.GET.get("amplifier", ""),
        }
    except ValueError as error:
        raise InputError(
            "Exposure and detector are numbers: follow a link of the verdict page."
        ) from error


def _title(report: VerificationReport, scope: dict[str, Any]) -> str:
    names = detector_names(report.ticket.instrument_id)
    detector = names.get(scope["detector"], "")
    place = detector or (f"raft {scope['raft']}" if scope["raft"] else "")
    words = [place, scope["amplifier"]]
    if scope["exposure"]:
        words.append(f"exposure {scope['exposure']}")
    return " ".join(filter(None, words)) or "all detectors"


def _plane_address(report: VerificationReport, part: str, level: str, test: str) -> str:
    address = reverse("report-plane", args=[report.ticket.key, report.version])
    return "" if level == "EXP" else f"{address}?part={part}&test={level}.{test}"
