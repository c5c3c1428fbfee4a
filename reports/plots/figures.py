"""What all figures share: canvas, colours, and files that are the same every time."""

from pathlib import Path
from typing import IO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

__all__ = [
    "FAILED",
    "GREY",
    "INK",
    "PASSED",
    "add_colour_bar",
    "make_figure",
    "quiet_axes",
    "save_png",
]

INK = "#1d2733"
GREY = "#8a94a0"
PASSED = "#c9e6da"  # Okabe and Ito's bluish green, pale: what passed is quiet
FAILED = "#d55e00"  # their vermilion
DPI = 120
TICKS = 5


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
