"""What all figures share: canvas, colours, and files that are the same every time."""

import textwrap
from pathlib import Path
from typing import IO, Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

__all__ = [
    "BAND",
    "BLUE",
    "FAILED",
    "GREY",
    "INK",
    "ORANGE",
    "PASSED",
    "add_colour_bar",
    "add_legend",
    "make_axes",
    "make_figure",
    "quiet_axes",
    "save_png",
]

INK = "#1d2733"
GREY = "#8a94a0"
PASSED = "#c9e6da"  # Okabe and Ito's bluish green, pale: what passed is quiet
FAILED = "#d55e00"  # their vermilion
BLUE = "#0072b2"  # Okabe and Ito's; orange beside it
ORANGE = "#e69f00"
BAND = "#cfe3f0"
DPI = 120
TICKS = 5
WIDE = (6.4, 3.6)
BOX = (0.12, 0.16, 0.84, 0.74)
LINE = 34
"""Characters of a label that fit beside an axis."""
LONG = 68
"""Characters of a label that fit below an axis."""


def make_figure(width_in: float, height_in: float) -> Figure:
    """Make an empty figure that no global state remembers.

    Its axes are placed by hand: a layout engine doubles the time of a drawing.
    """
    figure = Figure(figsize=(width_in, height_in), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def quiet_axes(axes: Axes, title: str, *, y: float = 1.01) -> None:
    """Draw frame and labels in a grey that leaves the eye to the data.

    Few ticks, and a title whose height is given: both halve the time of a drawing.
    """
    axes.set_title(title, color=INK, fontsize=10, loc="left", fontweight="bold", y=y)
    axes.locator_params(nbins=TICKS)
    axes.tick_params(colors=GREY, labelcolor=INK, labelsize=8, length=3)
    for spine in axes.spines.values():
        spine.set_color(GREY)
        spine.set_linewidth(0.6)


def add_colour_bar(
    figure: Figure,
    drawn: ScalarMappable,
    box: tuple[float, float, float, float],
    label: str,
) -> None:
    """Draw a colour bar with its label; the box is in fractions of the figure."""
    bar = figure.colorbar(drawn, cax=figure.add_axes(box), extend="both")
    bar.set_label(label, color=INK, fontsize=8.5)
    bar.outline.set_edgecolor(GREY)
    bar.outline.set_linewidth(0.6)
    bar.locator = MaxNLocator(TICKS)
    bar.update_ticks()
    bar.ax.tick_params(colors=GREY, labelcolor=INK, labelsize=8, length=3)


def save_png(figure: Figure, path: Path | IO[bytes]) -> None:
    """Write a PNG without the name of the software: equal figures, equal bytes."""
    figure.savefig(path, format="png", metadata={"Software": None})


def make_axes(
    title: str,
    x_label: str,
    y_label: str,
    *,
    box: tuple[float, float, float, float] = BOX,
) -> tuple[Figure, Axes]:
    """Make a figure with one pair of axes, each with its label and unit."""
    figure = make_figure(*WIDE)
    axes = figure.add_axes(box)
    # A long one has two lines, which fit below the axes in a smaller size.
    size = 9 if len(x_label) <= LONG else 7
    axes.set_xlabel(textwrap.fill(x_label, LONG), color=INK, fontsize=size)
    axes.set_ylabel(textwrap.fill(y_label, LINE), color=INK, fontsize=8)
    quiet_axes(axes, title)
    axes.yaxis.get_offset_text().set_x(-0.12)  # else it is written over the title
    return figure, axes


def add_legend(axes: Axes, *, above: bool = False) -> None:
    """Name the marks: where they leave room, or in a row below the title."""
    place: dict[str, Any] = {"loc": "best"}
    if above:
        place = {"loc": "lower left", "bbox_to_anchor": (0.0, 0.98), "ncols": 4}
    legend = axes.legend(
        frameon=False, fontsize=7.5, handlelength=1.2, columnspacing=1.0, **place
    )
    for text in legend.get_texts():
        text.set_color(INK)
