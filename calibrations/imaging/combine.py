"""Combine a stack of frames into one, pixel by pixel, by clipped mean.

NumPy in, NumPy out. Memory: frames live in FITS files or in a `FrameStack`, which past
a limit is an unnamed file; a few rows at a time are in memory, whatever their number.
"""

import mmap
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from calibrations.imaging.clipping import clip_block
from calibrations.imaging.errors import ImageError
from calibrations.imaging.fits_rows import FrameFiles

__all__ = ["Combined", "FrameStack", "combine_files", "combine_frames"]

BLOCK_BYTES = 4 * 1024**2
"""Pixels a thread works on at once: more than the overhead of reading a few rows from
each of many files, less than the processor's cache."""

MOST_THREADS = 4
"""Threads of one combination. Quanta run beside one another as well."""


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
        self, n_frames: int, shape: tuple[int, int], *, max_bytes: int = 512 * 1024**2
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

    def __len__(self) -> int:
        return self.n_filled

    def read(self, top: int, bottom: int, out: np.ndarray) -> np.ndarray:
        """Copy the same rows of all frames, shape (n, (bottom - top) · nx)."""
        size = (bottom - top) * self.shape[1]
        block = out.reshape(-1)[: len(self) * size].reshape(len(self), size)
        for frame, row in zip(self.array[: len(self)], block, strict=True):
            row[:] = frame[top:bottom].reshape(-1)
        self._forget()
        return block

    def _forget(self) -> None:
        """Let the system take back the memory of a stack on disk; the file stays."""
        pages = getattr(self.array, "_mmap", None)
        if isinstance(pages, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            pages.madvise(mmap.MADV_DONTNEED)

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
        _check_scale(self.n_filled, scale)
        frame = self.array[self.n_filled]
        np.divide(image, np.float32(scale), out=frame, casting="unsafe")
        frame[~np.isfinite(frame)] = np.nan
        if mask is not None:
            frame[mask] = np.nan
        self.n_filled += 1
        self._forget()


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
    return _combine(
        stack,
        _Choices(sigma, n_passes, min_frames),
        scales=np.ones(len(stack), dtype=np.float32),
        variances=variances,
    )


def combine_files(
    paths: Sequence[str | Path],
    *,
    extension: int | str | None = None,
    scales: Sequence[float] | None = None,
    sigma: float = 3.0,
    n_passes: int = 3,
    min_frames: int = 2,
    n_threads: int | None = None,
) -> Combined:
    """Combine frames in FITS files by clipped mean, a few rows at a time.

    Parameters
    ----------
    paths
        A file for each frame, all of one shape. NaN and infinities are left out.
    extension
        Number or name of the HDU; without, the first that holds a 2-D image.
    scales
        Each frame is divided by its scale.
    sigma, n_passes, min_frames
        As in `combine_frames`.
    n_threads
        How many threads share the rows; without, one for each processor up to four.

    Returns
    -------
    Combined
        As from `combine_frames`, rows as in the files, to the bit.
    """
    divisors = np.ones(len(paths)) if scales is None else np.asarray(scales, float)
    if divisors.shape != (len(paths),):
        raise ImageError(f"{len(paths)} files have {divisors.size} scales.")
    for i, scale in enumerate(divisors):
        _check_scale(i, scale)
    with FrameFiles(paths, extension) as files:
        return _combine(
            files,
            _Choices(sigma, n_passes, min_frames, n_threads),
            scales=divisors.astype(np.float32),
        )


class _Frames(Protocol):
    """Frames that give their rows block by block."""

    shape: tuple[int, int]

    def __len__(self) -> int: ...

    def read(self, top: int, bottom: int, out: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class _Choices:
    """How to clip."""

    sigma: float
    n_passes: int
    min_frames: int
    n_threads: int | None = None

    def threads(self) -> int:
        """Threads to use."""
        if self.n_threads is not None:
            return max(1, self.n_threads)
        return min(len(os.sched_getaffinity(0)), MOST_THREADS)


def _combine(
    frames: _Frames,
    choices: _Choices,
    *,
    scales: np.ndarray,
    variances: Sequence[np.ndarray] | None = None,
) -> Combined:
    """Combine block by block, in threads."""
    ny, nx = frames.shape
    image = np.empty((ny, nx), dtype=np.float32)
    variance = np.empty_like(image)
    n_kept = np.empty((ny, nx), dtype=np.int16)
    step = max(1, BLOCK_BYTES // (4 * nx * max(len(frames), 1)))
    blocks = iter([(top, min(top + step, ny)) for top in range(0, ny, step)])

    def work(_: int) -> np.ndarray:
        buffer = np.empty(len(frames) * step * nx, dtype=np.float32)
        n_good = np.zeros(len(frames), dtype=np.int64)
        for top, bottom in blocks:
            block = frames.read(top, bottom, buffer)
            rows = slice(top, bottom)
            n_good += clip_block(
                block,
                scales=scales,
                sigma=choices.sigma,
                n_passes=choices.n_passes,
                of_mean=True,
                mean=image[rows].reshape(-1),
                variance=variance[rows].reshape(-1),
                count=n_kept[rows].reshape(-1),
            )
            if variances is not None:
                inputs = np.stack([plane[rows].reshape(-1) for plane in variances])
                given = _input_variance(block, inputs, n_kept[rows].reshape(-1))
                variance[rows] = given.reshape(-1, nx)
        return n_good

    n_good = sum(_in_threads(work, choices.threads()))
    fractions = [float(n) / max(ny * nx, 1) for n in np.atleast_1d(n_good)]
    n_used = sum(fraction > 0 for fraction in fractions)
    if n_used < choices.min_frames:
        raise ImageError(
            f"{n_used} of {len(frames)} frames have usable pixels; combining takes at "
            f"least {choices.min_frames}."
        )
    bad = n_kept == 0
    if bad.any():
        image[bad] = np.median(image[~bad])
        variance[bad] = np.nan
    return Combined(image, variance, bad, n_kept, fractions)


def _in_threads(work: Callable[[int], np.ndarray], n_threads: int) -> list[np.ndarray]:
    """Do the same work in several threads."""
    if n_threads == 1:
        return [work(0)]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(work, range(n_threads)))


def _check_scale(frame: int, scale: float) -> None:
    """Refuse what cannot be divided by."""
    if not np.isfinite(scale) or scale <= 0:
        raise ImageError(f"Frame {frame} has scale {scale}: it must be positive.")


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
