"""The focal plane, to scale, amplifier by amplifier: SVG that stands alone.

Text is written, nothing drawn: a plane of 3216 amplifiers takes milliseconds, is sharp
at any size and the same every time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Self

import numpy as np

from reports.domain.planes import AmplifierVerdict, Place
from reports.plots.figures import FAILED, GREY, INK, PASSED

__all__ = ["Cell", "Outline", "plot_metric_plane", "plot_verdict_plane"]

SIDE, LEFT, TOP, FOOT, RIGHT = 640, 56, 34, 74, 130
"""Of the plane's square and its margins, in units of the drawing."""

MARGIN_MM = 3.0
MAX_NAMES = 30
"""Above this many detectors their names no longer fit."""

MAX_MARKS = 400
"""Above this many marked amplifiers the frames alone tell."""

PERCENTILES = (2.0, 98.0)
"""Range of the colours: a few outliers do not wash out the rest."""

_SHADES = 64
_CIVIDIS = (
    "00224e 002e6a 1a386f 32436d 434e6c 535a6d 61656f 6f7073 7d7c78 8c8878 9b9476 "
    "aba072 bcae6c cdbb63 dec958 f0d846 fee838"
)
"""Samples of matplotlib's map, dark to light."""

_VERDICT_COLOURS = {
    AmplifierVerdict.PASSED: PASSED,
    AmplifierVerdict.SOME: "#f0a35e",  # light vermilion
    AmplifierVerdict.ALL: FAILED,
}
_VERDICT_MARKS = {AmplifierVerdict.SOME: "◐", AmplifierVerdict.ALL: "✕"}

_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    'role="img" font-family="system-ui, sans-serif" fill="{ink}">\n'
    "<title>{title}</title>\n"
    '<defs><pattern id="none" width="5" height="5" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><path d="M0 0V5" stroke="{grey}"/></pattern>'
    '<linearGradient id="scale" x1="0" x2="0" y1="1" y2="0">{stops}</linearGradient>'
    "</defs>\n"
    '<rect width="100%" height="100%" fill="white"/>\n'
    '<text x="{left}" y="22" font-size="15" font-weight="bold">{title}</text>\n'
)


@dataclass(frozen=True)
class Cell:
    """An amplifier's rectangle on the focal plane, in mm."""

    place: Place
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class Outline:
    """A detector's rectangle on the focal plane, in mm."""

    name: str
    x0: float
    y0: float
    x1: float
    y1: float


def plot_metric_plane(
    cells: Sequence[Cell],
    outlines: Sequence[Outline],
    values: Mapping[Place, float],
    *,
    failing: Set[Place],
    title: str,
    label: str,
) -> str:
    """Colour each amplifier by a number; frame those that failed.

    Parameters
    ----------
    values
        By detector and amplifier. One that is absent is hatched: not measured.
    failing
        Amplifiers that failed the test on some exposure.
    label
        Of the colour bar, with its unit.
    """
    low, high = _limits([values[c.place] for c in cells if c.place in values])
    plane = _Plane.of(outlines)
    shades = _shades(_SHADES)

    def colour(place: Place) -> str:
        share = (values[place] - low) / (high - low)
        return shades[min(max(int(share * _SHADES), 0), _SHADES - 1)]

    framed = [cell for cell in cells if cell.place in failing]
    return "".join(
        [
            _head(title),
            plane.fill(cells, values.keys(), colour),
            plane.draw(framed, f'fill="none" stroke="{FAILED}" stroke-width="2"'),
            plane.mark((cell, "✕", FAILED) for cell in framed[:MAX_MARKS]),
            plane.frame(outlines),
            _colour_bar(low, high, label),
            _legend([("none", "✕ failed this test", FAILED), _NOT_MEASURED]),
            "</svg>\n",
        ]
    )


def plot_verdict_plane(
    cells: Sequence[Cell],
    outlines: Sequence[Outline],
    verdicts: Mapping[Place, AmplifierVerdict],
    *,
    title: str,
) -> str:
    """Colour and mark each amplifier by what the tests say of it."""
    plane = _Plane.of(outlines)
    marks = [
        (cell, _VERDICT_MARKS[verdicts[cell.place]], INK)
        for cell in cells
        if verdicts.get(cell.place) in _VERDICT_MARKS
    ]
    shown = [
        (colour, f"{_VERDICT_MARKS.get(verdict, '')} {verdict}".strip(), "none")
        for verdict, colour in _VERDICT_COLOURS.items()
    ]
    return "".join(
        [
            _head(title),
            plane.fill(cells, verdicts.keys(), lambda p: _VERDICT_COLOURS[verdicts[p]]),
            plane.mark(marks[:MAX_MARKS]),
            plane.frame(outlines),
            _legend([*shown, _NOT_MEASURED]),
            "</svg>\n",
        ]
    )


_NOT_MEASURED = ("url(#none)", "not measured", GREY)


@dataclass(frozen=True)
class _Plane:
    """Puts millimetres on the drawing: y grows upwards, both axes alike."""

    scale: float
    centre: tuple[float, float]

    @classmethod
    def of(cls, outlines: Sequence[Outline]) -> Self:
        """Fit all detectors into the square."""
        x0, y0 = min(o.x0 for o in outlines), min(o.y0 for o in outlines)
        x1, y1 = max(o.x1 for o in outlines), max(o.y1 for o in outlines)
        side = max(x1 - x0, y1 - y0) + 2 * MARGIN_MM
        return cls(SIDE / side, ((x0 + x1) / 2, (y0 + y1) / 2))

    def at(self, x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + SIDE / 2 + (x - self.centre[0]) * self.scale,
            TOP + SIDE / 2 - (y - self.centre[1]) * self.scale,
        )

    def fill(
        self,
        cells: Sequence[Cell],
        known: Set[Place],
        colour: Callable[[Place], str],
    ) -> str:
        """Fill what is known, one path a colour; hatch the others."""
        by_colour: dict[str, list[Cell]] = defaultdict(list)
        for cell in cells:
            by_colour[colour(cell.place) if cell.place in known else ""].append(cell)
        unknown = by_colour.pop("", [])
        style = 'fill="{}" stroke="{}" stroke-width="0.4"'
        known_cells = "".join(
            self.draw(some, style.format(its, "white"))
            for its, some in by_colour.items()
        )
        return known_cells + self.draw(unknown, style.format("url(#none)", GREY))

    def draw(self, boxes: Iterable[Cell | Outline], style: str) -> str:
        drawn = "".join(map(self._box, boxes))
        return f'<path {style} d="{drawn}"/>\n' if drawn else ""

    def mark(self, marks: Iterable[tuple[Cell, str, str]]) -> str:
        """Write a mark in the middle of each cell, on white."""
        written = []
        for cell, mark, colour in marks:
            x, y = self.at((cell.x0 + cell.x1) / 2, (cell.y0 + cell.y1) / 2)
            written.append(
                f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{mark}</text>'
            )
        style = (
            'font-size="10" text-anchor="middle" dominant-baseline="central" '
            'stroke="white" stroke-width="3" paint-order="stroke"'
        )
        return f"<g {style}>{''.join(written)}</g>\n" if written else ""

    def frame(self, outlines: Sequence[Outline]) -> str:
        """Draw the detectors, their names where they fit, and a scale in mm."""
        drawn = self.draw(outlines, f'fill="none" stroke="{INK}" stroke-width="0.8"')
        if len(outlines) <= MAX_NAMES:
            drawn += "".join(map(self._name, outlines))
        length = 100 if self.scale < 4 else 10
        y = TOP + SIDE + 14
        end = LEFT + length * self.scale
        return (
            f'{drawn}<path d="M{LEFT} {y}H{end:.1f}" stroke="{INK}"/>'
            f'<text x="{end + 6:.1f}" y="{y + 4}" font-size="12">{length} mm</text>\n'
        )

    def _box(self, box: Cell | Outline) -> str:
        return _spell_box(self, box)

    def _name(self, outline: Outline) -> str:
        x, y = self.at(outline.x0, outline.y1)
        return (
            f'<text x="{x + 4:.1f}" y="{y + 12:.1f}" font-size="10" stroke="white" '
            f'stroke-width="3" paint-order="stroke">{escape(outline.name)}</text>\n'
        )


# A report draws the same camera dozens of times.
@lru_cache(maxsize=2**13)
def _spell_box(plane: _Plane, box: Cell | Outline) -> str:
    x0, y1 = plane.at(box.x0, box.y0)
    x1, y0 = plane.at(box.x1, box.y1)
    return f"M{x0:.1f} {y0:.1f}H{x1:.1f}V{y1:.1f}H{x0:.1f}z"


def _head(title: str) -> str:
    stops = "".join(
        f'<stop offset="{i / 16}" stop-color="#{colour}"/>'
        for i, colour in enumerate(_CIVIDIS.split())
    )
    return _HEAD.format(
        width=LEFT + SIDE + RIGHT,
        height=TOP + SIDE + FOOT,
        ink=INK,
        grey=GREY,
        left=LEFT,
        title=escape(title),
        stops=stops,
    )


def _limits(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    low, high = np.percentile(values, PERCENTILES)
    if high > low:
        return float(low), float(high)
    return float(low) - 0.5, float(high) + 0.5


def _shades(n: int) -> list[str]:
    """Sample the colour map in so many even steps."""
    samples = np.array(
        [[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in _CIVIDIS.split()], float
    )
    at = np.linspace(0, len(samples) - 1, n)
    channels = [
        np.interp(at, np.arange(len(samples)), samples[:, i]).round().astype(int)
        for i in range(3)
    ]
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in zip(*channels, strict=True)]


def _colour_bar(low: float, high: float, label: str) -> str:
    x, y, width = LEFT + SIDE + 12, TOP + 12, 16
    height = SIDE - 24
    ticks = "".join(
        f'<text x="{x + width + 6}" y="{y + height * (1 - i / 4) + 4:.1f}" '
        f'font-size="12">{_number(low + (high - low) * i / 4)}</text>'
        for i in range(5)
    )
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" '
        f'fill="url(#scale)" stroke="{GREY}" stroke-width="0.6"/>{ticks}'
        f'<text transform="translate({x + width + 86} {y + height / 2}) rotate(-90)" '
        f'font-size="13" text-anchor="middle">{escape(label)}</text>\n'
    )


def _legend(entries: Sequence[tuple[str, str, str]]) -> str:
    """Draw a box and its words for each fill, label and edge."""
    x, y, written = float(LEFT), TOP + SIDE + 38, []
    for fill, label, edge in entries:
        written.append(
            f'<rect x="{x:.0f}" y="{y}" width="18" height="12" fill="{fill}" '
            f'stroke="{edge}"/><text x="{x + 24:.0f}" y="{y + 10}" font-size="12">'
            f"{escape(label)}</text>"
        )
        x += 44 + 6.6 * len(label)
    return "".join(written) + "\n"


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
