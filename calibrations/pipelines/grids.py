"""A panel for each amplifier of a detector. Matplotlib without pyplot.

All panels share their axes, so one matplotlib axes holds the whole grid: sixteen of
them take five times as long to draw, and a camera has 205 detectors.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from calibrations.pipelines.core_tools import GridTool
from calibrations.pipelines.metrics import numbers

__all__ = ["plot_amplifier_grid"]

N_COLUMNS = 4
BAND = (5, 50, 95)
"""Percentiles of the profiles of an amplifier: a band, and the line in it."""

N_BINS = 40
COLOUR, INK = "#1f5a99", "0.25"
PASSED, FAILED = "#2f7d4f", "#b3261e"
INSIDE = (0.03, 0.97, 0.06, 0.84)
"""Left, right, bottom and top of a panel in its cell; the name stands above."""


@dataclass(frozen=True)
class Drawing:
    """What one panel shows, in the units of the axes."""

    x: np.ndarray
    y: np.ndarray
    style: str = "points"
    """``points``, ``line``, ``band`` (outline of an area), ``passed`` or ``failed``."""


STYLES: Mapping[str, dict[str, Any]] = {
    "points": {"ls": "none", "marker": ".", "ms": 4, "color": COLOUR},
    "line": {"ls": "-", "lw": 0.8, "color": COLOUR},
    "passed": {"ls": "none", "marker": "o", "ms": 3.5, "color": PASSED},
    "failed": {"ls": "none", "marker": "X", "ms": 7, "color": FAILED, "zorder": 4},
}


def plot_amplifier_grid(
    results: Table, tool: GridTool, amplifiers: Sequence[str], *, title: str
) -> Figure:
    """Draw a tool's columns, a panel for each amplifier, four in a row.

    Parameters
    ----------
    results
        Rows of one detector, or of several, with a column ``amplifier``. The panel of
        an amplifier that has no number says so.
    tool
        What is drawn against what.
    amplifiers
        Names in the order of the panels.
    title
        Above the grid.
    """
    names: np.ndarray = np.ma.filled(np.ma.asarray(results["amplifier"], str), "")
    panels = {
        name: list(_drawings(results[names == name], tool)) for name in amplifiers
    }
    n_rows = max(1, -(-len(amplifiers) // N_COLUMNS))
    figure = Figure(figsize=(10, 1.0 + 1.7 * n_rows), dpi=90)
    left = 0.15 if tool.kind == "tests" else 0.08
    axes = figure.add_axes((left, 0.09, 0.99 - left, 0.86))
    axes.set(xlim=(0, N_COLUMNS), ylim=(n_rows, 0))
    axes.set_axis_off()
    grid = Grid(_span(panels, "x"), _y_span(panels, tool), n_rows)
    _draw_frames(figure, grid, len(amplifiers))
    for number, (name, drawings) in enumerate(panels.items()):
        column, row = number % N_COLUMNS, number // N_COLUMNS
        axes.text(column + 0.5, row + 0.13, name, ha="center", fontsize=8, color=INK)
        for one in drawings:
            x, y = grid.place(number, one.x, one.y)
            if one.style == "band":
                axes.fill(x, y, color=COLOUR, alpha=0.25, lw=0)
            else:
                axes.plot(x, y, **STYLES[one.style])
        if not drawings:
            axes.text(column + 0.5, row + 0.55, "not measured", ha="center", color=INK)
    _draw_ticks(figure, grid, tool, len(amplifiers))
    is_histogram = tool.kind == "histogram"
    figure.supxlabel(tool.label if is_histogram else tool.against_label, fontsize=9)
    if tool.kind != "tests":
        figure.supylabel("number" if is_histogram else tool.label, fontsize=9)
    figure.suptitle(title, fontsize=10)
    return figure


@dataclass(frozen=True)
class Grid:
    """Turns numbers into places on the grid."""

    x_span: tuple[float, float]
    y_span: tuple[float, float]
    n_rows: int

    def place(
        self, number: int, x: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Place points in the panel of that number; rows count downward."""
        left, right, bottom, top = INSIDE
        column, row = number % N_COLUMNS, number // N_COLUMNS
        across = left + (right - left) * _fraction(x, self.x_span)
        up = bottom + (top - bottom) * _fraction(y, self.y_span)
        return column + across, row + 1 - up

    def spot(self, number: int, x: float, y: float) -> tuple[float, float]:
        """Place one point."""
        across, down = self.place(number, np.array(x), np.array(y))
        return float(across), float(down)


def _fraction(values: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    return (np.asarray(values, float) - span[0]) / (span[1] - span[0])


def _drawings(rows: Table, tool: GridTool) -> Iterator[Drawing]:
    """Give what one amplifier's panel shows; nothing where it has no number."""
    if tool.kind == "tests":
        yield from _verdicts(rows, tool)
        return
    values = numbers(rows, tool.columns[0])
    if not np.isfinite(values).any():
        return
    if tool.kind == "profile":
        yield from _profile(np.atleast_2d(values))
    elif tool.kind == "histogram":
        yield _histogram(values[np.isfinite(values)])
    else:
        x, y = numbers(rows, tool.against).ravel(), values.ravel()
        known = np.isfinite(x) & np.isfinite(y)
        if known.any():
            yield Drawing(x[known], y[known])


def _verdicts(rows: Table, tool: GridTool) -> Iterator[Drawing]:
    """Give a line of marks for each test; failures differ by colour and shape."""
    dates = numbers(rows, tool.against)
    for height, column in enumerate(reversed(tool.columns)):
        passed = numbers(rows, column)
        for verdict, style in ((1.0, "passed"), (0.0, "failed")):
            at = dates[(passed == verdict) & np.isfinite(dates)]
            if at.size:
                yield Drawing(at, np.full(at.size, float(height)), style)


def _profile(vectors: np.ndarray) -> Iterator[Drawing]:
    """Give the median over all rows of the table, and the band most of them are in."""
    places = np.flatnonzero(np.isfinite(vectors).all(axis=0))
    if not places.size:
        return
    low, middle, high = np.percentile(vectors[:, places], BAND, axis=0)
    outline = np.concatenate([places, places[::-1]])
    yield Drawing(outline, np.concatenate([low, high[::-1]]), "band")
    yield Drawing(places, middle, "line")


def _histogram(values: np.ndarray) -> Drawing:
    """Give the logarithm of counts; the tails are gathered in the last bins."""
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    half = 6 * spread or max(abs(middle) * 1e-3, 1e-6)
    clipped = np.clip(values, middle - half, middle + half)
    counts, edges = np.histogram(clipped, N_BINS, (middle - half, middle + half))
    heights = np.log10(np.maximum(counts, 0.5))
    return Drawing(np.repeat(edges, 2)[1:-1], np.repeat(heights, 2), "line")


def _span(panels: dict[str, list[Drawing]], axis: str) -> tuple[float, float]:
    """Give the range that holds all panels, with a margin."""
    values = [getattr(one, axis) for drawings in panels.values() for one in drawings]
    if not values:
        return 0.0, 1.0
    low = min(float(v.min()) for v in values)
    high = max(float(v.max()) for v in values)
    margin = 0.05 * (high - low) or max(abs(high) * 1e-4, 1e-3)
    return low - margin, high + margin


def _y_span(panels: dict[str, list[Drawing]], tool: GridTool) -> tuple[float, float]:
    if tool.kind == "tests":
        return -0.7, len(tool.columns) - 0.3
    return _span(panels, "y")


def _draw_frames(figure: Figure, grid: Grid, n_panels: int) -> None:
    left, right, bottom, top = INSIDE
    x = np.array([left, right, right, left, left])
    y = 1 - np.array([bottom, bottom, top, top, bottom])
    frames = [
        np.column_stack([x + n % N_COLUMNS, y + n // N_COLUMNS])
        for n in range(n_panels)
    ]
    figure.axes[0].add_collection(LineCollection(frames, colors="0.6", lw=0.7))


def _draw_ticks(figure: Figure, grid: Grid, tool: GridTool, n_panels: int) -> None:
    """Label the left panels and the lowest one of each column."""
    axes = figure.axes[0]
    x_ticks, y_ticks = _ticks(grid.x_span, 3), _ticks(grid.y_span, 4)
    labels = {value: f"{value:.6g}" for value in y_ticks}
    if tool.kind == "tests":
        labels = {
            float(height): column.partition("_VERIFY_")[2].lower().replace("_", " ")
            for height, column in enumerate(reversed(tool.columns))
        }
    elif tool.kind == "histogram":
        labels = {value: f"$10^{{{value:.0f}}}$" for value in y_ticks if value % 1 == 0}
    style: dict[str, Any] = {"fontsize": 7, "color": INK}
    for number in range(n_panels):
        if number % N_COLUMNS == 0:
            for value, label in labels.items():
                x, y = grid.spot(number, grid.x_span[0], value)
                axes.text(x - 0.03, y, label, ha="right", va="center", **style)
        if number + N_COLUMNS >= n_panels:
            for value in x_ticks:
                x, y = grid.spot(number, value, grid.y_span[0])
                text = f"{value:.8g}"
                axes.text(x, y + 0.04, text, ha="center", va="top", **style)


def _ticks(span: tuple[float, float], number: int) -> list[float]:
    found = MaxNLocator(number).tick_values(*span)
    return [float(value) for value in found if span[0] <= value <= span[1]]
