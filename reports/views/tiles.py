"""Tiles of a report's images: handed out, and made when somebody asks."""

import zlib

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from reports import tasks
from reports.services.pixels import find_tiles, request_tiles, running_tiles
from reports.services.pyramid import GZIP
from reports.services.tiles import preview_file, read_tile
from reports.views.finding import find_report
from reports.views.pixels import asked_image, detector_names, query_of
from taxicab.core.pages import POLL_ENDED, signed_in

__all__ = ["live", "make_tiles", "preview", "tile"]

# Tiles never change: their address holds the SHA-256 of the image.
IMMUTABLE = "private, max-age=31536000, immutable"


@require_POST
def make_tiles(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Have the tiles of one image made, and go back to where it is shown."""
    report = find_report(request, key, version)
    image = asked_image(report, request.POST)
    request_tiles(report, [image], by=signed_in(request), task=tasks.make_tiles)
    back = request.POST.get("back", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        page = reverse("report-pixels", args=[key, version])
        back = f"{page}?{query_of(image, detector_names(report))}"
    return redirect(back)


@require_safe
def live(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Answer the poll of tiles that are being made; once they are, show them."""
    report = find_report(request, key, version)
    jobs = running_tiles(report)
    if not jobs:
        response = HttpResponse(status=POLL_ENDED)
        response["HX-Refresh"] = "true"
        return response
    context = {"report": report, "ticket": report.ticket, "jobs": jobs}
    return render(request, "reports/_tiles.html", context)


@require_safe
def tile(
    request: HttpRequest,
    key: str,
    version: int,
    sha256: str,
    level: int,
    row: int,
    column: int,
) -> HttpResponse:
    """Hand out a tile, packed as it is kept; only of images that the report lists."""
    find_tiles(request.user, key, version, sha256)
    packed = read_tile(sha256, level, row, column)
    response = HttpResponse(content_type="application/octet-stream")
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.content = packed
        response["Content-Encoding"] = "gzip"
    else:
        response.content = zlib.decompress(packed, GZIP)
    response["Cache-Control"] = IMMUTABLE
    response["Vary"] = "Accept-Encoding"
    return response


@require_safe
def preview(request: HttpRequest, key: str, version: int, sha256: str) -> FileResponse:
    """Hand out the picture that is shown without scripts."""
    find_tiles(request.user, key, version, sha256)
    response = FileResponse(preview_file(sha256).open("rb"), content_type="image/png")
    response["Cache-Control"] = IMMUTABLE
    return response
