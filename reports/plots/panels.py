"""Figures of metrics and of calibrations: arrays and labels in, a figure out.

Each has a unit on every axis and its limit drawn; what to look for stands beside it on
the page, not in it.
"""

import itertools
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.plots.figures import (
    FAILED,
    GREY,
    INK,
    add_colour_bar,
    make_figure,
    quiet_axes,
)

__all__ = [
    "percent_off",
    "plot_band",
    "plot_bars",
    "plot_boxes",
    "plot_curve",
    "plot_distribution",
    "plot_fits",
    "plot_lines",
    "plot_matrix",
    "plot_spread",
]

BLUE = "#0072b2"  # Okabe and Ito's; orange beside it
ORANGE = "#e69f00"
BAND = "#cfe3f0"
NOTE = "#5b6672"  # grey that can be read at this size
COLOURS = (BLUE, ORANGE, "#009e73", GREY)
MARKS = "os^v"
WIDE = (6.4, 3.6)
BOX = (0.12, 0.16, 0.84, 0.74)
ROOMY = (0.12, 0.16, 0.84, 0.68)  # room for a row above
SLANTED = (0.16, 0.3, 0.8, 0.54)  # room for names below and a row above
UPPER, LOWER = (0.12, 0.4, 0.84, 0.5), (0.12, 0.14, 0.84, 0.21)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MAX_GROUPS = 6
"""More names of nights would be written over one another."""

N_BINS = 60
MAX_LABELS = 8
LINE = 34
"""Characters of a label that fit beside an axis."""


def plot_distribution(
    values: np.ndarray, limits: np.ndarray, *, title: str, label: str
) -> Figure:
    """Draw how many results have which value, and where the limits are.

    Parameters
    ----------
    values, limits
        Of every measured result, same shape (n,).
    """
    figure, axes = _axes(title, label, "results")
    ends = np.concatenate([values, limits[np.isfinite(limits)]])
    edges = np.linspace(ends.min(), ends.max(), N_BINS + 1)
    if not edges[-1] > edges[0]:
        edges = edges[0] + np.linspace(-0.5, 0.5, N_BINS + 1)
    over = values > limits
    kinds = [values[~over], values[over]]
    axes.hist(
        kinds,
        bins=edges.tolist(),
        stacked=True,
        color=[BLUE, FAILED],
        label=["within the limit", "beyond it"],
    )
    axes.set_yscale("symlog", linthresh=1.0)
    finite = limits[np.isfinite(limits)]
    if finite.size:
        low, high = float(finite.min()), float(finite.max())
        axes.axvline(high, color=FAILED, ls="--", lw=1.2, label="limit")
        if low < high:
            axes.axvspan(low, high, color=FAILED, alpha=0.12, lw=0)
    _legend(axes)
    return figure


def plot_spread(
    labels: Sequence[str],
    rows: Sequence[np.ndarray],
    limits: Sequence[float],
    *,
    title: str,
    label: str,
    x_label: str,
    groups: Sequence[str] = (),
) -> Figure:
    """Draw median, middle 90 % and worst of several sets of values, side by side.

    Parameters
    ----------
    rows
        Values of each set, NaN left out.
    limits
        Largest limit of each set; NaN where there is none.
    groups
        Names of the nights: neighbours of one name share a background.
    """
    figure, axes = _axes(title, x_label, label, box=SLANTED)
    x = np.arange(len(rows))
    summary = np.array([_quantiles(row) for row in rows])
    axes.fill_between(x, summary[:, 0], summary[:, 2], color=BAND, label="middle 90 %")
    axes.plot(x, summary[:, 1], "o-", color=BLUE, ms=3, lw=1, label="median")
    axes.plot(x, summary[:, 3], "x", color=FAILED, ms=4, label="largest")
    axes.plot(x, limits, color=FAILED, ls="--", lw=1.2, label="limit")
    _shade_groups(axes, groups)
    step = max(1, -(-len(labels) // MAX_LABELS))
    quiet_axes(axes, title, y=1.12)
    axes.set_xticks(x[::step], [labels[i] for i in range(0, len(labels), step)])
    axes.tick_params(axis="x", rotation=30)
    for text in axes.get_xticklabels():
        text.set_horizontalalignment("right")
    _legend(axes, above=True)
    return figure


def plot_bars(
    names: Sequence[str], numbers: np.ndarray, *, title: str, label: str
) -> Figure:
    """Draw a number for each detector."""
    figure, axes = _axes(title, "detector", label, box=SLANTED)
    x = np.arange(len(names))
    axes.bar(x, numbers, color=BLUE, width=0.8)
    step = max(1, -(-len(names) // 24))
    axes.set_xticks(x[::step], list(names)[::step])
    axes.tick_params(axis="x", rotation=60)
    axes.set_xlim(-0.7, len(names) - 0.3)
    return figure


def plot_curve(
    x: np.ndarray,
    y: np.ndarray,
    model: np.ndarray,
    used: np.ndarray,
    *,
    title: str,
    x_label: str,
    y_label: str,
    residual_label: str,
) -> Figure:
    """Draw measurements with their fit above, and the residual below.

    Parameters
    ----------
    x, y, model, used
        Shape (n,); ``used`` is True where a point took part in the fit.
    """
    figure = make_figure(6.4, 4.6)
    axes, below = figure.add_axes(UPPER), figure.add_axes(LOWER)
    order = np.argsort(x)
    x, y, model, used = x[order], y[order], model[order], used[order].astype(bool)
    axes.plot(x[used], y[used], "o", color=BLUE, ms=3.5, label="in the fit")
    axes.plot(x[~used], y[~used], "x", color=GREY, ms=4, label="left out")
    axes.plot(x, model, color=ORANGE, lw=1.2, label="fit")
    axes.set_ylabel(y_label, color=INK, fontsize=9)
    axes.set_xticklabels([])
    residual = percent_off(y, model)
    below.axhline(0.0, color=ORANGE, lw=1)
    below.plot(x[used], residual[used], "o", color=BLUE, ms=3)
    below.set_ylabel(residual_label, color=INK, fontsize=8)
    below.set_xlabel(x_label, color=INK, fontsize=9)
    below.set_xlim(axes.get_xlim())
    quiet_axes(axes, title)
    quiet_axes(below, "")
    _legend(axes)
    return figure


def percent_off(y: np.ndarray, model: np.ndarray) -> np.ndarray:
    """How far measurements are from their fit, in % of it; NaN where that is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        off: np.ndarray = 100 * (y - model) / model
    return np.where(np.isfinite(off), off, np.nan)


def plot_fits(
    x: np.ndarray,
    lines: Mapping[str, tuple[np.ndarray, np.ndarray]],
    used: np.ndarray,
    *,
    title: str,
    x_label: str,
    y_label: str,
) -> Figure:
    """Draw measurements of several kinds, each with its fit.

    Parameters
    ----------
    x, used
        Shape (n,); ``used`` is True where a point took part in the fit.
    lines
        By name what was measured and the fit, each of shape (n,).
    """
    figure, axes = _axes(title, x_label, y_label)
    order = np.argsort(x)
    x, used = x[order], used[order]
    for (name, (y, model)), colour, mark in zip(
        lines.items(), COLOURS, MARKS, strict=False
    ):
        y, model = y[order], model[order]
        axes.plot(x[used], y[used], mark, color=colour, ms=3.5, label=name)
        axes.plot(x[~used], y[~used], mark, color=colour, ms=3.5, alpha=0.3)
        axes.plot(x, model, color=colour, lw=1)
    axes.axhline(0.0, color=GREY, lw=0.8)
    _legend(axes)
    return figure


def plot_band(
    x: np.ndarray,
    middle: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    title: str,
    x_label: str,
    y_label: str,
    logarithmic: bool = False,
) -> Figure:
    """Draw a median over exposures, and the range that all of them are in.

    Parameters
    ----------
    x, middle, low, high
        Shape (n,); NaN is left out.
    """
    figure, axes = _axes(title, x_label, y_label, box=ROOMY)
    quiet_axes(axes, title, y=1.1)
    axes.fill_between(x, low, high, color=BAND, lw=0, label="least to greatest")
    axes.plot(x, middle, color=BLUE, lw=0.8, label="median")
    if logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    else:
        axes.set_xlim(x[0] - 0.5, x[-1] + 0.5)
    _legend(axes, above=True)
    return figure


def plot_lines(
    x: np.ndarray,
    lines: Mapping[str, np.ndarray],
    *,
    title: str,
    x_label: str,
    y_label: str,
    logarithmic: bool = False,
    linear_to: float | None = None,
) -> Figure:
    """Draw one or two quantities against a third.

    Parameters
    ----------
    logarithmic
        Along x.
    linear_to
        Along y, if given: linear up to here on both sides of zero, logarithmic beyond.
    """
    figure, axes = _axes(title, x_label, y_label)
    for (name, y), colour, mark in zip(lines.items(), COLOURS, MARKS, strict=False):
        axes.plot(x, y, mark, color=colour, ms=3.5, label=name)
    axes.axhline(0.0, color=GREY, lw=0.8)
    if logarithmic:
        axes.set_xscale("log")
    if linear_to is not None:
        axes.set_yscale("symlog", linthresh=linear_to)
    _legend(axes)
    return figure


def plot_matrix(
    matrix: np.ndarray,
    *,
    title: str,
    label: str,
    unit: str,
    x_label: str,
    y_label: str,
    first: int = 0,
) -> Figure:
    """Draw a matrix; the colours are centred on zero.

    Parameters
    ----------
    matrix
        Shape (n, n), the first index along y; NaN is left blank.
    label, unit
        Of the colour bar, which adds the power of ten that its numbers are given in.
    first
        Where the first row and column stand on their axes.
    """
    figure = make_figure(4.8, 4.2)
    axes = figure.add_axes((0.13, 0.13, 0.64, 0.76))
    outside = np.abs(matrix.copy())
    # The centre is far larger than all else: it would leave no colour for the rest.
    if np.isfinite(outside).any():
        outside.flat[np.nanargmax(outside)] = np.nan
    finite = outside[np.isfinite(outside)]
    reach = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    power = math.floor(math.log10(reach))
    edges = first - 0.5, first - 0.5 + matrix.shape[0]
    drawn = axes.imshow(
        matrix / 10.0**power,
        origin="lower",
        cmap="RdBu_r",
        vmin=-reach / 10.0**power,
        vmax=reach / 10.0**power,
        extent=(*edges, *edges),
    )
    axes.set_xlabel(x_label, color=INK, fontsize=9)
    axes.set_ylabel(y_label, color=INK, fontsize=9)
    quiet_axes(axes, title)
    for locator in (axes.xaxis, axes.yaxis):
        locator.set_major_locator(MaxNLocator(integer=True, nbins=6))
    scale = f"10{str(power).translate(SUPERSCRIPTS)} " if power else ""
    add_colour_bar(figure, drawn, (0.8, 0.13, 0.03, 0.76), f"{label} ({scale}{unit})")
    return figure


def plot_boxes(
    boxes: np.ndarray, shape: tuple[int, int], *, title: str, borders: Sequence[float]
) -> Figure:
    """Draw where a detector's defects are.

    Parameters
    ----------
    boxes
        Shape (n, 4): x0, y0, width and height in pixels. Small ones are drawn larger
        than they are, or they could not be seen.
    borders
        x of the borders between amplifiers.
    """
    figure = make_figure(5.2, 5.0)
    axes = figure.add_axes((0.13, 0.11, 0.82, 0.8))
    least = max(shape) / 300
    width = np.maximum(boxes[:, 2], least) if len(boxes) else np.empty(0)
    height = np.maximum(boxes[:, 3], least) if len(boxes) else np.empty(0)
    axes.set_xlim(0, shape[1])
    axes.set_ylim(0, shape[0])
    for x in borders:
        axes.axvline(x, color=GREY, lw=0.4)
    axes.axhline(shape[0] / 2, color=GREY, lw=0.4)
    if len(boxes):
        corners = np.stack([boxes[:, 0], boxes[:, 1]], axis=1)
        sides = np.stack([width, height], axis=1)
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
        polygons = corners[:, None, :] + square[None] * sides[:, None, :]
        axes.add_collection(PolyCollection(list(polygons), facecolors=FAILED, lw=0))
    axes.set_aspect("equal")
    axes.set_xlabel("x (pixel)", color=INK, fontsize=9)
    axes.set_ylabel("y (pixel)", color=INK, fontsize=9)
    quiet_axes(axes, title)
    return figure


def _axes(
    title: str,
    x_label: str,
    y_label: str,
    *,
    box: tuple[float, float, float, float] = BOX,
) -> tuple[Figure, Axes]:
    figure = make_figure(*WIDE)
    axes = figure.add_axes(box)
    axes.set_xlabel(x_label, color=INK, fontsize=9)
    axes.set_ylabel(textwrap.fill(y_label, LINE), color=INK, fontsize=8)
    quiet_axes(axes, title)
    axes.yaxis.get_offset_text().set_x(-0.12)  # else it is written over the title
    return figure, axes


def _quantiles(row: np.ndarray) -> tuple[float, float, float, float]:
    finite = row[np.isfinite(row)]
    if not finite.size:
        return (np.nan,) * 4
    low, middle, high = np.percentile(finite, (5, 50, 95))
    return float(low), float(middle), float(high), float(finite.max())


def _shade_groups(axes: Axes, groups: Sequence[str]) -> None:
    """Give every second night another background, and write its name above the data."""
    if not groups:
        return
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.12 * (high - low))
    n_groups = 1 + sum(a != b for a, b in itertools.pairwise(groups))
    every = -(-n_groups // MAX_GROUPS)
    begin = number = 0
    for i in range(1, len(groups) + 1):
        if i < len(groups) and groups[i] == groups[begin]:
            continue
        if number % 2:
            axes.axvspan(begin - 0.5, i - 0.5, color="#eef0f2", lw=0, zorder=0)
        # A night at the right is named at its end: the name may be the longer one.
        is_late = begin > len(groups) / 2
        if number % every == 0:
            axes.text(
                i - 0.6 if is_late else begin - 0.4,
                0.98,
                groups[begin],
                transform=axes.get_xaxis_transform(),
                ha="right" if is_late else "left",
                va="top",
                fontsize=7,
                color=NOTE,
            )
        begin, number = i, number + 1


def _legend(axes: Axes, *, above: bool = False) -> None:
    """Name the marks: where they leave room, or in a row below the title."""
    place: dict[str, Any] = {"loc": "best"}
    if above:
        place = {"loc": "lower left", "bbox_to_anchor": (0.0, 0.98), "ncols": 4}
    legend = axes.legend(
        frameon=False, fontsize=7.5, handlelength=1.2, columnspacing=1.0, **place
    )
    for text in legend.get_texts():
        text.set_color(INK)
