"""Brighter-fatter kernels, and the correction of an image by one. NumPy in and out.

Coulton et al. 2018 (AJ 155, 258): charge that a pixel holds deflects what comes after
it. The kernel is the potential whose gradient is the deflection. Kernels are measured
by `calibrations.imaging.brighter_fatter_kernels`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from scipy import ndimage, signal

from calibrations.imaging.errors import ImageError

__all__ = [
    "BrighterFatterKernel",
    "correct_brighter_fatter",
    "fill_from_neighbours",
]


@dataclass(frozen=True, eq=False)
class BrighterFatterKernel:
    """The kernel of one amplifier."""

    amplifier: str
    kernel: np.ndarray
    """Shape (side, side), side odd; per electron."""

    gain: float
    """Electrons per ADU with which it was measured."""

    valid: bool = True
    reason: str = ""
    """Why it is not valid; it is not applied then."""

    @staticmethod
    def to_table(kernels: Sequence["BrighterFatterKernel"]) -> Table:
        """Give a row for each amplifier, in the order given."""
        return Table(
            {
                "AMPLIFIER_NAME": [one.amplifier for one in kernels],
                "GAIN": [float(one.gain) for one in kernels],
                "SIDE": np.array([one.kernel.shape[0] for one in kernels], np.int64),
                "KERNEL": np.stack([one.kernel.ravel() for one in kernels]),
                "VALID": np.array([one.valid for one in kernels], bool),
                "REASON": [one.reason for one in kernels],
            },
            meta={"kind": "bfk", "version": 1},
        )

    @staticmethod
    def from_table(table: Table) -> "dict[str, BrighterFatterKernel]":
        """Read what `to_table` wrote, by amplifier."""
        kernels = {}
        for row in table:
            name, side = str(row["AMPLIFIER_NAME"]), int(row["SIDE"])
            kernel = np.asarray(row["KERNEL"], np.float64).reshape(side, side)
            kernels[name] = BrighterFatterKernel(
                name, kernel, float(row["GAIN"]), bool(row["VALID"]), str(row["REASON"])
            )
        return kernels


def correct_brighter_fatter(
    image_e: np.ndarray,
    kernel: BrighterFatterKernel,
    *,
    mask: np.ndarray | None = None,
    max_iterations: int = 10,
    threshold: float = 1000.0,
    conserve_flux: bool = True,
) -> np.ndarray:
    """Move charge back to the pixels it was meant for.

    Parameters
    ----------
    image_e
        One amplifier or detector, electrons, shape (ny, nx).
    kernel
        Its kernel.
    mask
        Same shape, True where a pixel's content is not its own charge. For what it
        does to others it is taken to hold the mean of its good neighbours; it comes
        back as it was, as do values that are not finite.
    max_iterations, threshold
        The correction is found anew from its own result until the sum of changes is
        below the threshold (electrons), at most so often.
    conserve_flux
        Count the charge that crosses each edge between two pixels once, for both: the
        sum of the image stays what it was. False uses upstream's derivatives
        (``COULTON18``), which do not.

    Returns
    -------
    numpy.ndarray
        Float32, electrons.

    Raises
    ------
    ImageError
        Raised for a kernel that is not valid, an image smaller than the kernel, or a
        mask of another shape.

    Notes
    -----
    Coulton et al. 2018, equation 22: ``I + ½ ∇·(I ∇(K ⊗ I))``. Beyond its borders the
    image is continued by reflection: charge there pushes, too, and nothing at all
    would make a dark frame around every amplifier.
    """
    side = kernel.kernel.shape[0]
    if image_e.ndim != 2 or min(image_e.shape) < side:
        raise ImageError(
            f"An image of shape {image_e.shape} is too small for a kernel of "
            f"{kernel.kernel.shape}."
        )
    if not kernel.valid:
        raise ImageError(
            f"The kernel of {kernel.amplifier} is not valid: {kernel.reason}"
        )
    left_out = ~np.isfinite(image_e)
    if mask is not None:
        if mask.shape != image_e.shape:
            raise ImageError(
                f"The mask has shape {mask.shape}, the image {image_e.shape}."
            )
        left_out |= mask
    if left_out.all():
        return image_e.astype(np.float32)
    image = fill_from_neighbours(image_e.astype(np.float64), left_out)
    moved = _by_edges if conserve_flux else _by_derivatives
    current, previous = image, np.zeros_like(image)
    for _ in range(max_iterations):
        correction = moved(current, kernel.kernel)
        change = np.abs(correction - previous).sum()
        previous, current = correction, image + correction
        if change < threshold:
            break
    return np.where(left_out, image_e, image_e + previous).astype(np.float32)


def fill_from_neighbours(
    image: np.ndarray, left_out: np.ndarray, *, side: int = 7
) -> np.ndarray:
    """Replace pixels by the mean of the good ones around them.

    Parameters
    ----------
    image
        Shape (ny, nx), any unit.
    left_out
        Same shape, True where a pixel is replaced; at least one must not be.
    side
        Of the square of neighbours; where it has no good pixel the median of all is
        taken.
    """
    if not left_out.any():
        return image
    good = np.where(left_out, 0.0, image)
    mean = ndimage.uniform_filter(good, side)
    share = ndimage.uniform_filter((~left_out).astype(np.float64), side)
    typical = float(np.median(image[~left_out]))
    known = share > 0.5 / side**2
    around = np.where(known, mean / np.where(known, share, 1.0), typical)
    return np.where(left_out, around, image)


def _potential(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolve with the kernel, the image continued by reflection."""
    reach = kernel.shape[0] // 2
    padded = np.pad(image, reach, mode="symmetric")
    return signal.fftconvolve(padded, kernel, mode="valid")


def _by_edges(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Half the divergence of image × gradient of the potential, edge by edge."""
    potential = _potential(image, kernel)
    change = np.zeros_like(image)
    flow_y = 0.5 * (image[1:] + image[:-1]) * (potential[1:] - potential[:-1])
    flow_x = (
        0.5 * (image[:, 1:] + image[:, :-1]) * (potential[:, 1:] - potential[:, :-1])
    )
    change[:-1] += flow_y
    change[1:] -= flow_y
    change[:, :-1] += flow_x
    change[:, 1:] -= flow_x
    return 0.5 * change


def _by_derivatives(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Half of ∇I·∇P + I ∇²P, by central differences."""
    potential = _potential(image, kernel)
    slopes_y, slopes_x = np.gradient(image)
    fields_y, fields_x = np.gradient(potential)
    around = np.pad(potential, 1, mode="symmetric")
    laplacian = (
        around[2:, 1:-1]
        + around[:-2, 1:-1]
        + around[1:-1, 2:]
        + around[1:-1, :-2]
        - 4.0 * potential
    )
    result: np.ndarray = 0.5 * (
        slopes_y * fields_y + slopes_x * fields_x + image * laplacian
    )
    return result
