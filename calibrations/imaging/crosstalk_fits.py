"""Measurement of crosstalk coefficients from bright pixels. NumPy in and out.

With s the source's pixel, b its background and t what stands above the background in
the target, t = Σ c (s − b) + q (s² − b²) over the sources: the background holds the
ghost of a source's background already. Clipping and limits are those of Rubin's
``cpCrosstalk.py``, which fits pair by pair.
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

FIRST_SIGMA = 6.0
"""The first clipping, before anything is fitted, only takes stars and cosmic rays."""

MIN_EXPOSURES = 4
"""From which their disagreement is told."""

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
    columns = [_measure(samples, i, settings) for i in range(len(names))]
    values = {
        name: np.stack([getattr(one, name) for one in columns], axis=1)
        for name in ("linear", "linear_err", "square", "square_err", "ghost", "count")
    }
    errors, ghosts = values["linear_err"], values["ghost"]
    if prior_errors is not None:
        with np.errstate(invalid="ignore", divide="ignore"):
            own = errors / np.hypot(errors, np.nan_to_num(prior_errors))
        ghosts = ghosts * np.nan_to_num(own)
    return CrosstalkMatrix(
        amplifiers=names,
        coeffs=values["linear"],
        squared=values["square"],
        errors=errors,
        valid=np.abs(ghosts) > settings.significance,
        squared_errors=values["square_err"],
        counts=values["count"].astype(np.int64),
    )


@dataclass(frozen=True, eq=False)
class _Column:
    """Coefficients of all sources on one target, shape (n,) each."""

    linear: np.ndarray
    linear_err: np.ndarray
    square: np.ndarray
    square_err: np.ndarray
    ghost: np.ndarray
    """Of the middle of a source's bright pixels, in its errors."""

    count: np.ndarray

    @classmethod
    def empty(cls, n: int, target: int) -> "_Column":
        """Nothing measured; the target has none of itself."""
        nan = np.full(n, np.nan)
        linear = nan.copy()
        linear[target] = 0.0
        zero = np.zeros(n)
        return cls(linear, nan.copy(), zero, nan.copy(), zero.copy(), zero.copy())


def _measure(
    samples: Sequence[BrightPixels], target: int, settings: CrosstalkSettings
) -> _Column:
    """Fit the ghosts of all sources on one target together.

    Where spots are crowded one place holds ghosts of several sources.
    """
    n = len(samples[0].amplifiers)
    column = _Column.empty(n, target)
    signals, levels, bright, good = _joined(samples, target)
    ghosts = signals[target]
    bright[target] = False
    with np.errstate(invalid="ignore"):
        brightest = np.nanmax(np.where(bright, signals, -np.inf), axis=0, initial=1.0)
        good &= bright.any(axis=0) & np.isfinite(ghosts)
        good &= np.abs(ghosts) < settings.max_ratio * brightest
    counts = (bright & good).sum(axis=1)
    column.count[:] = counts
    sources = np.flatnonzero(counts >= settings.min_pixels)
    if not sources.size:
        return column
    design, terms, middles = _design(signals, levels, bright, good, sources, settings)
    params, sigma, kept = _clipped_fit(design, ghosts[good])
    if not sigma > 0:
        return column
    inverse = np.linalg.pinv(design.T @ design)
    covariance = CLIP_VARIANCE * sigma**2 * inverse
    covariance += _background_covariance(samples, target, good, design @ inverse)
    covariance *= _excess(
        samples,
        good,
        kept,
        (ghosts[good] - design @ params)[:, None] * design,
        inverse,
        covariance,
    )
    column.count[:] = (bright[:, good] & kept).sum(axis=1)
    for source, middle in zip(sources, middles, strict=True):
        mine = np.flatnonzero(terms == source)
        scale = middle ** np.arange(1, mine.size + 1)
        block = covariance[np.ix_(mine, mine)]
        values, errors = params[mine] / scale, np.sqrt(np.diag(block)) / scale
        column.linear[source], column.linear_err[source] = values[0], errors[0]
        if mine.size > 1:
            column.square[source], column.square_err[source] = values[1], errors[1]
        # At the middle flux, where errors of the two terms cancel.
        column.ghost[source] = params[mine].sum() / np.sqrt(block.sum())
    return column


def _joined(
    samples: Sequence[BrightPixels], target: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Join the exposures: signals, levels, bright, and the usable places."""
    signals, levels, bright = (
        np.concatenate([getattr(sample, name) for sample in samples], axis=1)
        for name in ("signals", "levels", "bright")
    )
    good = np.concatenate([sample.usable[target] for sample in samples])
    return signals.astype(float), levels.astype(float), bright, good


def _design(
    signals: np.ndarray,
    levels: np.ndarray,
    bright: np.ndarray,
    good: np.ndarray,
    sources: np.ndarray,
    settings: CrosstalkSettings,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the terms of every source in units of its middle flux, and these."""
    columns, terms, middles = [], [], []
    for source in sources:
        signal = np.nan_to_num(signals[source, good])
        lit = signals[source, good & bright[source]]
        low, middle, high = np.percentile(lit, [10, 50, 90])
        columns.append(signal / middle)
        terms.append(source)
        middles.append(middle)
        if settings.flux_order and high > SPREAD_FLUX * low:
            # s² − b² of the whole pixel s, with s − b at hand.
            level = np.nan_to_num(levels[source, good])
            columns.append(signal * (signal + 2 * level) / middle**2)
            terms.append(source)
    return np.column_stack(columns), np.array(terms), np.array(middles)


def _clipped_fit(
    design: np.ndarray, ghosts: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray]:
    """Least squares of what three passes of clipping keep.

    Residuals in electrons are clipped, whose scatter is that of the target and the same
    at any flux; upstream clips ratios, whose scatter is not.
    """
    params = np.zeros(design.shape[1])
    kept = np.ones(ghosts.size, bool)
    for _ in range(CLIP_PASSES + 1):
        residuals = ghosts - design @ params
        q25, middle, q75 = np.quantile(residuals, [0.25, 0.5, 0.75])
        width = IQR_TO_SIGMA * (q75 - q25)
        # At first nothing is fitted, and the ghosts themselves lift the middle.
        centre = middle if not params.any() else 0.0
        reach = CLIP_SIGMA if params.any() else FIRST_SIGMA
        now = np.abs(residuals - centre) <= reach * width
        if now.sum() <= design.shape[1]:
            break
        kept = now
        params, *_ = np.linalg.lstsq(design[kept], ghosts[kept], rcond=None)
    left = (ghosts - design @ params)[kept]
    degrees = max(left.size - design.shape[1], 1)
    sigma = float(np.sqrt((left**2).sum() / degrees)) / TRUNCATED_SIGMA
    return params, sigma, kept


def _excess(
    samples: Sequence[BrightPixels],
    good: np.ndarray,
    kept: np.ndarray,
    scores: np.ndarray,
    inverse: np.ndarray,
    covariance: np.ndarray,
) -> float:
    """Tell by how much exposures disagree beyond a covariance, 1 if they do not.

    Structure of the background finer than its blocks, such as fringes, is common to
    neighbouring pixels: exposures, which have their spots elsewhere, show it.
    """
    sizes = [sample.signals.shape[1] for sample in samples]
    exposure = np.repeat(np.arange(len(sizes)), sizes)[good]
    sums = np.stack([scores[kept & (exposure == i)].sum(axis=0) for i in set(exposure)])
    n, n_params = sums.shape
    if n < MIN_EXPOSURES:
        return 1.0
    # Clipped scores are to a plain mean's as the mean's own variance, twice over.
    seen = CLIP_VARIANCE**2 * (sums @ inverse).T @ (sums @ inverse)
    ratio = float(np.mean(np.diag(seen) / np.diag(covariance))) * n / (n - 1)
    return ratio if ratio > 1 + 3 * np.sqrt(2 / (n * n_params)) else 1.0


def _background_covariance(
    samples: Sequence[BrightPixels],
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
        stop = start + sample.signals.shape[1]
        here = good[start:stop]
        rows, columns = sample.row_weights[here], sample.column_weights[here]
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
