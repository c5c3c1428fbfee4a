"""The focal plane as one compact SVG, and the numbering its amplifiers have in it.

A camera's amplifiers are numbered in the order of its detectors' ids. The SVG has a
path for each, whose id is ``a`` and the number; values travel as lists in that order.
Lengths are in 0.1 mm, y points down.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from calibrations.domain.cameras import CAMERAS, Camera, FocalBox
from taxicab.errors import NotFoundError

__all__ = [
    "Plane",
    "detector_names",
    "draw_outline",
    "draw_svg",
    "plane_of",
    "raft_detectors",
]

PER_MM = 10
MARGIN = 30
MAX_NAMES = 30
"""Above this many detectors their names no longer fit."""

Place = tuple[int, str]


@dataclass(frozen=True)
class Plane:
    """A camera's focal plane, laid out once."""

    instrument: str
    view: tuple[int, int, int, int]
    """x, y, width and height of the drawing."""
    places: Mapping[Place, int]
    """Number of each amplifier."""
    boxes: Mapping[int, range]
    """Numbers of the amplifiers of each detector."""
    paths: tuple[str, ...]
    """By number: the path of the amplifier."""
    outlines: Mapping[int, str]
    """By detector."""
    names: Mapping[int, str]
    labels: Mapping[int, tuple[int, int]]
    """By detector: where its name begins; empty where names do not fit."""

    def amplifiers(self) -> dict[str, object]:
        """Say which detectors and amplifiers the numbers are, for who draws them."""
        kinds: dict[tuple[str, ...], int] = {}
        detectors = []
        amplifiers = [amplifier for _, amplifier in self.places]
        for detector, numbers in self.boxes.items():
            own = tuple(amplifiers[numbers.start : numbers.stop])
            kind = kinds.setdefault(own, len(kinds))
            detectors.append([detector, self.names[detector], numbers.start, kind])
        return {"detectors": detectors, "kinds": [list(kind) for kind in kinds]}


@lru_cache(maxsize=8)
def plane_of(instrument: str) -> Plane:
    """Lay out the focal plane of a camera.

    Raises
    ------
    NotFoundError
        Raised for a camera whose geometry is not described.
    """
    camera = CAMERAS.get(instrument)
    if camera is None:
        raise NotFoundError(
            f"The geometry of {instrument} is not described here: its focal plane "
            "cannot be drawn, its numbers are in the tables."
        )
    return _lay_out(camera)


def detector_names(instrument: str) -> Mapping[int, str]:
    """Name a camera's detectors by their ids; none where it is not described."""
    return plane_of(instrument).names if instrument in CAMERAS else {}


def raft_detectors(instrument: str, raft: str) -> frozenset[int]:
    """Find the detectors of a raft."""
    names = detector_names(instrument).items()
    return frozenset(d for d, name in names if name.partition("_")[0] == raft)


@lru_cache(maxsize=8)
def draw_outline(instrument: str) -> str:
    """Draw a camera's focal plane without colours."""
    return draw_svg(plane_of(instrument))


def draw_svg(
    plane: Plane,
    *,
    fills: Sequence[str] | None = None,
    title: str = "",
) -> str:
    """Draw a focal plane; with a colour for each amplifier, or without any.

    Colours are attributes, not styles: no page has to allow inline styles.
    """
    x, y, width, height = plane.view
    # Without colours it is laid into a page that is there already, whose style and
    # label it takes; with them it is a picture by itself.
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{x} {y} {width} {height}"'
    parts = [head + (' role="img">' if fills else ">")]
    if title:
        parts.append(f"<title>{title}</title>")
    parts.append(_HATCH)
    for detector, numbers in plane.boxes.items():
        parts.append(f'<g id="d{detector}">')
        for number in numbers:
            if fills is None:
                parts.append(f'<path id="a{number}" d="{plane.paths[number]}"/>')
            else:
                parts.append(
                    f'<path fill="{fills[number]}" d="{plane.paths[number]}"/>'
                )
        parts.append("</g>")
    outline = "".join(plane.outlines.values())
    parts.append(
        f'<path class="outline" fill="none" stroke="#56606a" stroke-width="4" '
        f'd="{outline}"/>'
    )
    parts += [
        f'<text x="{tx}" y="{ty}" font-size="34" font-family="sans-serif" '
        f'fill="#1a1f24" stroke="#fff" stroke-width="7" paint-order="stroke">'
        f"{plane.names[detector]}</text>"
        for detector, (tx, ty) in plane.labels.items()
    ]
    parts.append("</svg>")
    return "".join(parts)


_HATCH = (
    '<defs><pattern id="hatch" width="16" height="16" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="16" height="16" fill="#fff"/>'
    '<path d="M0 0v16" stroke="#8a94a0" stroke-width="8"/></pattern>'
    '<pattern id="cross" width="40" height="40" patternUnits="userSpaceOnUse">'
    '<rect width="40" height="40" fill="#d55e00"/>'
    '<path d="M0 0l40 40M40 0L0 40" stroke="#fff" stroke-width="5"/></pattern>'
    '<pattern id="half" width="24" height="24" patternUnits="userSpaceOnUse">'
    '<rect width="24" height="24" fill="#f0a35e"/>'
    '<path d="M0 24L24 0" stroke="#7d3600" stroke-width="4"/></pattern></defs>'
)
"""Shapes beside colours: not measured, failed on every exposure, on some."""


def _lay_out(camera: Camera) -> Plane:
    detectors = sorted(camera.detectors, key=lambda d: d.id)
    places: dict[Place, int] = {}
    boxes, paths, outlines = {}, [], {}
    for detector in detectors:
        start = len(places)
        for name, box in detector.focal_boxes().items():
            places[(detector.id, name)] = len(places)
            paths.append(_path(box))
        boxes[detector.id] = range(start, len(places))
        outlines[detector.id] = _path(detector.box)
    x0 = round(min(d.box.x0 for d in detectors) * PER_MM) - MARGIN
    x1 = round(max(d.box.x1 for d in detectors) * PER_MM) + MARGIN
    y0 = round(min(-d.box.y1 for d in detectors) * PER_MM) - MARGIN
    y1 = round(max(-d.box.y0 for d in detectors) * PER_MM) + MARGIN
    few = len(detectors) <= MAX_NAMES
    return Plane(
        instrument=camera.name,
        view=(x0, y0, x1 - x0, y1 - y0),
        places=places,
        boxes=boxes,
        paths=tuple(paths),
        outlines=outlines,
        names={d.id: d.name for d in detectors},
        labels={
            d.id: (round(d.box.x0 * PER_MM) + 12, round(-d.box.y1 * PER_MM) + 40)
            for d in (detectors if few else ())
        },
    )


def _path(box: FocalBox) -> str:
    x0, x1 = round(box.x0 * PER_MM), round(box.x1 * PER_MM)
    y0, y1 = round(-box.y1 * PER_MM), round(-box.y0 * PER_MM)
    return f"M{x0} {y0}h{x1 - x0}v{y1 - y0}h{x0 - x1}z"
