"""Pixels of a detector, with one stretch for all detectors of a type."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from reports.plots.figures import INK, add_colour_bar, make_figure, quiet_axes

__all__ = ["Stretch", "find_stretch", "plot_detector", "shrink_image"]

PERCENTILES = (0.5, 99.5)
MAX_SIDE = 512
"""Pixels along the longer side of a picture's data: more cannot be seen."""


@dataclass(frozen=True)
class Stretch:
    """The range of values that the colours span."""

    low: float
    high: float


def find_stretch(
    images: Sequence[np.ndarray], *, centre: float | None = None
) -> Stretch:
    """Choose one range for several images, by percentiles of all their pixels.

    Parameters
    ----------
    images
        Each of shape (ny, nx), same unit; NaN is left out.
    centre
        Make the range symmetric about this value.
    """
    pixels = np.concatenate([image[np.isfinite(image)].ravel() for image in images])
    if not pixels.size:
        return Stretch(0.0, 1.0)
    low, high = (float(p) for p in np.percentile(pixels, PERCENTILES))
    if centre is not None:
        half = max(abs(low - centre), abs(high - centre))
        low, high = centre - half, centre + half
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return Stretch(low, high)


def shrink_image(image: np.ndarray, *, max_side: int = MAX_SIDE) -> np.ndarray:
    """Average squares of pixels until the longer side fits.

    Parameters
    ----------
    image
        Shape (ny, nx). Rows and columns that fill no square are cut off.

    Returns
    -------
    numpy.ndarray
        float32; NaN where a square holds no number at all.
    """
    factor = -(-max(image.shape) // max_side)
    image = np.asarray(image, dtype=np.float32)
    if factor <= 1:
        return image
    ny, nx = (side // factor for side in image.shape)
    squares = image[: ny * factor, : nx * factor].reshape(ny, factor, nx, factor)
    good = np.isfinite(squares)
    counts = good.sum(axis=(1, 3))
    sums = np.where(good, squares, 0.0).sum(axis=(1, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counts > 0, sums / counts, np.nan).astype(np.float32)


def plot_detector(
    image: np.ndarray,
    *,
    stretch: Stretch,
    title: str,
    label: str,
    shape: tuple[int, int],
    colours: str = "cividis",
) -> Figure:
    """Draw a detector's pixels, origin at the lower left.

    Parameters
    ----------
    image
        Shape (ny, nx), perhaps shrunk; NaN is drawn grey.
    label
        Of the colour bar, with its unit.
    shape
        Rows and columns of the detector, which the axes count.
    colours
        Name of a colour map: cividis for magnitudes, a diverging one for differences.
    """
    figure = make_figure(4.6, 3.9)
    axes = figure.add_axes((0.12, 0.115, 0.68, 0.802))
    cmap = colormaps[colours].with_extremes(bad="#b9c0c7")
    drawn = axes.imshow(
        image,
        origin="lower",
        cmap=cmap,
        vmin=stretch.low,
        vmax=stretch.high,
        interpolation="nearest",
        extent=(0, shape[1], 0, shape[0]),
        aspect="auto",
    )
    # CCDs are square on the sky whatever part of them was read out.
    axes.set_box_aspect(1)
    axes.set_xlabel("x (pixel)", color=INK, fontsize=8)
    axes.set_ylabel("y (pixel)", color=INK, fontsize=8)
    quiet_axes(axes, title)
    add_colour_bar(figure, drawn, (0.825, 0.115, 0.03, 0.802), label)
    return figure
