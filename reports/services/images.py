"""Reading the pixels that a report draws."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from reports.plots.images import shrink_image
from taxicab.errors import MiddlewareError

__all__ = ["Picture", "read_picture", "read_shape"]


@dataclass(frozen=True)
class Picture:
    """A detector's image, small enough to draw."""

    pixels: np.ndarray
    """Shape (ny, nx), float32, in ``unit``."""
    unit: str
    """As the header's BUNIT has it; ``1`` is dimensionless."""
    shape: tuple[int, int]
    """Rows and columns of the detector, whatever the binning."""


def read_picture(path: str | Path) -> Picture:
    """Read an image plane and its unit.

    Raises
    ------
    MiddlewareError
        Raised if the file is gone or holds no image.
    """
    try:
        with fits.open(path, memmap=False) as hdus:
            header = hdus[0].header
            planes = [hdu for hdu in hdus if hdu.data is not None and hdu.is_image]
            data = np.asarray(planes[0].data, dtype=np.float32)
    except (OSError, IndexError) as error:
        raise MiddlewareError(f"The image {path} cannot be read: {error}") from error
    binning = int(header.get("BINNING", 1))
    shape = data.shape[0] * binning, data.shape[1] * binning
    return Picture(shrink_image(data), str(header.get("BUNIT", "")), shape)


def read_shape(path: str | Path) -> tuple[int, int]:
    """Read the rows and columns of the detector that an image is of, from its headers.

    Raises
    ------
    MiddlewareError
        Raised if the file is gone or holds no image.
    """
    try:
        with fits.open(path) as hdus:
            binning = int(hdus[0].header.get("BINNING", 1))
            shapes = [hdu.shape for hdu in hdus if hdu.is_image and hdu.shape]
        ny, nx = shapes[0]
    except (OSError, IndexError, ValueError) as error:
        raise MiddlewareError(f"The image {path} cannot be read: {error}") from error
    return ny * binning, nx * binning
