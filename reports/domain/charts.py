"""Small charts as numbers for an SVG: a value over exposures, its limit drawn.

Plain Python. Templates draw what these functions lay out; the unit is the pixel and
y points down.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from reports.domain.results import show_number

__all__ = ["Chart", "Point", "lay_out_trend", "nice_ticks"]

WIDTH, HEIGHT = 520, 168
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 10, 34
PADDING = 0.08
"""Share of the range of values that is left free above and below."""


@dataclass(frozen=True)
class Point:
    """A value to draw."""

    label: str
    """What it is of: an exposure, a report."""
    value: float | None
    limit: float | None
    has_failed: bool = False


@dataclass(frozen=True)
class Mark:
    """A drawn value."""

    x: float
    y: float
    title: str
    has_failed: bool


@dataclass(frozen=True)
class Chart:
    """A chart laid out."""

    width: int
    height: int
    left: int
    right: int
    """x of the right edge of the plot."""
    top: int
    bottom: int
    """y of the lower edge of the plot."""
    marks: tuple[Mark, ...]
    limit: str
    """Points of the line of the limit; empty where there is none."""
    y_ticks: tuple[tuple[float, str], ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_label: str
    x_label: str
    sentence: str
    """What the chart shows, for who cannot see it."""
    unmeasured: tuple[float, ...] = field(default=())
    """x of what has no number."""


def lay_out_trend(
    points: Sequence[Point], *, y_label: str, unit: str, x_label: str
) -> Chart | None:
    """Lay out values in order, each beside its limit; None where there is no number."""
    numbers = [
        n for p in points for n in (p.value, p.limit) if n is not None and _finite(n)
    ]
    if not any(p.value is not None and _finite(p.value) for p in points):
        return None
    low, high = min(numbers), max(numbers)
    pad = (high - low) * PADDING or abs(high) * PADDING or 0.5
    low, high = low - pad, high + pad
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x_of(index: int) -> float:
        share = (index + 0.5) / len(points)
        return round(LEFT + share * (right - LEFT), 1)

    def y_of(value: float) -> float:
        return round(bottom - (value - low) / (high - low) * (bottom - TOP), 1)

    marks, unmeasured, limit = [], [], []
    for index, point in enumerate(points):
        if point.limit is not None and _finite(point.limit):
            limit.append(f"{x_of(index)},{y_of(point.limit)}")
        if point.value is None or not _finite(point.value):
            unmeasured.append(x_of(index))
            continue
        said = f"{point.label}: {show_number(point.value, unit)}"
        if point.limit is not None:
            said += f", limit {show_number(point.limit, unit)}"
        mark = Mark(x_of(index), y_of(point.value), said, point.has_failed)
        marks.append(mark)
    if len(limit) == 1:  # a line needs two ends
        y = limit[0].split(",")[1]
        limit = [f"{LEFT},{y}", f"{right},{y}"]
    return Chart(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=right,
        top=TOP,
        bottom=bottom,
        marks=tuple(marks),
        limit=" ".join(limit),
        y_ticks=tuple((y_of(t), show_number(t)) for t in nice_ticks(low, high)),
        x_ticks=_x_ticks(points, x_of),
        y_label=y_label,
        x_label=x_label,
        sentence=_sentence(points, y_label, unit),
        unmeasured=tuple(unmeasured),
    )


def nice_ticks(low: float, high: float, *, most: int = 5) -> list[float]:
    """Choose round numbers within a range, at most as many as asked for."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(s * size for s in (1, 2, 5, 10) if s * size >= rough)
    first = math.ceil(low / step)
    count = math.floor(high / step) - first + 1
    return [round((first + i) * step, 12) for i in range(count)]


def _x_ticks(
    points: Sequence[Point], x_of: Callable[[int], float]
) -> tuple[tuple[float, str], ...]:
    """Name the first and the last: what lies between is said by each mark."""
    chosen = sorted({0, len(points) - 1})
    return tuple((x_of(i), points[i].label) for i in chosen)


def _sentence(points: Sequence[Point], what: str, unit: str) -> str:
    values = [p.value for p in points if p.value is not None and _finite(p.value)]
    failed = sum(p.has_failed for p in points)
    low, high = show_number(min(values)), show_number(max(values), unit)
    return f"{what}: {low} to {high}; {failed} of {len(points)} failed."


def _finite(value: float) -> bool:
    return math.isfinite(value)
