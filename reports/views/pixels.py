"""The page of pixels: what is asked for, and everything that stands beside it."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from calibrations.domain.cameras import CAMERAS
from reports.models import WHOLE_PLANE, ReportImage, VerificationReport
from reports.services.pins import pins_of
from reports.services.pixels import (
    comparable_images,
    default_comparison,
    find_image,
    running_tiles,
)
from reports.services.tiles import has_tiles
from reports.services.viewer import (
    Shown,
    colour_tables,
    compare_shapes,
    doubt_ratio,
    draw_outlines,
    find_defects,
    look_at,
)
from reports.views.finding import find_report
from taxicab.errors import InputError, NotFoundError

__all__ = ["asked_image", "detector_names", "pixels", "query_of"]

PLANE = "focal-plane"
"""In place of a detector's name: all of them."""

MAX_DIGITS = 15
"""More than any number of an exposure, and few enough for the database."""


@require_safe
def pixels(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Show an image of a report, beside the one that it would replace."""
    report = find_report(request, key, version)
    image, instead = _or_combined(report, request.GET)
    others = comparable_images(image)
    against = _asked_comparison(image, others, request.GET.get("against", ""))
    candidate = look_at(image)
    current = look_at(against) if against else None
    mismatch = compare_shapes(candidate, current)
    names = detector_names(report)
    pins = pins_of(image, request.user)
    jobs = running_tiles(report)
    if against and against.report_id != report.pk:
        jobs += running_tiles(against.report)
    context = {
        "report": report,
        "ticket": report.ticket,
        "tab": "pixels",
        "image": image,
        "instead": instead,
        "detector_name": _name(image, names),
        "candidate": candidate,
        "current": current,
        "missing": [one for one in (candidate, current) if one and one.problem],
        "mismatch": mismatch,
        "jobs": jobs,
        "current_address": _address(against, names) if against else "",
        "numbers": _beside(candidate, current),
        "pins": pins,
        "config": _config(candidate, current, names, can_compare=not mismatch),
        **_choices(report, image, others, against, names),
    }
    return render(request, "reports/pixels.html", context)


def asked_image(report: VerificationReport, asked: QueryDict) -> ReportImage:
    """Find an image by its part, its detector's name or number, and its exposure."""
    part, exposure = asked.get("part", ""), asked.get("exposure", "") or "0"
    if not exposure.isdecimal() or len(exposure) > MAX_DIGITS:
        raise InputError(f"An exposure is a number, which {exposure!r} is not.")
    word = asked.get("detector", "")
    number = _detector_number(report, word) if word else None
    return find_image(report, part, number, int(exposure))


def _detector_number(report: VerificationReport, word: str) -> int:
    by_name = {name: number for number, name in detector_names(report).items()}
    if word in by_name:
        return by_name[word]
    if word.isdecimal() and len(word) <= MAX_DIGITS:
        return int(word)
    raise InputError(
        f"{report.ticket.instrument} has no detector {word!r}: give its name, its "
        f"number, or {PLANE!r} for the whole focal plane."
    )


def _or_combined(
    report: VerificationReport, asked: QueryDict
) -> tuple[ReportImage, str]:
    """Find what is asked for, or the combined image with a word on why."""
    try:
        return asked_image(report, asked), ""
    except NotFoundError as error:
        if not asked.get("exposure"):
            raise
        combined = asked.copy()
        combined["exposure"] = ""
        return asked_image(report, combined), f"{error} Shown is the combined image."


def _asked_comparison(
    image: ReportImage, others: list[ReportImage], asked: str
) -> ReportImage | None:
    """Find what is compared with: ``DM-47447/2``, or what is usual."""
    if not asked:
        return default_comparison(image, others)
    for one in others:
        if _report_name(one) == asked:
            return one
    raise NotFoundError(
        f"{asked} has no image that could be compared with this one: choose another "
        "report, or another detector or exposure."
    )


def _report_name(image: ReportImage) -> str:
    return f"{image.report.ticket.key}/{image.report.version}"


def detector_names(report: VerificationReport) -> dict[int, str]:
    """Name every detector of the camera, and all of them together."""
    camera = CAMERAS.get(report.ticket.instrument_id)
    named = {d.id: d.name for d in camera.detectors} if camera else {}
    return {**named, WHOLE_PLANE: PLANE}


def _name(image: ReportImage, names: dict[int, str]) -> str:
    """Name an image's detector; its number where the camera is not described."""
    return names.get(image.detector, str(image.detector))


def query_of(image: ReportImage, names: dict[int, str], **changes: Any) -> str:
    """Write the query that asks for an image."""
    words = {
        "part": image.part,
        "detector": _name(image, names),
        "exposure": image.exposure or "",
        **changes,
    }
    return urlencode({name: value for name, value in words.items() if value != ""})


def _address(image: ReportImage, names: dict[int, str]) -> str:
    report = image.report
    page = reverse("report-pixels", args=[report.ticket.key, report.version])
    return f"{page}?{query_of(image, names)}"


def _choices(
    report: VerificationReport,
    image: ReportImage,
    others: list[ReportImage],
    against: ReportImage | None,
    names: dict[int, str],
) -> dict[str, Any]:
    """List the parts, detectors, exposures and reports that can be asked for."""
    rows = report.images.filter(part=image.part)
    same = rows.filter(exposure=image.exposure).order_by("detector")
    chosen = _report_name(against) if against else ""
    strip = [_chip(one, image, names, chosen) for one in same]
    here = next(i for i, one in enumerate(strip) if one["is_here"])
    exposures = rows.filter(detector=image.detector).order_by("exposure")
    return {
        "parts": _parts(report, image, names),
        "strip": strip,
        "before": strip[here - 1] if here else None,
        "after": strip[here + 1] if here + 1 < len(strip) else None,
        "exposures": list(exposures.values_list("exposure", flat=True)),
        "others": [(_report_name(one), one.report) for one in others],
        "against": chosen,
    }


def _parts(
    report: VerificationReport, image: ReportImage, names: dict[int, str]
) -> list[dict[str, Any]]:
    """List the parts that have images; of each the same detector, if it has that."""
    rows = report.images.order_by("pk")
    same = rows.filter(detector=image.detector, exposure=0)
    having = set(same.values_list("part", flat=True))
    page = reverse("report-pixels", args=[report.ticket.key, report.version])
    here = {"detector": _name(image, names)}
    return [
        {
            "key": key,
            "is_here": key == image.part,
            "address": f"{page}?"
            + urlencode({"part": key, **(here if key in having else {})}),
        }
        for key in dict.fromkeys(rows.values_list("part", flat=True))
    ]


def _chip(
    one: ReportImage, here: ReportImage, names: dict[int, str], against: str
) -> dict[str, Any]:
    page = reverse("report-pixels", args=[here.report.ticket.key, here.report.version])
    return {
        "name": _name(one, names),
        "address": f"{page}?{query_of(one, names, against=against)}",
        "is_here": one.pk == here.pk,
        "is_suspect": one.is_suspect,
        "has_tiles": has_tiles(one.sha256),
    }


def _beside(
    candidate: Shown, current: Shown | None
) -> list[tuple[str, str, str | None]]:
    """Put the numbers of both images side by side, in the candidate's order."""
    theirs = dict(current.numbers) if current else {}
    mine = dict(candidate.numbers)
    return [
        (name, mine.get(name, "–"), theirs.get(name, "–") if current else None)
        for name in {**mine, **theirs}
    ]


def _config(
    candidate: Shown,
    current: Shown | None,
    names: dict[int, str],
    *,
    can_compare: bool,
) -> dict[str, Any] | None:
    """Give the browser what it needs; nothing while there are no tiles."""
    if candidate.index is None:
        return None
    # Of another size it has no place on the same canvas.
    fits = current is not None and current.index and current.size == candidate.size
    return {
        "candidate": _source(candidate),
        "current": _source(current) if current and fits else None,
        "compares": bool(fits and can_compare),
        "ratioDoubt": doubt_ratio(current) if current else "",
        "unit": candidate.unit,
        "amplifiers": draw_outlines(candidate),
        "defects": find_defects(candidate, names),
        "colours": colour_tables(),
    }


def _source(shown: Shown) -> dict[str, Any]:
    report = shown.image.report
    place = [report.ticket.key, report.version, shown.image.sha256]
    address = reverse("report-tile", args=[*place, 0, 0, 0])
    return {
        "title": shown.title,
        "tile": address.removesuffix("0/0/0") + "LEVEL/ROW/COLUMN",
        "index": {k: v for k, v in (shown.index or {}).items() if k != "levels"}
        | {
            "levels": [{"shape": one["shape"]} for one in (shown.index or {})["levels"]]
        },
    }
