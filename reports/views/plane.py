"""The focal plane, the detectors in it and their amplifiers."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from reports.domain.results import show_margin
from reports.models import VerificationReport
from reports.services.detectors import (
    amplifier_charts,
    amplifier_table,
    exposure_table,
    find_detector,
    find_pictures,
    neighbours,
)
from reports.services.geometry import draw_outline, draw_svg, plane_of
from reports.services.plane_values import (
    COLOURS,
    MARGIN_COLOURS,
    OVER,
    SHOWN,
    VERDICT_FILLS,
    PlaneValues,
    choose_fills,
    plane_values,
    scale_of,
)
from reports.services.remembering import remember
from reports.services.values import read_index
from reports.views.finding import find_report, find_stage
from taxicab.core.services.permissions import readable_instruments
from taxicab.errors import InputError, NotFoundError

__all__ = ["amplifier", "detector", "geometry", "picture", "plane", "values"]

# A report's numbers never change; who may read them can.
CACHED = "private, max-age=86400"
N_WORST = 20
"""Amplifiers that the table beside the plane lists."""


@dataclass(frozen=True)
class Asked:
    """What a focal plane was asked to show; its address holds the same words."""

    part: str
    level: str
    test: str
    """Empty for all tests that decide."""
    over: str
    shown: str
    low: float | None
    high: float | None

    @property
    def choice(self) -> str:
        """Part and test in one word, as the page's list has them."""
        return f"{self.part}/" + (f"{self.level}.{self.test}" if self.test else "")

    @cached_property
    def query(self) -> str:
        """The words of the address, to be shared with other views."""
        words = {
            "test": self.choice,
            "over": self.over,
            "show": self.shown,
            "low": "" if self.low is None else self.low,
            "high": "" if self.high is None else self.high,
        }
        return urlencode({name: word for name, word in words.items() if word != ""})


@require_safe
def plane(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Show the focal plane; without scripts as a picture and a table."""
    found = find_report(request, key, version)
    asked = _read(request, found)
    context: dict[str, Any] = {
        "report": found,
        "ticket": found.ticket,
        "summary": found.summary,
        "tab": "plane",
        "asked": asked,
    }
    if asked is None:
        return render(request, "reports/plane.html", context)
    shown = _values(found, asked)
    low, high = scale_of(shown, asked.shown, low=asked.low, high=asked.high)
    layout = plane_of(found.ticket.instrument_id)
    addresses = {
        "geometry": reverse("report-geometry", args=[layout.instrument]),
        "values": reverse("report-plane-values", args=[key, version]),
        "detector": reverse("report-detector", args=[key, version, "NAME"]),
        "picture": reverse("report-plane-picture", args=[key, version]),
    }
    context |= {
        # Asked for while the script is still on its way, word for word as it will.
        "early": (
            addresses["geometry"],
            f"{addresses['values']}?"
            + urlencode({"test": asked.choice, "over": asked.over}),
        ),
        "choices": _choices(found),
        "over_choices": [*OVER, *map(str, shown.exposures)],
        "shown_choices": SHOWN,
        "title": shown.title,
        "unit": shown.unit,
        "low": f"{low:.4g}",
        "high": f"{high:.4g}",
        "worst": _worst(found, shown),
        "detectors": [
            (name, addresses["detector"].replace("NAME", name))
            for name in layout.names.values()
        ],
        "settings": {
            **addresses,
            "colours": COLOURS,
            "margin": MARGIN_COLOURS,
            "verdict": VERDICT_FILLS,
            **layout.amplifiers(),
        },
    }
    return render(request, "reports/plane.html", context)


@gzip_page
@require_safe
def geometry(request: HttpRequest, instrument: str) -> HttpResponse:
    """Give a camera's focal plane as SVG, without colours."""
    if not readable_instruments(request.user).filter(name=instrument).exists():
        raise NotFoundError(f"There is no camera {instrument!r}: see the list.")
    response = HttpResponse(draw_outline(instrument), content_type="image/svg+xml")
    response["Cache-Control"] = CACHED
    return response


@gzip_page
@require_safe
def values(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Give a metric's numbers, amplifier by amplifier."""
    found = find_report(request, key, version)
    asked = _must_read(request, found)
    written = remember(
        found,
        *("plane.json", asked.part, asked.level, asked.test, asked.over),
        make=lambda: json.dumps(_values(found, asked).as_data()),
    )
    response = HttpResponse(written, content_type="application/json")
    response["Cache-Control"] = CACHED
    return response


@gzip_page
@require_safe
def picture(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Draw the focal plane with its colours, for who has no scripts and for paper."""
    found = find_report(request, key, version)
    asked = _must_read(request, found)
    shown = _values(found, asked)
    scale = scale_of(shown, asked.shown, low=asked.low, high=asked.high)
    fills = choose_fills(shown, asked.shown, scale)
    drawn = draw_svg(plane_of(found.ticket.instrument_id), fills=fills)
    response = HttpResponse(drawn, content_type="image/svg+xml")
    response["Cache-Control"] = CACHED
    return response


@require_safe
def detector(request: HttpRequest, key: str, version: int, name: str) -> HttpResponse:
    """Show a detector: its amplifiers by test, one test by exposure, its pictures."""
    found = find_report(request, key, version)
    asked = _must_read(request, found)
    chosen = find_detector(found, name)
    stage = find_stage(found, asked.part)
    first = next(
        (t for t in read_index(found, asked.part).tests if t["level"] != "EXP"), None
    )
    level, test = asked.level, asked.test
    if not test and first:
        level, test = first["level"], first["test"]
    previous, following = neighbours(found, chosen)
    table = exposure_table(found, asked.part, chosen, level, test) if test else None
    context = {
        "report": found,
        "ticket": found.ticket,
        "summary": found.summary,
        "stage": stage,
        "detector": chosen,
        "asked": asked,
        "choices": _choices(found),
        "table": amplifier_table(found, asked.part, chosen),
        "exposures": table,
        "pictures": find_pictures(found, stage, {"detector": chosen.id}),
        "previous": previous,
        "following": following,
        "tab": "plane",
    }
    return render(request, "reports/detector.html", context)


@require_safe
def amplifier(
    request: HttpRequest, key: str, version: int, name: str, amplifier: str
) -> HttpResponse:
    """Show an amplifier: every test over its exposures."""
    found = find_report(request, key, version)
    asked = _must_read(request, found)
    chosen = find_detector(found, name)
    if amplifier not in chosen.amplifiers:
        raise NotFoundError(
            f"{name} has no amplifier {amplifier!r}: it has "
            f"{', '.join(chosen.amplifiers)}."
        )
    names = list(chosen.amplifiers)
    here = names.index(amplifier)
    context = {
        "report": found,
        "ticket": found.ticket,
        "summary": found.summary,
        "stage": find_stage(found, asked.part),
        "detector": chosen,
        "amplifier": amplifier,
        "model": chosen.amplifiers[amplifier],
        "asked": asked,
        "charts": amplifier_charts(found, asked.part, chosen, amplifier),
        "parts": [s for s in found.summary.get("stages", ()) if s["lines"]],
        "previous": names[here - 1] if here else "",
        "following": names[here + 1] if here + 1 < len(names) else "",
        "tab": "plane",
    }
    return render(request, "reports/amplifier.html", context)


def _values(report: VerificationReport, asked: Asked) -> PlaneValues:
    return plane_values(
        report, asked.part, level=asked.level, test=asked.test, over=asked.over
    )


def _read(request: HttpRequest, report: VerificationReport) -> Asked | None:
    """Read what to show; None where the report judged nothing."""
    parts = [
        s["key"] for s in report.summary.get("stages", ()) if s["counts"]["results"]
    ]
    if not parts:
        return None
    # One word of the address names part and test, as one list of the page does.
    head, _, name = request.GET.get("test", "").rpartition("/")
    part = head or request.GET.get("part") or parts[0]
    find_stage(report, part)
    level, _, test = name.partition(".")
    shown = request.GET.get("show") or ("value" if test else "verdict")
    if shown not in SHOWN:
        raise InputError(f"A focal plane shows {', '.join(SHOWN)}, not {shown!r}.")
    return Asked(
        part=part,
        level=level,
        test=test,
        over=request.GET.get("over") or "worst",
        shown=shown,
        low=_number(request, "low"),
        high=_number(request, "high"),
    )


def _must_read(request: HttpRequest, report: VerificationReport) -> Asked:
    asked = _read(request, report)
    if asked is None:
        raise NotFoundError(
            f"{report} has no result of any test: nothing can be shown."
        )
    return asked


def _number(request: HttpRequest, name: str) -> float | None:
    text = request.GET.get(name, "").strip()
    if not text:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InputError(
            f"The scale's {name} end is a number, not {text!r}."
        ) from error


def _choices(report: VerificationReport) -> list[tuple[str, list[dict[str, Any]]]]:
    """List what can be shown: the tests of every part that has results."""
    choices = []
    for stage in report.summary.get("stages", ()):
        if stage["counts"]["results"]:
            tests = [
                dict(about)
                for about in read_index(report, stage["key"]).tests
                if about["level"] != "EXP"
            ]
            choices.append((stage["key"], tests))
    return choices


def _worst(report: VerificationReport, shown: PlaneValues) -> list[dict[str, Any]]:
    """List the amplifiers farthest beyond their limit: the plane in words."""
    layout = plane_of(report.ticket.instrument_id)
    gravity = np.where(np.isnan(shown.margin), np.inf, shown.margin)
    order = np.lexsort((-gravity, shown.n_failed == 0))
    order = order[shown.n_results[order] > 0][:N_WORST].tolist()
    places = list(layout.places)
    return [
        {
            "detector": layout.names[places[i][0]],
            "amplifier": places[i][1],
            "value": float(shown.value[i]),
            "limit": float(shown.limit[i]),
            "margin": show_margin(float(shown.margin[i])),
            "n_failed": int(shown.n_failed[i]),
            "n_results": int(shown.n_results[i]),
        }
        for i in order
    ]
