"""Figures of the results of tests: arrays and labels in, a figure out.

Each has a unit on every axis and its limit drawn; what to look for stands beside it on
the page, not in it.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.plots.figures import (
    BAND,
    BLUE,
    FAILED,
    add_legend,
    make_axes,
    quiet_axes,
)

__all__ = [
    "plot_bars",
    "plot_distribution",
    "plot_spread",
]

NOTE = "#5b6672"  # grey that can be read at this size
SLANTED = (0.16, 0.3, 0.8, 0.54)  # room for names below and a row above
MAX_GROUPS = 6
"""More names of nights would be written over one another."""

N_BINS = 60
MAX_LABELS = 8


def plot_distribution(
    values: np.ndarray, limits: np.ndarray, *, title: str, label: str
) -> Figure:
    """Draw how many results have which value, and where the limits are.

    Parameters
    ----------
    values, limits
        Of every measured result, same shape (n,).
    """
    figure, axes = make_axes(title, label, "results")
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
    add_legend(axes)
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
    figure, axes = make_axes(title, x_label, label, box=SLANTED)
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
    add_legend(axes, above=True)
    return figure


def plot_bars(
    names: Sequence[str], numbers: np.ndarray, *, title: str, label: str
) -> Figure:
    """Draw a number for each detector."""
    figure, axes = make_axes(title, "detector", label, box=SLANTED)
    x = np.arange(len(names))
    axes.bar(x, numbers, color=BLUE, width=0.8)
    step = max(1, -(-len(names) // 24))
    axes.set_xticks(x[::step], list(names)[::step])
    axes.tick_params(axis="x", rotation=60)
    axes.set_xlim(-0.7, len(names) - 0.3)
    return figure


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
