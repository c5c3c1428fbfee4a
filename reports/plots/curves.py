"""Figures of calibrations that are tables: arrays and labels in, a figure out.

Each has a unit on every axis; what to look for stands beside it on the page, not in it.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.plots.figures import (
    BAND,
    BLUE,
    FAILED,
    GREY,
    INK,
    ORANGE,
    add_colour_bar,
    add_legend,
    make_axes,
    make_figure,
    quiet_axes,
)

__all__ = [
    "percent_off",
    "plot_band",
    "plot_boxes",
    "plot_curve",
    "plot_fits",
    "plot_lines",
    "plot_matrix",
]

COLOURS = (BLUE, ORANGE, "#009e73", GREY)
MARKS = "os^v"
ROOMY = (0.12, 0.16, 0.84, 0.68)  # room for a row above
UPPER, LOWER = (0.12, 0.4, 0.84, 0.5), (0.12, 0.14, 0.84, 0.21)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


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
    add_legend(axes)
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
    figure, axes = make_axes(title, x_label, y_label)
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
    add_legend(axes)
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
    figure, axes = make_axes(title, x_label, y_label, box=ROOMY)
    quiet_axes(axes, title, y=1.1)
    axes.fill_between(x, low, high, color=BAND, lw=0, label="least to greatest")
    axes.plot(x, middle, color=BLUE, lw=0.8, label="median")
    if logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    else:
        axes.set_xlim(x[0] - 0.5, x[-1] + 0.5)
    add_legend(axes, above=True)
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
    figure, axes = make_axes(title, x_label, y_label)
    for (name, y), colour, mark in zip(lines.items(), COLOURS, MARKS, strict=False):
        axes.plot(x, y, mark, color=colour, ms=3.5, label=name)
    axes.axhline(0.0, color=GREY, lw=0.8)
    if logarithmic:
        axes.set_xscale("log")
    if linear_to is not None:
        axes.set_yscale("symlog", linthresh=linear_to)
        axes.margins(y=0.06)
    add_legend(axes)
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
