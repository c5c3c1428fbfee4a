"""Brighter-fatter kernels, and the correction of an image by one. NumPy in and out.

Coulton et al. 2018 (AJ 155, 258): charge that a pixel holds deflects what comes after
it. The kernel is the potential whose gradient is the deflection.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from scipy import signal

from calibrations.imaging.errors import ImageError

__all__ = ["BrighterFatterKernel", "correct_brighter_fatter"]


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
) -> np.ndarray:
    """Move charge back to the pixels it was meant for.

    Parameters
    ----------
    image_e
        One amplifier, electrons, shape (ny, nx).
    kernel
        Its kernel.
    mask
        Same shape, True where a pixel's content is not its own charge: it deflects
        nothing.
    max_iterations, threshold
        The correction is found anew from its own result until the sum of changes is
        below the threshold (electrons), at most so often.

    Returns
    -------
    numpy.ndarray
        Float32; the outermost ring of pixels is left as it is. Charge is moved, not
        made: the sum changes by what leaves through the border only.
    """
    if image_e.ndim != 2 or min(image_e.shape) < kernel.kernel.shape[0]:
        raise ImageError(
            f"An image of shape {image_e.shape} is too small for a kernel of "
            f"{kernel.kernel.shape}."
        )
    left_out = ~np.isfinite(image_e)
    if mask is not None:
        left_out |= mask
    image = np.where(left_out, 0.0, image_e).astype(np.float64)
    current = image.copy()
    previous = np.zeros_like(image)
    for _ in range(max_iterations):
        correction = _divergence(current, kernel.kernel)
        if np.abs(correction - previous).sum() < threshold:
            previous = correction
            break
        previous, current = correction, image + correction
    return np.where(left_out, image_e, image_e + previous).astype(np.float32)


def _divergence(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Half the divergence of (image × gradient of the potential), by fluxes.

    Flux through each pixel edge is computed once and given to both sides, so that the
    sum over the image is conserved to rounding.
    """
    potential = signal.fftconvolve(image, kernel, mode="same")
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
