"""Smaller pictures of big images: binning, and the whole focal plane in one array.

NumPy in, NumPy out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibrations.imaging.averages import average_squares
from calibrations.imaging.errors import ImageError

__all__ = ["PlacedImage", "bin_image", "mosaic_focal_plane"]


@dataclass(frozen=True)
class PlacedImage:
    """A detector's image and where its lower left and upper right corners are."""

    data: np.ndarray
    x0_mm: float
    y0_mm: float
    x1_mm: float
    y1_mm: float


def bin_image(
    image: np.ndarray, factor: int, *, mask: np.ndarray | None = None
) -> np.ndarray:
    """Average squares of pixels.

    Parameters
    ----------
    image
        Shape (ny, nx).
    factor
        Side of the square. Squares cut by the upper or right edge average what there
        is of them.
    mask
        Same shape, True where a pixel is left out.

    Returns
    -------
    numpy.ndarray
        float32, shape (ceil(ny / factor), ceil(nx / factor)); NaN where no pixel is
        good.
    """
    if factor < 1:
        raise ImageError(f"Binning by {factor} is not possible: 1 or more.")
    if not np.issubdtype(image.dtype, np.floating):
        image = image.astype(np.float64)
    return average_squares(image, factor, mask)


def mosaic_focal_plane(images: Sequence[PlacedImage]) -> np.ndarray:
    """Put detectors where they are in the focal plane.

    Parameters
    ----------
    images
        Binned images, all with the same scale within a pixel, in any order.

    Returns
    -------
    numpy.ndarray
        float32, y up in the focal plane is row up; NaN in the gaps.
    """
    if not images:
        raise ImageError("There is no detector to show.")
    first = images[0]
    scale_x = (first.x1_mm - first.x0_mm) / first.data.shape[1]
    scale_y = (first.y1_mm - first.y0_mm) / first.data.shape[0]
    left = min(image.x0_mm for image in images)
    bottom = min(image.y0_mm for image in images)
    corners = [
        (
            round((image.y0_mm - bottom) / scale_y),
            round((image.x0_mm - left) / scale_x),
        )
        for image in images
    ]
    ny = max(
        y + image.data.shape[0] for (y, _), image in zip(corners, images, strict=True)
    )
    nx = max(
        x + image.data.shape[1] for (_, x), image in zip(corners, images, strict=True)
    )
    mosaic = np.full((ny, nx), np.nan, dtype=np.float32)
    for (y, x), image in zip(corners, images, strict=True):
        mosaic[y : y + image.data.shape[0], x : x + image.data.shape[1]] = image.data
    return mosaic
