"""Gains, noise and brighter-fatter coefficients from measured pairs of flats."""

import numpy as np

from calibrations.imaging.ptc import (
    FitType,
    FlatPairs,
    PhotonTransferCurve,
    PtcSettings,
)
from calibrations.imaging.ptc_covariance_fits import (
    FullCovarianceFit,
    fit_full_covariance,
)
from calibrations.imaging.ptc_fits import ExpFits, fit_exp_approximation
from calibrations.imaging.ptc_models import exp_approximation, full_covariance
from calibrations.imaging.ptc_outliers import (
    Turnoff,
    find_turnoff,
    fit_rolloff,
    reject_pairs,
)

__all__ = ["solve_ptc"]

NAN = float("nan")


def solve_ptc(
    pairs: FlatPairs, settings: PtcSettings | None = None
) -> list[PhotonTransferCurve]:
    """Fit the photon transfer curves of all amplifiers of a detector.

    Parameters
    ----------
    pairs
        Measured pairs.
    settings
        Choices.

    Returns
    -------
    list
        One for each amplifier, in their order. An amplifier that could not be fitted
        is bad, with NaN for its numbers and the reason in words.

    Notes
    -----
    `cp_pipe`'s ``cpPtcSolve``: outliers are rejected by equation 16 of Astier+19,
    whatever the fit; EXPAPPROXIMATION then fits that equation with weights, the full
    fits equation 20 with all covariances.
    """
    settings = settings or PtcSettings()
    kept = reject_pairs(
        pairs.means_adu,
        pairs.variances_adu2,
        pairs.usable,
        settings.outliers,
        errors_adu2=1.0 / pairs.sqrt_weights[:, :, 0, 0],
    )
    fits = _weighted_fits(pairs, kept)
    if settings.model_rolloff:
        for i, parameters in enumerate(fits.parameters):
            means, variances = pairs.means_adu[i], pairs.variances_adu2[i]
            turnoff = fit_rolloff(
                means, variances, kept[i], parameters, settings.outliers
            )
            kept[i] &= means <= turnoff
        fits = _weighted_fits(pairs, kept)
    return [
        _solve_amplifier(pairs, i, kept[i], fits, settings)
        for i in range(len(pairs.amplifiers))
    ]


def _weighted_fits(pairs: FlatPairs, kept: np.ndarray) -> ExpFits:
    """Fit the variances of the kept pairs, by their errors."""
    weights = np.where(kept, pairs.sqrt_weights[:, :, 0, 0], 0.0)
    return fit_exp_approximation(pairs.means_adu, pairs.variances_adu2, weights)


def _solve_amplifier(
    pairs: FlatPairs,
    i: int,
    kept: np.ndarray,
    fits: ExpFits,
    settings: PtcSettings,
) -> PhotonTransferCurve:
    """Put the curve of one amplifier together."""
    n_lags = pairs.covariances_adu2.shape[-1]
    full: FullCovarianceFit | None = None
    reason = _why_bad(pairs, i, kept, fits, settings)
    if not reason and settings.fit_type is not FitType.EXPAPPROXIMATION:
        full = _full_fit(pairs, i, kept, float(fits.parameters[i, 1]), settings)
        if not full.converged or not full.gain > 0:
            reason = "the fit of the covariances did not converge"
    if reason:
        none = np.full(3, NAN)
        return _curve(
            pairs,
            i,
            settings.fit_type,
            np.zeros_like(kept),
            none,
            none,
            NAN,
            Turnoff(NAN, NAN),
            FullCovarianceFit.impossible(kept.size, n_lags),
            reason,
        )
    turnoff = find_turnoff(pairs.means_adu[i], kept)
    values, errors = fits.parameters[i], fits.errors[i]
    chi_squared = float(fits.chi_squared[i])
    if full is not None:
        values = np.array([full.a[0, 0], full.gain, full.noise_e2[0, 0]])
        errors = np.array(
            [full.a_error[0, 0], full.gain_error, full.noise_e2_error[0, 0]]
        )
        chi_squared = full.chi_squared
    else:
        full = FullCovarianceFit.impossible(kept.size, n_lags)
    return _curve(
        pairs,
        i,
        settings.fit_type,
        kept,
        values,
        errors,
        chi_squared,
        turnoff,
        full,
        "",
    )


def _why_bad(
    pairs: FlatPairs,
    i: int,
    kept: np.ndarray,
    fits: ExpFits,
    settings: PtcSettings,
) -> str:
    """Say why an amplifier cannot be measured; empty if it can."""
    needed = settings.min_pairs
    if settings.fit_type is not FitType.EXPAPPROXIMATION:
        needed = max(needed, pairs.covariances_adu2.shape[-1])
    if kept.sum() < needed:
        flags = sorted({flag for flag in pairs.flags[i] if flag})
        why = f" ({'; '.join(flags)})" if flags else ""
        usable = int(pairs.usable[i].sum())
        if usable < needed:
            return (
                f"{usable} of {kept.size} pairs are usable where {needed} are "
                f"needed{why}"
            )
        return (
            f"{int(kept.sum())} of {kept.size} pairs lie on one curve where {needed} "
            f"are needed{why}"
        )
    if not fits.converged[i]:
        return "the fit of the variances did not converge"
    low, high = 0.1, 10.0
    if not low < fits.parameters[i, 1] < high:
        return f"the gain lies at the bounds of the fit, {low} to {high}"
    return ""


def _full_fit(
    pairs: FlatPairs, i: int, kept: np.ndarray, gain: float, settings: PtcSettings
) -> FullCovarianceFit:
    """Fit all covariances of the kept pairs."""
    weights = np.where(kept[:, np.newaxis, np.newaxis], pairs.sqrt_weights[i], 0.0)
    return fit_full_covariance(
        pairs.means_adu[i],
        pairs.covariances_adu2[i],
        weights,
        with_b=settings.fit_type is FitType.FULLCOVARIANCE,
        gain_start=gain,
        clip_sigma=settings.clip_sigma,
        max_iterations=settings.max_iterations,
    )


def _curve(
    pairs: FlatPairs,
    i: int,
    fit_type: FitType,
    kept: np.ndarray,
    values: np.ndarray,
    errors: np.ndarray,
    chi_squared: float,
    turnoff: Turnoff,
    full: FullCovarianceFit,
    reason: str,
) -> PhotonTransferCurve:
    """Fill in the record."""
    means = pairs.means_adu[i]
    if fit_type is FitType.EXPAPPROXIMATION:
        models = np.full_like(pairs.covariances_adu2[i], NAN)
        variances = exp_approximation(means, *values)
    else:
        models = full_covariance(means, full.a, full.c, full.noise_e2, full.gain)
        variances = models[:, 0, 0]
    noise = float(np.sqrt(abs(values[2])))
    return PhotonTransferCurve(
        amplifier=pairs.amplifiers[i],
        fit_type=fit_type,
        gain=float(values[1]),
        gain_unadjusted=float(values[1]),
        gain_error=float(errors[1]),
        noise_e=noise,
        noise_error_e=0.5 * float(errors[2]) / noise if noise > 0 else NAN,
        a00=float(values[0]),
        a00_error=float(errors[0]),
        turnoff_adu=turnoff.signal_adu,
        turnoff_error_adu=turnoff.sampling_error_adu,
        chi_squared=chi_squared,
        a_matrix=full.a,
        b_matrix=full.b,
        noise_matrix_e2=full.noise_e2,
        exposures=pairs.exposures,
        used=kept,
        exposure_times_s=pairs.exposure_times_s,
        raw_means_adu=means,
        raw_variances_adu2=pairs.variances_adu2[i],
        model_variances_adu2=variances,
        row_mean_variances_adu2=pairs.row_mean_variances[i],
        n_columns=pairs.n_columns[i],
        noises_adu=pairs.noises_adu[i],
        noise_errors_adu=pairs.noise_errors_adu[i],
        pair_gains=pairs.gains[i],
        covariances_adu2=pairs.covariances_adu2[i],
        covariance_sqrt_weights=pairs.sqrt_weights[i],
        covariance_models_adu2=models,
        pair_flags=pairs.flags[i],
        bad=bool(reason),
        reason=reason,
    )
