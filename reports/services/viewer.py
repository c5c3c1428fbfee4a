"""What the page of pixels says beside the pixels, as plain data."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from calibrations.domain.cameras import CAMERAS, Detector
from reports.domain.results import show_number, show_unit
from reports.models import ReportImage, VerificationReport
from reports.services.evidence import evidence_file
from reports.services.tiles import TilesMissingError, read_index
from taxicab.errors import TaxicabError

__all__ = [
    "Shown",
    "colour_tables",
    "compare_shapes",
    "doubt_ratio",
    "draw_outlines",
    "find_defects",
    "look_at",
]

COLOURS = {"cividis": "cividis", "grey": "gray", "diverging": "RdBu_r"}
ANCHORS = 33
"""Colours of each map that are sent; the browser fills in between."""

RATIO_SIGMA = 3.0
"""With a median nearer to zero than this an image changes sign all over."""

MAX_DEFECTS = 20_000
"""Boxes; more hide the image they are drawn on."""

Outline = tuple[str, int, int, int, int]
"""Name, then x0, y0, x1, y1 in pixels of the image."""


@dataclass(frozen=True)
class Shown:
    """An image with its tiles, or with what is wrong with them."""

    image: ReportImage
    index: dict[str, Any] | None
    problem: str = ""

    @property
    def title(self) -> str:
        """The report that it is of."""
        report = self.image.report
        return f"{report.ticket.key} report {report.version}"

    @property
    def unit(self) -> str:
        """As people write it; empty where it has none."""
        return show_unit(self.index["unit"]) if self.index else ""

    @property
    def size(self) -> str:
        """Columns and rows, and how they are binned."""
        if not self.index:
            return ""
        ny, nx = self.index["shape"]
        binning = self.index["binning"]
        binned = f", each the mean of {binning} × {binning}" if binning > 1 else ""
        return f"{nx} × {ny} pixels{binned}"

    @property
    def numbers(self) -> list[tuple[str, str]]:
        """What it amounts to: a name and a number each, in words."""
        if not self.index:
            return []
        n, unit = self.index["numbers"], self.index["unit"]
        rows = [("Without a value", f"{n['n_pixels'] - n['n_finite']:,}")]
        rows += [
            (name, show_number(n[key], unit))
            for name, key in (
                ("Smallest", "minimum"),
                ("0.5 % below", "low"),
                ("Median", "median"),
                ("Mean", "mean"),
                ("99.5 % below", "high"),
                ("Largest", "maximum"),
                ("σ from the quartiles", "sigma"),
            )
        ]
        masked = n["masked"].items()
        return rows + [(f"Masked {name}", f"{count:,}") for name, count in masked]


def look_at(image: ReportImage) -> Shown:
    """Read what there is of an image's tiles."""
    try:
        if not image.sha256:
            raise TilesMissingError(
                "This image has no tiles yet: make them, it takes a few seconds."
            )
        return Shown(image, read_index(image.sha256))
    except TilesMissingError as error:
        return Shown(image, None, str(error))


def compare_shapes(candidate: Shown, current: Shown | None) -> str:
    """Say why two images cannot be compared pixel by pixel; nothing if they can."""
    if current is None or not candidate.index or not current.index:
        return ""
    if candidate.image.sha256 == current.image.sha256:
        return f"{current.title} has the very same image: there is no difference."
    if (candidate.size, candidate.unit) == (current.size, current.unit):
        return ""
    if candidate.size != current.size:
        return (
            f"The candidate has {candidate.size}, the current one {current.size}: they "
            "cannot be subtracted or divided."
        )
    return (
        f"The candidate is in {candidate.unit or 'no unit'}, the current one in "
        f"{current.unit or 'no unit'}: they cannot be subtracted or divided."
    )


def doubt_ratio(current: Shown) -> str:
    """Say so where dividing by an image is dividing by its noise; nothing else."""
    numbers = current.index["numbers"] if current.index else {}
    median, sigma = numbers.get("median"), numbers.get("sigma")
    if median is None or sigma is None or abs(median) > RATIO_SIGMA * sigma:
        return ""
    return (
        f"{current.title} is mostly noise around zero: to divide by it means little, "
        "look at the difference."
    )


def draw_outlines(shown: Shown) -> list[Outline]:
    """Place the amplifiers in a detector's image, or the detectors in a mosaic."""
    image = shown.image
    camera = CAMERAS.get(image.report.ticket.instrument_id)
    if camera is None or shown.index is None:
        return []
    shape = tuple(shown.index["shape"])
    by_id = {detector.id: detector for detector in camera.detectors}
    if image.is_plane:
        siblings = image.report.images.filter(part=image.part, detector__gte=0)
        ids = siblings.values_list("detector", flat=True).distinct()
        return _place_detectors([by_id[i] for i in sorted(ids) if i in by_id], shape)
    if image.detector not in by_id:
        return []
    boxes = by_id[image.detector].amplifier_boxes(shape)
    return [(name, *box) for name, box in boxes.items()]


def _place_detectors(
    detectors: Sequence[Detector], shape: tuple[int, ...]
) -> list[Outline]:
    """Place detectors as the mosaic does: its edges are those of the outermost."""
    if not detectors:
        return []
    left, bottom = (min(d.box[i] for d in detectors) for i in (0, 1))
    right, top = (max(d.box[i] for d in detectors) for i in (2, 3))
    across, up = shape[1] / (right - left), shape[0] / (top - bottom)
    return [
        (
            detector.name,
            round((detector.box.x0 - left) * across),
            round((detector.box.y0 - bottom) * up),
            round((detector.box.x1 - left) * across),
            round((detector.box.y1 - bottom) * up),
        )
        for detector in detectors
    ]


def find_defects(shown: Shown, names: Mapping[int, str]) -> list[list[int]]:
    """Read the report's own defects of a detector, in pixels of its image.

    Returns
    -------
    list
        x0, y0, width, height of each; empty where the report has no defects.
    """
    image = shown.image
    if image.is_plane or shown.index is None:
        return []
    binning = shown.index["binning"]
    name = names.get(image.detector, "")
    boxes: list[list[int]] = []
    for file in _defect_files(image.report):
        with evidence_file(image.report, file).open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                if row["detector"] == name and len(boxes) < MAX_DEFECTS:
                    boxes.append(_shrink(row, binning))
    return boxes


def _shrink(row: Mapping[str, str], binning: int) -> list[int]:
    # Numbers of some tables are written with a point.
    x0, y0 = int(float(row["x0"])), int(float(row["y0"]))
    x1, y1 = x0 + int(float(row["width"])), y0 + int(float(row["height"]))
    left, bottom = x0 // binning, y0 // binning
    return [left, bottom, -(-x1 // binning) - left, -(-y1 // binning) - bottom]


def _defect_files(report: VerificationReport) -> list[str]:
    """Name the files of the report's defects that are still there."""
    found = []
    for stage in report.summary.get("stages", []):
        file = (stage.get("product") or {}).get("file", "")
        if stage.get("calib_type") == "defects" and file:
            try:
                evidence_file(report, file)
            except TaxicabError:
                continue
            found.append(file)
    return found


@cache
def colour_tables() -> dict[str, list[str]]:
    """Give the colours of each map, from low to high."""
    return {
        name: [to_hex(colormaps[known](at)) for at in np.linspace(0, 1, ANCHORS)]
        for name, known in COLOURS.items()
    }
