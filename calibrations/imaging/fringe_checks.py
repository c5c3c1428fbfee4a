"""What is left of fringes in a science frame once a fringe frame is subtracted.

NumPy in and out. The strength is fitted on half of the frame, in tiles like the fields
of a chessboard, and judged on the other half: what is fitted cannot judge itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box
from calibrations.imaging.fringe import (
    RelativeSky,
    fringe_amplitude,
    fringe_scale,
    halves,
    residual_amplitude,
)
from calibrations.imaging.statistics import clipped_statistics

__all__ = ["FringeResidual", "measure_residual"]

TILES = 8
"""Fields of the chessboard along the shorter side of the detector."""


@dataclass(frozen=True, eq=False)
class FringeResidual:
    """A science frame before and after subtraction, as fractions of the sky."""

    image: np.ndarray
    """After subtraction."""

    detector: dict[str, float]
    """``SCALE`` and ``SCALE_ERROR`` of the frame's fringes against the fringe frame's,
    and ``FRINGE_AMPLITUDE`` of the fringe frame."""

    amplifiers: dict[str, dict[str, float]]
    """``AMPLITUDE_BEFORE``, ``AMPLITUDE_AFTER`` of structure wider than a few pixels,
    with ``AMPLITUDE_ERROR`` of the second; ``NOISE_BEFORE``, ``NOISE_AFTER``, clipped
    scatter of pixels; ``N_PIXELS`` looked at."""


def measure_residual(
    sky: RelativeSky,
    variance: np.ndarray,
    fringe: np.ndarray,
    fringe_variance: np.ndarray,
    boxes: Mapping[str, Box],
    *,
    block: int = 4,
) -> FringeResidual:
    """Subtract a fringe frame and measure what is left.

    Parameters
    ----------
    sky
        The science frame in fractions of its sky, shape (ny, nx).
    variance
        Of its noise, in the square of these.
    fringe, fringe_variance
        The fringe frame and the variance of its noise, same shape.
    boxes
        Amplifiers.
    block
        Side of the blocks that photon noise is averaged over.
    """
    if fringe.shape != sky.image.shape:
        raise ImageError(
            f"The fringe frame has shape {fringe.shape}, the exposure "
            f"{sky.image.shape}: they are not of the same readout window."
        )
    mask = sky.left_out | ~np.isfinite(fringe) | ~np.isfinite(fringe_variance)
    tile = max(block, min(mask.shape) // TILES)
    fitted, judged = halves(mask.shape, tile)
    scale, error = fringe_scale(
        sky.image, fringe, mask | ~fitted, fringe_variance=fringe_variance
    )
    applied = scale if np.isfinite(scale) else 1.0
    after = sky.image - np.float32(applied) * fringe
    noise = variance + np.float32(applied**2) * fringe_variance
    amplifiers = {}
    for name, box in boxes.items():
        part = box.slices
        amplifiers[name] = _measure(
            sky.image[part],
            after[part],
            variance[part],
            noise[part],
            (mask | ~judged)[part],
            block,
        )
    amplitude, _ = fringe_amplitude(fringe, fringe_variance, mask)
    return FringeResidual(
        after,
        {
            "SCALE": scale,
            "SCALE_ERROR": error,
            "FRINGE_AMPLITUDE": amplitude,
            "SKY": sky.background,
        },
        amplifiers,
    )


def _measure(
    before: np.ndarray,
    after: np.ndarray,
    variance: np.ndarray,
    noise: np.ndarray,
    mask: np.ndarray,
    block: int,
) -> dict[str, float]:
    """Measure one amplifier on the half that was not fitted."""
    left, error = residual_amplitude(after, noise, mask, block=block)
    return {
        "AMPLITUDE_BEFORE": residual_amplitude(before, variance, mask, block=block)[0],
        "AMPLITUDE_AFTER": left,
        "AMPLITUDE_ERROR": error,
        "NOISE_BEFORE": clipped_statistics(before, mask=mask, sigma=5.0).stdev_clip,
        "NOISE_AFTER": clipped_statistics(after, mask=mask, sigma=5.0).stdev_clip,
        "N_PIXELS": float((~mask).sum()),
    }
