"""A matrix between amplifiers, each row and column with its name."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from reports.plots.figures import INK, add_colour_bar, make_figure, quiet_axes

__all__ = ["plot_named_matrix"]

SIDE_IN = 4.6
FONT_ROOM = 16
"""Above this many rows their names are smaller."""


def plot_named_matrix(
    matrix: np.ndarray,
    names: Sequence[str],
    marked: np.ndarray,
    *,
    title: str,
    x_label: str,
    y_label: str,
    label: str,
) -> Figure:
    """Draw a matrix, the first row on top; the colours are centred on zero.

    Parameters
    ----------
    matrix
        Shape (n, n); NaN is left blank.
    marked
        Shape (n, n), True where a dot stands.
    label
        Of the colour bar, with its unit.
    """
    figure = make_figure(SIDE_IN * 1.22, SIDE_IN)
    axes = figure.add_axes((0.12, 0.15, 0.64, 0.76))
    finite = np.abs(matrix[np.isfinite(matrix)])
    reach = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    drawn = axes.imshow(matrix, cmap="RdBu_r", vmin=-reach, vmax=reach)
    rows, columns = np.nonzero(marked)
    axes.plot(columns, rows, ".", color=INK, ms=3)
    quiet_axes(axes, title)
    size = 7 if len(names) <= FONT_ROOM else 5
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set_xlabel(x_label, color=INK, fontsize=9)
    axes.set_ylabel(y_label, color=INK, fontsize=9)
    add_colour_bar(figure, drawn, (0.8, 0.15, 0.03, 0.76), label)
    return figure
