"""A picture of the focal plane, amplifier by amplifier. Matplotlib without pyplot."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from calibrations.domain.cameras import Camera

__all__ = ["plot_focal_plane"]

SIGMA_MAD = 1.4826


def plot_focal_plane(
    camera: Camera,
    values: Mapping[tuple[int, str], float],
    *,
    title: str,
    label: str,
) -> Figure:
    """Colour every amplifier by a number, with the distribution beside it.

    Parameters
    ----------
    camera
        Where detectors and amplifiers are.
    values
        By detector id and amplifier name; one that is missing, or not finite, is grey.
    title
        Above the picture.
    label
        Of the colours, with unit.
    """
    numbers = np.array([v for v in values.values() if math.isfinite(v)])
    median = float(np.median(numbers)) if numbers.size else math.nan
    spread = (
        SIGMA_MAD * float(np.median(np.abs(numbers - median))) if numbers.size else 0
    )
    # Places are given: letting matplotlib find them takes longer than drawing.
    figure = Figure(figsize=(9, 6), dpi=100)
    plane = figure.add_axes((0.08, 0.1, 0.53, 0.8))
    bar = figure.add_axes((0.63, 0.1, 0.02, 0.8))
    histogram = figure.add_axes((0.79, 0.1, 0.19, 0.66))
    patches, colours = _amplifier_patches(camera, values)
    colour_map = colormaps["viridis"].with_extremes(bad="0.8")
    collection = PatchCollection(patches, cmap=colour_map, edgecolor="none")
    collection.set_array(np.ma.masked_invalid(colours))
    if numbers.size:
        half = 4 * spread or abs(median) * 1e-3 or 1.0
        collection.set_clim(median - half, median + half)
    plane.add_collection(collection)
    for detector in camera.detectors:
        box = detector.box
        size = (box.x1 - box.x0, box.y1 - box.y0)
        plane.add_patch(Rectangle((box.x0, box.y0), *size, fill=False, lw=0.8))
    plane.autoscale_view()
    plane.set(aspect="equal", xlabel="x (mm)", ylabel="y (mm)", title=title)
    figure.colorbar(collection, cax=bar, label=label)
    if numbers.size:
        histogram.hist(np.clip(numbers, *collection.get_clim()), bins=30, color="0.4")
    # The label is longer than the histogram is wide.
    histogram.set_xlabel(label.replace(" of ", " of\n"), fontsize=7)
    histogram.set_title(
        f"median {median:.4g}\nσ(MAD) {spread:.3g}\n{numbers.size} amplifiers",
        fontsize="small",
    )
    return figure


def _amplifier_patches(
    camera: Camera, values: Mapping[tuple[int, str], float]
) -> tuple[list[Rectangle], list[float]]:
    """Draw amplifiers where they are on the focal plane."""
    patches, colours = [], []
    for detector in camera.detectors:
        for name, box in detector.focal_boxes().items():
            size = (box.x1 - box.x0, box.y1 - box.y0)
            patches.append(Rectangle((box.x0, box.y0), *size))
            colours.append(values.get((detector.id, name), math.nan))
    return patches, colours
