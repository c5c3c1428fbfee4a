"""Fringes: night-sky lines interfering in the silicon, in proportion to the sky.

NumPy and SciPy. As Rubin's ``cpFringeTask.py``: of each science frame the background is
subtracted and divided by, what is detected is masked, and the frames are combined with
equal weight. The measure of amplitude is ours, and so is that of residuals.

An *amplitude* is that of a sine wave of the same scatter, √2 times the standard
deviation, as a fraction of the sky.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from calibrations.imaging.errors import ImageError
from calibrations.imaging.statistics import clipped_statistics

__all__ = [
    "FringeSettings",
    "RelativeSky",
    "fringe_amplitude",
    "fringe_scale",
    "halves",
    "relative_sky",
    "residual_amplitude",
]

MIN_SHARE = 0.1
"""Of a frame's pixels that must show sky; with fewer it is a crowded or empty field."""


@dataclass(frozen=True)
class FringeSettings:
    """How sky and sources are told apart."""

    sigma: float = 3.0
    """Clipping of the background."""

    n_passes: int = 3
    detection_sigma: float = 5.0
    """Detected is what stands out of the smoothed frame by so many of its own standard
    deviations: those include the fringes, which so are never taken for sources."""

    smoothing: float = 1.0
    """Standard deviation of the Gaussian a frame is smoothed with, in pixels."""

    n_grow: int = 8
    """Pixels added around each detection, for the wings."""


@dataclass(frozen=True, eq=False)
class RelativeSky:
    """One science frame, ready to be combined."""

    image: np.ndarray
    """(frame − background) / background, float32, shape (ny, nx)."""

    left_out: np.ndarray
    """True where a pixel is masked, not finite, or part of something detected."""

    background: float
    """Level of the sky, in the unit of the frame."""


def relative_sky(
    image: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    settings: FringeSettings | None = None,
) -> RelativeSky:
    """Bring a science frame to fractions of its sky and mask its sources.

    Parameters
    ----------
    image
        Bias, dark and flat corrected, shape (ny, nx), with the sky in it.
    mask
        Same shape, True where a pixel is left out.
    settings
        Clipping and detection.

    Raises
    ------
    ImageError
        Raised if the sky is not positive, or less than a tenth of the frame shows it.
    """
    settings = settings or FringeSettings()
    left_out = ~np.isfinite(image)
    if mask is not None:
        if mask.shape != image.shape:
            raise ImageError(
                f"The mask has shape {mask.shape}, the science frame {image.shape}."
            )
        left_out |= mask
    left_out |= _detect(image, left_out, settings)
    if left_out.mean() > 1 - MIN_SHARE:
        raise ImageError(
            f"{100 * left_out.mean():.0f} % of the science frame is masked or "
            "detected: the rest is too little to measure the sky."
        )
    sky = clipped_statistics(
        image, mask=left_out, sigma=settings.sigma, n_passes=settings.n_passes
    ).mean_clip
    if not sky > 0:
        raise ImageError(f"The sky is {sky:.3g}: fringes are measured in units of it.")
    relative = ((image - sky) / sky).astype(np.float32)
    return RelativeSky(relative, left_out, sky)


def _detect(
    image: np.ndarray, left_out: np.ndarray, settings: FringeSettings
) -> np.ndarray:
    """Find what stands out of the sky, up or down, with room for its wings."""
    good = ~left_out
    if good.sum() < MIN_SHARE * good.size:
        return np.zeros(image.shape, dtype=bool)
    level = float(np.median(image[good]))
    filled = np.where(good, image, level).astype(np.float32)
    weight = ndimage.gaussian_filter(good.astype(np.float32), settings.smoothing)
    smooth = ndimage.gaussian_filter(filled - level, settings.smoothing)
    smooth /= np.maximum(weight, np.float32(0.25))
    stats = clipped_statistics(smooth, mask=left_out)
    if not stats.stdev_clip > 0:
        return np.zeros(image.shape, dtype=bool)
    excess = np.abs(smooth - stats.mean_clip)
    detected = (excess > settings.detection_sigma * stats.stdev_clip) & good
    if settings.n_grow and detected.any():
        distance = ndimage.distance_transform_edt(~detected)
        detected = distance <= settings.n_grow
    return detected


def fringe_amplitude(
    fringe: np.ndarray, variance: np.ndarray, mask: np.ndarray | None = None
) -> tuple[float, float]:
    """Measure the amplitude of a combined fringe frame.

    Parameters
    ----------
    fringe
        Fractions of the sky, shape (ny, nx).
    variance
        Of its noise, same shape: what noise adds to the scatter is taken off.
    mask
        True where a pixel is left out.

    Returns
    -------
    amplitude, error
        Fractions of the sky. An amplitude lost in the noise is 0; with fewer than two
        pixels both are NaN.
    """
    good = np.isfinite(fringe) & np.isfinite(variance)
    if mask is not None:
        good &= ~mask
    n = int(good.sum())
    if n < 2:
        return float("nan"), float("nan")
    values = fringe[good].astype(np.float64)
    noise = float(variance[good].astype(np.float64).mean())
    total = float(values.var(ddof=1))
    amplitude = float(np.sqrt(2 * max(total - noise, 0.0)))
    # Of the noise alone: its share of a variance of n pixels has this error.
    spread = noise * np.sqrt(2.0 / n)
    cross = 2 * np.sqrt(max(total - noise, 0.0) * noise / n)
    error = np.hypot(spread, cross)
    floor = np.sqrt(2 * spread)
    return amplitude, float(error / amplitude if amplitude > floor else floor)


def fringe_scale(
    relative: np.ndarray,
    fringe: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    fringe_variance: np.ndarray | None = None,
    sigma: float = 5.0,
    n_passes: int = 3,
) -> tuple[float, float]:
    """Fit how strongly a frame shows the pattern of a fringe frame.

    Parameters
    ----------
    relative
        A frame as fractions of its sky, shape (ny, nx).
    fringe
        The combined fringe frame, same shape.
    mask
        True where a pixel is left out.
    fringe_variance
        Of the noise of ``fringe``: it dilutes a fit, which is undone.
    sigma, n_passes
        Pixels further from the fit than this are left out in the next pass.

    Returns
    -------
    scale, error
        1 where the frame has the fringes of the frames that were combined. NaN where
        the fringe frame has no pattern to fit.
    """
    if relative.shape != fringe.shape:
        raise ImageError(
            f"The frame has shape {relative.shape}, the fringe frame {fringe.shape}."
        )
    good = np.isfinite(relative) & np.isfinite(fringe)
    if mask is not None:
        good &= ~mask
    noise = 0.0
    if fringe_variance is not None:
        good &= np.isfinite(fringe_variance)
        noise = float(fringe_variance[good].mean()) if good.any() else 0.0
    x, y = fringe[good].astype(np.float64), relative[good].astype(np.float64)
    kept = np.ones(x.size, dtype=bool)
    scale = error = float("nan")
    for _ in range(n_passes):
        n = int(kept.sum())
        if n < 3:
            return float("nan"), float("nan")
        x_mean, y_mean = x[kept].mean(), y[kept].mean()
        pattern = float(((x[kept] - x_mean) ** 2).sum()) - n * noise
        # A pattern within the chance scatter of the noise is none.
        if pattern <= 3 * noise * np.sqrt(2 * n) or pattern <= 0:
            return float("nan"), float("nan")
        scale = float(((x[kept] - x_mean) * (y[kept] - y_mean)).sum()) / pattern
        residual = y - y_mean - scale * (x - x_mean)
        scatter = float(residual[kept].std(ddof=2))
        error = float(scatter / np.sqrt(pattern))
        if not scatter > 0:
            break
        kept = np.abs(residual) <= sigma * scatter
    return scale, error


def residual_amplitude(
    relative: np.ndarray,
    variance: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    block: int = 4,
) -> tuple[float, float]:
    """Measure the amplitude of structure wider than a few pixels in one frame.

    Blocks are averaged, which leaves fringes and lowers the noise of photons, whose
    variance is then taken off.

    Parameters
    ----------
    relative
        Fractions of the sky, shape (ny, nx).
    variance
        Of each pixel's noise, in fractions squared.
    mask
        True where a pixel is left out.
    block
        Side of the blocks, in pixels; fringes must be wider.

    Returns
    -------
    amplitude, error
        As of `fringe_amplitude`; outlying blocks (5 σ) are left out.
    """
    good = np.isfinite(relative) & np.isfinite(variance)
    if mask is not None:
        good &= ~mask
    counts = _block_sums(good.astype(np.float64), block)
    usable = counts >= block * block / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        means = _block_sums(np.where(good, relative, 0.0), block) / counts
        noise = _block_sums(np.where(good, variance, 0.0), block) / counts**2
    means[~usable] = np.nan
    stats = clipped_statistics(means, sigma=5.0)
    outlying = ~usable
    with np.errstate(invalid="ignore"):
        outlying |= np.abs(means - stats.mean_clip) > 5.0 * stats.stdev_clip
    return fringe_amplitude(means, noise, outlying)


def halves(shape: tuple[int, int], tile: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Split a frame into two halves like the fields of a chessboard.

    What is fitted on one half can be judged on the other.
    """
    y, x = np.indices(shape, sparse=True)
    first: np.ndarray = ((y // tile + x // tile) % 2).astype(bool)
    return first, ~first


def _block_sums(image: np.ndarray, block: int) -> np.ndarray:
    """Sum over square blocks; what is left over at the upper edges is dropped."""
    ny, nx = (size // block for size in image.shape)
    cut = image[: ny * block, : nx * block].astype(np.float64)
    sums: np.ndarray = cut.reshape(ny, block, nx, block).sum(axis=(1, 3))
    return sums
