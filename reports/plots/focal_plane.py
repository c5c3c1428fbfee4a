"""The focal plane, to scale, amplifier by amplifier."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from reports.domain.planes import AmplifierVerdict, Place
from reports.plots.figures import (
    FAILED,
    GREY,
    INK,
    PASSED,
    add_colour_bar,
    make_figure,
    quiet_axes,
)

__all__ = ["Cell", "Outline", "plot_metric_plane", "plot_verdict_plane"]

HATCH = "////"
MARGIN_MM = 3.0
FIGURE_IN = (7.2, 6.6)
PLANE_BOX = (0.085, 0.13, 0.74, 0.8073)  # square: 5.33 in a side
BAR_BOX = (0.845, 0.13, 0.022, 0.8073)
MAX_NAMES = 30
"""Above this many detectors their names no longer fit."""

PERCENTILES = (2.0, 98.0)
"""Range of the colours: a few outliers do not wash out the rest."""

_VERDICT_COLOURS = {
    AmplifierVerdict.PASSED: PASSED,
    AmplifierVerdict.SOME: "#f0a35e",  # light vermilion
    AmplifierVerdict.ALL: FAILED,
}
_VERDICT_MARKS = {AmplifierVerdict.SOME: "◐", AmplifierVerdict.ALL: "✕"}


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
) -> Figure:
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
    figure, axes = _plane(outlines, title)
    low, high = _limits([values[c.place] for c in cells if c.place in values])
    norm, cmap = Normalize(low, high), colormaps["cividis"]
    _fill(axes, cells, {place: cmap(norm(value)) for place, value in values.items()})
    for cell in cells:
        if cell.place in failing:
            _frame(axes, cell)
    add_colour_bar(figure, ScalarMappable(norm, cmap), BAR_BOX, label)
    _outline(axes, outlines)
    _legend(axes, [_failed_patch(), _missing_patch()])
    return figure


def plot_verdict_plane(
    cells: Sequence[Cell],
    outlines: Sequence[Outline],
    verdicts: Mapping[Place, AmplifierVerdict],
    *,
    title: str,
) -> Figure:
    """Colour and mark each amplifier by what the tests say of it."""
    figure, axes = _plane(outlines, title)
    _fill(axes, cells, {place: _VERDICT_COLOURS[v] for place, v in verdicts.items()})
    for cell in cells:
        verdict = verdicts.get(cell.place)
        if verdict is not None and verdict in _VERDICT_MARKS:
            _write(axes, cell, _VERDICT_MARKS[verdict])
    _outline(axes, outlines)
    patches = [
        Patch(facecolor=colour, label=f"{_VERDICT_MARKS.get(verdict, '')} {verdict}")
        for verdict, colour in _VERDICT_COLOURS.items()
    ]
    _legend(axes, [*patches, _missing_patch()])
    return figure


def _plane(outlines: Sequence[Outline], title: str) -> tuple[Figure, Axes]:
    x0, y0 = min(o.x0 for o in outlines), min(o.y0 for o in outlines)
    x1, y1 = max(o.x1 for o in outlines), max(o.y1 for o in outlines)
    figure = make_figure(*FIGURE_IN)
    axes = figure.add_axes(PLANE_BOX)
    axes.set_aspect("equal")
    axes.set_xlim(x0 - MARGIN_MM, x1 + MARGIN_MM)
    axes.set_ylim(y0 - MARGIN_MM, y1 + MARGIN_MM)
    axes.set_xlabel("x (mm)", color=INK, fontsize=9)
    axes.set_ylabel("y (mm)", color=INK, fontsize=9)
    quiet_axes(axes, title)
    return figure, axes


def _limits(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    low, high = np.percentile(values, PERCENTILES)
    if high > low:
        return float(low), float(high)
    return float(low) - 0.5, float(high) + 0.5


def _rectangle(cell: Cell | Outline, **style: Any) -> Rectangle:
    width, height = cell.x1 - cell.x0, cell.y1 - cell.y0
    return Rectangle((cell.x0, cell.y0), width, height, **style)


def _fill(axes: Axes, cells: Sequence[Cell], colours: Mapping[Place, Any]) -> None:
    """Fill the cells that have a colour, all at once; hatch the others."""
    filled = [cell for cell in cells if cell.place in colours]
    axes.add_collection(
        PatchCollection(
            [_rectangle(cell) for cell in filled],
            facecolors=[colours[cell.place] for cell in filled],
            edgecolors="white",
            linewidths=0.4,
        )
    )
    style = {"facecolor": "white", "edgecolor": GREY, "hatch": HATCH, "linewidth": 0.0}
    for cell in cells:
        if cell.place not in colours:
            axes.add_patch(_rectangle(cell, **style))


def _frame(axes: Axes, cell: Cell) -> None:
    axes.add_patch(
        _rectangle(cell, facecolor="none", edgecolor=FAILED, linewidth=2.0, zorder=4)
    )
    _write(axes, cell, "✕", colour=FAILED)


def _write(axes: Axes, cell: Cell, mark: str, *, colour: str = INK) -> None:
    axes.text(
        (cell.x0 + cell.x1) / 2,
        (cell.y0 + cell.y1) / 2,
        mark,
        ha="center",
        va="center",
        fontsize=8,
        color=colour,
        fontfamily="DejaVu Sans",
        zorder=5,
        bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "linewidth": 0},
    )


def _outline(axes: Axes, outlines: Sequence[Outline]) -> None:
    for outline in outlines:
        axes.add_patch(
            _rectangle(outline, facecolor="none", edgecolor=INK, linewidth=0.8)
        )
        if len(outlines) <= MAX_NAMES:
            _name(axes, outline)


def _name(axes: Axes, outline: Outline) -> None:
    axes.annotate(
        outline.name,
        (outline.x0, outline.y1),
        xytext=(3, -3),
        textcoords="offset points",
        ha="left",
        va="top",
        fontsize=6.5,
        color=INK,
        zorder=6,
        bbox={"boxstyle": "square,pad=0.2", "fc": "white", "alpha": 0.85, "lw": 0},
    )


def _missing_patch() -> Patch:
    return Patch(facecolor="white", edgecolor=GREY, hatch=HATCH, label="not measured")


def _failed_patch() -> Patch:
    return Patch(
        facecolor="white", edgecolor=FAILED, linewidth=2.0, label="✕ failed this test"
    )


def _legend(axes: Axes, patches: Sequence[Patch]) -> None:
    legend = axes.legend(
        handles=list(patches),
        loc="upper left",
        bbox_to_anchor=(0.0, -0.1),
        ncols=len(patches),
        frameon=False,
        fontsize=8,
        borderaxespad=0.0,
        handlelength=1.4,
        columnspacing=1.4,
        prop={"family": "DejaVu Sans", "size": 8},
    )
    for text in legend.get_texts():
        text.set_color(INK)
