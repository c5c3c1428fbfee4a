"""Combine a stack of frames into one, pixel by pixel, by clipped mean.

NumPy in, NumPy out. Memory: the frames live in a `FrameStack`, in memory or, past a
limit, in an unnamed file; the arithmetic takes a few rows at a time.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibrations.imaging.errors import ImageError
from calibrations.imaging.statistics import clip_columns

__all__ = ["Combined", "FrameStack", "combine_frames"]

BLOCK_BYTES = 1024**2
"""Size of the float64 work arrays: in the processor's cache they are four times faster
than in memory."""


@dataclass(frozen=True)
class Combined:
    """A combined frame."""

    image: np.ndarray
    """Mean, float32, shape (ny, nx); the median of the image where ``bad``."""

    variance: np.ndarray
    """Variance of the mean, float32; NaN where ``bad``."""

    bad: np.ndarray
    """True where no input was good."""

    n_kept: np.ndarray
    """Inputs that survived masks and clipping, int16, shape (ny, nx)."""

    good_fractions: list[float]
    """Share of each input's pixels that was not masked: 0 for an unusable frame."""

    @property
    def n_used(self) -> int:
        """Inputs that gave any pixel."""
        return sum(fraction > 0 for fraction in self.good_fractions)


class FrameStack:
    """Frames on axis 0, float32, NaN where a pixel is left out.

    Parameters
    ----------
    n_frames, shape
        How many frames there will be, and of what shape.
    max_bytes
        A bigger stack is kept on disk, in a file that vanishes with the process.
    """

    def __init__(
        self, n_frames: int, shape: tuple[int, int], *, max_bytes: int = 2 * 1024**3
    ) -> None:
        self.shape = shape
        n_bytes = n_frames * shape[0] * shape[1] * 4
        if n_bytes <= max_bytes:
            self.array = np.empty((n_frames, *shape), dtype=np.float32)
        else:
            with tempfile.TemporaryFile(prefix="frames-") as scratch:
                self.array = np.memmap(
                    scratch, dtype=np.float32, mode="w+", shape=(n_frames, *shape)
                )
        self.n_filled = 0

    def add(
        self, image: np.ndarray, mask: np.ndarray | None = None, scale: float = 1.0
    ) -> None:
        """Put one frame in.

        Parameters
        ----------
        image
            Shape (ny, nx).
        mask
            Same shape, True where a pixel is left out.
        scale
            The image is divided by it.
        """
        if image.shape != self.shape:
            raise ImageError(
                f"Frame {self.n_filled} has shape {image.shape}, the others have "
                f"{self.shape}: frames of different readout windows cannot be combined."
            )
        if not np.isfinite(scale) or scale <= 0:
            raise ImageError(
                f"Frame {self.n_filled} has scale {scale}: it must be positive."
            )
        frame = self.array[self.n_filled]
        np.divide(image, np.float32(scale), out=frame, casting="unsafe")
        frame[~np.isfinite(frame)] = np.nan
        if mask is not None:
            frame[mask] = np.nan
        self.n_filled += 1


def combine_frames(
    frames: FrameStack | Sequence[np.ndarray],
    *,
    masks: Sequence[np.ndarray] | None = None,
    scales: Sequence[float] | None = None,
    variances: Sequence[np.ndarray] | None = None,
    sigma: float = 3.0,
    n_passes: int = 3,
    min_frames: int = 2,
) -> Combined:
    """Combine frames by clipped mean.

    Parameters
    ----------
    frames
        Frames of shape (ny, nx), or a filled stack (then no masks and scales).
    masks
        One for each frame, True where a pixel is left out. Pixels that are not finite
        are always left out.
    scales
        Each frame is divided by its scale.
    variances
        One for each frame, *after* scaling: with it the variance of the result is
        the sum of those of the kept inputs over n², for stacks too small to measure
        their own scatter. Without, it is the clipped variance over n.
    sigma, n_passes
        As in `clipped_statistics`.
    min_frames
        Fewer usable frames than this is an error.

    Returns
    -------
    Combined
        Units as the scaled input; variance in their square. A pixel without any good
        input takes the median of the image, variance NaN, and is ``bad``.
    """
    stack = frames if isinstance(frames, FrameStack) else _fill(frames, masks, scales)
    array = stack.array[: stack.n_filled]
    fractions = [float(np.isfinite(frame).mean()) for frame in array]
    n_used = sum(fraction > 0 for fraction in fractions)
    if n_used < min_frames:
        raise ImageError(
            f"{n_used} of {len(array)} frames have usable pixels; combining takes at "
            f"least {min_frames}."
        )
    ny, nx = stack.shape
    image = np.empty((ny, nx), dtype=np.float32)
    variance = np.empty_like(image)
    n_kept = np.empty((ny, nx), dtype=np.int16)
    step = max(1, BLOCK_BYTES // (8 * nx * max(len(array), 1)))
    for top in range(0, ny, step):
        rows = slice(top, min(top + step, ny))
        block = array[:, rows].reshape(len(array), -1)
        mean, scatter, count = clip_columns(block, sigma=sigma, n_passes=n_passes)
        shape = (rows.stop - rows.start, nx)
        image[rows] = mean.reshape(shape)
        n_kept[rows] = count.reshape(shape)
        if variances is None:
            with np.errstate(invalid="ignore", divide="ignore"):
                variance[rows] = (scatter / count).reshape(shape)
        else:
            inputs = np.stack([plane[rows].reshape(-1) for plane in variances])
            variance[rows] = _input_variance(block, inputs, count).reshape(shape)
    bad = n_kept == 0
    if bad.any():
        image[bad] = np.median(image[~bad])
        variance[bad] = np.nan
    return Combined(image, variance, bad, n_kept, fractions)


def _fill(
    frames: Sequence[np.ndarray],
    masks: Sequence[np.ndarray] | None,
    scales: Sequence[float] | None,
) -> FrameStack:
    """Stack plain arrays."""
    if not len(frames):
        raise ImageError("There is no frame to combine.")
    stack = FrameStack(len(frames), frames[0].shape)
    for i, frame in enumerate(frames):
        stack.add(
            frame,
            mask=None if masks is None else masks[i],
            scale=1.0 if scales is None else scales[i],
        )
    return stack


def _input_variance(
    block: np.ndarray, inputs: np.ndarray, count: np.ndarray
) -> np.ndarray:
    """Sum of the input variances over n², over the unmasked inputs of each pixel."""
    good = np.isfinite(block)
    total = np.where(good, inputs, 0.0).sum(axis=0)
    n_good = good.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Clipped inputs leave with their share of the sum.
        variance: np.ndarray = total / n_good / np.where(count, count, np.nan)
    return variance
