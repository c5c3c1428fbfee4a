"""Measurement of crosstalk coefficients from bright pixels. NumPy in and out.

With s the source's pixel, b its background and t what stands above the background in
the target, t = c (s − b) + q (s² − b²): the background holds the ghost of the source's
background already. Clipping and limits are those of Rubin's ``cpCrosstalk.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibrations.imaging.crosstalk import CrosstalkMatrix
from calibrations.imaging.crosstalk_pixels import (
    CLIP_PASSES,
    CLIP_SIGMA,
    CLIP_VARIANCE,
    BrightPixels,
)
from calibrations.imaging.errors import ImageError
from calibrations.imaging.statistics import IQR_TO_SIGMA

__all__ = ["CrosstalkSettings", "filter_outliers", "fit_crosstalk"]

TRUNCATED_SIGMA = 0.8796
"""Standard deviation of a Gaussian cut at 2 σ over that of the whole."""

SPREAD_FLUX = 1.3
"""Ratio of the 90th to the 10th percentile of fluxes from which a quadratic term can be
told from the linear one."""


@dataclass(frozen=True)
class CrosstalkSettings:
    """Choices of the fit; defaults as upstream."""

    flux_order: int = 0
    """0: linear; 1: a quadratic term as well."""

    significance: float = 3.0
    """A coefficient is valid beyond so many of its errors."""

    max_ratio: float = 1.0
    """A target as bright as that against its source is no ghost."""

    min_pixels: int = 50
    """With fewer the scatter, and so the error, is itself uncertain by a sixth."""


@dataclass(frozen=True)
class _Coefficient:
    """One element of the matrix."""

    linear: float = float("nan")
    linear_err: float = float("nan")
    square: float = 0.0
    square_err: float = float("nan")
    significance: float = 0.0
    """Of the ghost at the middle of the fluxes, in errors."""

    count: int = 0


def fit_crosstalk(
    samples: Sequence[BrightPixels],
    settings: CrosstalkSettings | None = None,
    *,
    prior_errors: np.ndarray | None = None,
) -> CrosstalkMatrix:
    """Measure the crosstalk between the amplifiers of a detector.

    Parameters
    ----------
    samples
        Bright pixels of each exposure, all of the same amplifiers.
    settings
        Choices of the fit.
    prior_errors
        Shape (n, n): errors of a matrix the pixels were corrected with; they count for
        the significance of what is left.

    Returns
    -------
    CrosstalkMatrix
        NaN, and not valid, where fewer than ``min_pixels`` bright pixels are. Errors
        hold the noise of the target's pixels and of its background, and what clipping
        costs.
    """
    settings = settings or CrosstalkSettings()
    if not samples:
        raise ImageError("No exposure was given to measure crosstalk on.")
    names = samples[0].amplifiers
    if any(sample.amplifiers != names for sample in samples):
        raise ImageError("The exposures are not of the same amplifiers.")
    n = len(names)
    elements = [
        [_measure(samples, source, target, settings) for target in range(n)]
        for source in range(n)
    ]

    def matrix(name: str) -> np.ndarray:
        return np.array([[getattr(one, name) for one in row] for row in elements])

    coeffs, errors = matrix("linear"), matrix("linear_err")
    significance = matrix("significance")
    if prior_errors is not None:
        with np.errstate(invalid="ignore", divide="ignore"):
            own = errors / np.hypot(errors, np.nan_to_num(prior_errors))
        significance = significance * np.nan_to_num(own)
    np.fill_diagonal(coeffs, 0.0)
    return CrosstalkMatrix(
        amplifiers=names,
        coeffs=coeffs,
        squared=matrix("square"),
        errors=errors,
        valid=np.abs(significance) > settings.significance,
        squared_errors=matrix("square_err"),
        counts=matrix("count").astype(np.int64),
    )


def _measure(
    samples: Sequence[BrightPixels],
    source: int,
    target: int,
    settings: CrosstalkSettings,
) -> _Coefficient:
    """Fit one element."""
    if source == target:
        return _Coefficient()
    fluxes, levels, ghosts = _joined(samples, source, target)
    with np.errstate(invalid="ignore", divide="ignore"):
        good = np.isfinite(ghosts) & np.isfinite(levels)
        good &= np.abs(ghosts / fluxes) < settings.max_ratio
    if good.sum() < settings.min_pixels:
        return _Coefficient(count=int(good.sum()))
    fluxes, levels, ghosts = fluxes[good], levels[good], ghosts[good]
    low, middle, high = np.percentile(fluxes, [10, 50, 90])
    # In units of the middle flux both terms are of one size.
    design = ((fluxes - levels) / middle)[:, None]
    if settings.flux_order and high > SPREAD_FLUX * low:
        square = (fluxes**2 - levels**2) / middle**2
        design = np.hstack([design, square[:, None]])
    params, sigma, kept = _clipped_fit(design, ghosts)
    if not sigma > 0 or kept < settings.min_pixels:
        return _Coefficient(count=kept)
    inverse = np.linalg.pinv(design.T @ design)
    covariance = CLIP_VARIANCE * sigma**2 * inverse
    covariance += _background_covariance(
        samples, source, target, good, design @ inverse
    )
    # The ghost at the middle flux, where errors of the two terms cancel.
    ghost, ghost_err = params.sum(), float(np.sqrt(covariance.sum()))
    scale = middle ** np.arange(1, params.size + 1)
    values, errors = params / scale, np.sqrt(np.diag(covariance)) / scale
    has_square = params.size > 1
    return _Coefficient(
        linear=float(values[0]),
        linear_err=float(errors[0]),
        square=float(values[1]) if has_square else 0.0,
        square_err=float(errors[1]) if has_square else float("nan"),
        significance=float(ghost / ghost_err),
        count=kept,
    )


def _joined(
    samples: Sequence[BrightPixels], source: int, target: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join the exposures: fluxes, levels of the source, ghosts."""
    return (
        np.concatenate([s.fluxes[source] for s in samples]).astype(float),
        np.concatenate([s.levels[source] for s in samples]).astype(float),
        np.concatenate([s.ghosts[source][target] for s in samples]).astype(float),
    )


def _clipped_fit(
    design: np.ndarray, ghosts: np.ndarray
) -> tuple[np.ndarray, float, int]:
    """Least squares of what three passes of clipping keep, from the median ratio on.

    Residuals in electrons are clipped, whose scatter is that of the target and the same
    at any flux; upstream clips ratios, whose scatter is not.
    """
    params = np.zeros(design.shape[1])
    params[0] = np.median(ghosts / design[:, 0])
    kept = np.ones(ghosts.size, bool)
    for _ in range(CLIP_PASSES):
        residuals = ghosts - design @ params
        q25, q75 = np.quantile(residuals, [0.25, 0.75])
        width = IQR_TO_SIGMA * (q75 - q25)
        now = np.abs(residuals) <= CLIP_SIGMA * width
        if now.sum() <= design.shape[1]:
            break
        kept = now
        params, *_ = np.linalg.lstsq(design[kept], ghosts[kept], rcond=None)
    left = (ghosts - design @ params)[kept]
    degrees = max(left.size - design.shape[1], 1)
    sigma = float(np.sqrt((left**2).sum() / degrees)) / TRUNCATED_SIGMA
    return params, sigma, int(kept.sum())


def _background_covariance(
    samples: Sequence[BrightPixels],
    source: int,
    target: int,
    good: np.ndarray,
    influence: np.ndarray,
) -> np.ndarray:
    """Error of the target's background, common to the pixels of an exposure.

    ``influence``, shape (n good pixels, n parameters), is what an electron in a pixel
    changes in each parameter.
    """
    covariance = np.zeros((influence.shape[1],) * 2)
    start = used = 0
    for sample in samples:
        stop = start + sample.fluxes[source].size
        here = good[start:stop]
        rows = sample.row_weights[source][here]
        columns = sample.column_weights[source][here]
        part = influence[used : used + len(rows)]
        blocks = np.einsum("pk,pr,pc->krc", part, rows, columns, optimize=True)
        variances = np.nan_to_num(sample.level_variances[target])
        covariance += np.einsum("krc,rc,lrc->kl", blocks, variances, blocks)
        start, used = stop, used + len(rows)
    return covariance


def filter_outliers(
    matrices: Sequence[CrosstalkMatrix],
    *,
    sigma: float = 3.0,
    sigma_squared: float = 6.0,
    significance: float = 3.0,
) -> list[CrosstalkMatrix]:
    """Replace what stands out of the detectors of one vendor by their median.

    Parameters
    ----------
    matrices
        Of detectors of one vendor, amplifiers in the same order. Fewer than three are
        given back as they are.
    sigma, sigma_squared
        A linear (quadratic) term is an outlier beyond so many sigmas of the detectors'
        robust scatter and its own error; one that was not measured is one too.
    significance
        For a replaced coefficient to be valid, in errors of the median.
    """
    if len(matrices) < 3:
        return list(matrices)
    if len({one.coeffs.shape for one in matrices}) > 1:
        raise ImageError("Detectors with other numbers of amplifiers do not compare.")
    linear = np.array([one.coeffs for one in matrices])
    square = np.array([one.squared for one in matrices])
    centre, spread = _median_and_spread(linear)
    centre_sq, spread_sq = _median_and_spread(square)
    with np.errstate(invalid="ignore"):
        counts = np.isfinite(linear).sum(axis=0)
        error = 1.2533 * spread / np.sqrt(np.maximum(counts, 1))
        known = np.isfinite(centre) & (np.abs(centre) > significance * error)
    return [
        _filtered(one, (centre, spread, sigma), (centre_sq, spread_sq, sigma_squared),
                  known)
        for one in matrices
    ]  # fmt: skip


def _median_and_spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median over detectors and their normalised median deviation, NaN left out."""
    with np.errstate(invalid="ignore"):
        masked = np.ma.masked_invalid(values)
        centre = np.ma.median(masked, axis=0)
        spread = 1.482602218505602 * np.ma.median(np.abs(masked - centre), axis=0)
    return np.ma.filled(centre, np.nan), np.ma.filled(spread, np.nan)


def _filtered(
    one: CrosstalkMatrix,
    linear: tuple[np.ndarray, np.ndarray, float],
    square: tuple[np.ndarray, np.ndarray, float],
    known: np.ndarray,
) -> CrosstalkMatrix:
    """Replace the outliers of one detector."""
    out = np.zeros(one.coeffs.shape, bool)
    for values, errors, (centre, spread, sigma) in (
        (one.coeffs, one.errors, linear),
        (one.squared, one.squared_errors, square),
    ):
        with np.errstate(invalid="ignore"):
            scale = np.hypot(spread, np.nan_to_num(errors))
            out |= np.abs(values - centre) > sigma * scale
    out |= ~np.isfinite(one.coeffs)
    np.fill_diagonal(out, False)
    out &= np.isfinite(linear[0])
    return replace(
        one,
        coeffs=np.where(out, linear[0], one.coeffs),
        squared=np.where(out, square[0], one.squared),
        errors=np.where(out, linear[1], one.errors),
        valid=np.where(out, known, one.valid),
        replaced=out,
    )
