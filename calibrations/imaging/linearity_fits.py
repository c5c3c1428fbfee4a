"""Measurement of linearizers from flats of growing exposure. NumPy in and out.

What is fitted is the mean of each pair of flats in one amplifier, in ADU, against the
light that fell: exposure time, or the charge a photodiode gathered. Kinds, formulas and
defaults are those of Rubin's ``cpLinearitySolve.py``.
"""

from dataclasses import dataclass, replace

import numpy as np

from calibrations.imaging.linearity import LinearityType, Linearizer
from calibrations.imaging.linearity_data import LinearityData, LinearitySettings
from calibrations.imaging.linearity_lines import (
    linearity_residuals,
    linearity_turnoff,
    outliers,
    reweighted_polynomial,
    within_turnoff,
)
from calibrations.imaging.linearity_splines import (
    SplineFit,
    double_spline_coefficients,
    fit_spline,
)

__all__ = ["LinearityData", "LinearitySettings", "fit_linearizers"]


def fit_linearizers(
    data: LinearityData, settings: LinearitySettings | None = None
) -> dict[str, Linearizer]:
    """Measure the linearizer of every amplifier of a detector.

    Parameters
    ----------
    data
        Pairs in any order. Pairs with a signal or a light that is not a positive
        number are left out.
    settings
        What to fit.

    Returns
    -------
    dict
        By amplifier, in the order given. An amplifier that cannot be measured (dead,
        saturated, too few pairs, a fit that does not converge) has a linearizer that
        is not ``valid`` and says why.
    """
    settings = settings or LinearitySettings()
    if settings.type == LinearityType.DOUBLE_SPLINE:
        return _fit_double_splines(data, settings)
    return {
        name: _fit_one(_Amplifier.of(data, i, settings), settings)
        for i, name in enumerate(data.amplifiers)
    }


@dataclass(frozen=True, eq=False)
class _Amplifier:
    """The pairs of one amplifier and which of them count."""

    name: str
    signals: np.ndarray
    abscissae: np.ndarray
    groups: np.ndarray
    exposures: np.ndarray
    used: np.ndarray
    """Usable and not above the turnoff."""

    errors: np.ndarray
    """Relative, of the signals; 0 where all weigh alike."""

    turnoff: float
    limit: float
    """Signal up to which the response is nearly linear."""

    problem: str = ""

    @classmethod
    def of(
        cls, data: LinearityData, i: int, settings: LinearitySettings
    ) -> "_Amplifier":
        """Find the turnoff of one amplifier and the pairs below it."""
        signals, abscissae = data.signals_adu[i].astype(float), data.abscissae
        with np.errstate(invalid="ignore"):
            usable = np.isfinite(signals) & np.isfinite(abscissae)
            usable &= (signals > 0) & (abscissae > 0)
        if data.used is not None:
            usable &= data.used[i]
        groups = data.groups if data.groups is not None else np.zeros(signals.size)
        limit = np.inf if data.linear_limit_adu is None else data.linear_limit_adu[i]
        turnoff = linearity_turnoff(
            abscissae,
            signals,
            usable & (signals <= limit) if np.isfinite(limit) else usable,
            groups,
            min_signal=settings.min_turnoff_adu,
            max_fraction=settings.max_fraction,
        )
        used = within_turnoff(
            abscissae,
            signals,
            usable,
            groups,
            turnoff,
            max_fraction=settings.max_fraction,
        )
        if not np.isfinite(limit):
            limit = turnoff
        name = data.amplifiers[i]
        problem = data.unusable.get(name, "")
        if not problem and not usable.any():
            problem = "no pair has a signal and light"
        elif not problem and not np.isfinite(turnoff):
            problem = "no run of pairs is linear within the limit: no turnoff"
        errors = np.zeros(signals.size)
        if data.errors_adu is not None:
            errors[usable] = np.nan_to_num(data.errors_adu[i, usable]) / signals[usable]
        return cls(
            name, signals, abscissae, groups, data.exposures, used, errors, turnoff,
            min(limit, turnoff), problem,
        )  # fmt: skip

    def needs(self, n_parameters: int) -> str:
        """Say what is wrong with fitting so many parameters, or nothing."""
        n_levels = np.unique(self.abscissae[self.used]).size
        if self.problem:
            return self.problem
        if min(int(self.used.sum()), n_levels) <= n_parameters:
            return (
                f"{int(self.used.sum())} usable pairs at {n_levels} levels of light do "
                f"not determine {n_parameters} parameters"
            )
        return ""


def _fit_one(one: _Amplifier, settings: LinearitySettings) -> Linearizer:
    """Fit one amplifier by itself."""
    kind = settings.type
    if kind in (LinearityType.NONE, LinearityType.PROPORTIONAL):
        return _described(one, Linearizer(one.name, kind), one.used)
    if kind == LinearityType.SPLINE:
        return _fit_spline(one, settings)
    order = 2 if kind == LinearityType.SQUARED else settings.polynomial_order
    if problem := one.needs(order + 1):
        return _invalid(one, kind, problem)
    return _fit_polynomial(one, settings, order)


def _fit_polynomial(
    one: _Amplifier, settings: LinearitySettings, order: int
) -> Linearizer:
    """Squared, Polynomial and LookupTable: signal as a polynomial of light."""
    line_range = one.used & (one.signals >= settings.min_linear_adu)
    line_range &= one.signals <= settings.max_linear_adu
    if line_range.sum() < 2:
        return _invalid(
            one,
            settings.type,
            f"fewer than 2 pairs lie between {settings.min_linear_adu:g} and "
            f"{settings.max_linear_adu:g} adu",
        )
    line, _, _ = reweighted_polynomial(
        one.abscissae[line_range], one.signals[line_range], 1
    )
    if not line[1] > 0:
        return _invalid(one, settings.type, "the signal does not grow with light")
    # In units of the expected signal all coefficients are of the same scale.
    expected = line[0] + line[1] * one.abscissae
    used = one.used & (one.signals >= settings.min_linear_adu)
    for _ in range(settings.min_rounds):
        params, errors, chi_squared = reweighted_polynomial(
            expected[used], one.signals[used], order
        )
        outlying = outliers(
            one.signals - np.polynomial.polynomial.polyval(expected, params),
            np.sqrt(np.abs(one.signals)),
            used,
            settings.clip_sigma,
        )
        if not outlying.any() or used.sum() - outlying.sum() <= order + 1:
            break
        used &= ~outlying
    k1 = params[1]
    if not k1 > 0:
        return _invalid(one, settings.type, "the signal does not grow with light")
    coeffs = -params[2:] / k1 ** np.arange(2, order + 1)
    stored = {"coeffs": coeffs}
    if settings.type == LinearityType.LOOKUP_TABLE:
        top = min(settings.max_table_adu, int(one.signals[used].max()) + 2)
        stored = {"table": _lookup_table(params, top)}
    linearizer = Linearizer(
        one.name,
        settings.type,
        **stored,
        fit_params=params,
        fit_params_err=errors,
        fit_chi_squared=chi_squared,
        # The fit's light is the line's signal: undone here.
        linear_fit=np.array([params[0] + k1 * line[0], k1 * line[1]]),
    )
    return _described(one, linearizer, used)


def _lookup_table(params: np.ndarray, n: int) -> np.ndarray:
    """Tabulate what is to be added at 0, 1, … n − 1 ADU.

    The polynomial gives the signal that is read for an ideal one; the table is asked
    the other way round, so it is inverted (upstream enters it with the ideal signal).
    """
    read = np.arange(n, dtype=float)
    powers = params.copy()
    powers[0] = 0.0  # a level is not a non-linearity
    slopes = np.polynomial.polynomial.polyder(powers)
    ideal = read / powers[1]
    for _ in range(8):
        excess = np.polynomial.polynomial.polyval(ideal, powers) - read
        ideal -= excess / np.polynomial.polynomial.polyval(ideal, slopes)
    table: np.ndarray = powers[1] * ideal - read
    return table


def _fit_spline(one: _Amplifier, settings: LinearitySettings) -> Linearizer:
    """Fit one spline against light."""
    n_groups = np.unique(one.groups[one.used]).size
    n_parameters = settings.n_nodes - 1 + n_groups + settings.fit_offset
    if problem := one.needs(n_parameters):
        return _invalid(one, settings.type, problem)
    fit = _spline_of(one, settings, one.abscissae, fit_offset=settings.fit_offset)
    if fit is None:
        return _invalid(one, settings.type, "the spline fit did not converge")
    linearizer = Linearizer(
        one.name,
        settings.type,
        coeffs=np.concatenate([fit.nodes, fit.values]),
        fit_params=np.concatenate([fit.values, fit.slopes, [fit.offset]]),
        fit_params_err=fit.errors,
        fit_chi_squared=fit.chi_squared,
        linear_fit=np.array([fit.offset, float(np.mean(fit.slopes))]),
    )
    return _described(one, linearizer, fit.used)


def _spline_of(
    one: _Amplifier,
    settings: LinearitySettings,
    abscissae: np.ndarray,
    *,
    fit_offset: bool,
) -> SplineFit | None:
    """Fit a spline to the pairs of one amplifier; None where that fails."""
    return fit_spline(
        one.signals,
        abscissae,
        one.groups,
        one.used,
        errors=one.errors,
        n_nodes=settings.n_nodes,
        knot_power=settings.knot_power,
        linear_limit=one.limit,
        fit_offset=fit_offset,
        clip_sigma=settings.clip_sigma,
        min_rounds=settings.min_rounds,
        max_rounds=settings.max_rounds,
        max_rejected=settings.max_rejected,
    )


def _fit_double_splines(
    data: LinearityData, settings: LinearitySettings
) -> dict[str, Linearizer]:
    """Fit every amplifier against the best one, and that one against light.

    The lamp's fluctuations are common to amplifiers, so the relative spline is free of
    them.
    """
    kind = settings.type
    amplifiers = [_Amplifier.of(data, i, settings) for i in range(len(data.amplifiers))]
    reference = _reference_amplifier(amplifiers, data.noise_e, settings)
    if reference is None:
        why = "no amplifier is fit to be the reference"
        return {one.name: _invalid(one, kind, one.problem or why) for one in amplifiers}
    absolute = _spline_of(
        reference, settings, reference.abscissae, fit_offset=settings.fit_offset
    )
    if absolute is None:
        why = f"the spline of the reference amplifier {reference.name} did not converge"
        return {one.name: _invalid(one, kind, why) for one in amplifiers}
    at = int(np.argmin(_distance(reference, settings.reference_adu)))
    linearizers = {}
    for one in amplifiers:
        scale = one.signals[at] / reference.signals[at]
        relative = None
        problem = one.needs(settings.n_nodes) if one is not reference else ""
        if not problem and one is not reference:
            joint = replace(one, used=one.used & reference.used)
            if problem := joint.needs(settings.n_nodes):
                linearizers[one.name] = _invalid(one, kind, problem)
                continue
            relative = _spline_of(
                joint, settings, reference.signals * scale, fit_offset=False
            )
            problem = "" if relative else "the relative spline did not converge"
        if problem:
            linearizers[one.name] = _invalid(one, kind, problem)
            continue
        fit = relative or absolute
        linearizer = Linearizer(
            one.name,
            kind,
            coeffs=double_spline_coefficients(relative, absolute, scale),
            fit_params=np.concatenate([fit.values, fit.slopes, [fit.offset]]),
            fit_params_err=fit.errors,
            fit_chi_squared=fit.chi_squared,
            linear_fit=np.array([absolute.offset, absolute.slopes.mean()]) * scale,
        )
        linearizers[one.name] = _described(one, linearizer, fit.used)
    return linearizers


def _reference_amplifier(
    amplifiers: list[_Amplifier],
    noise_e: np.ndarray | None,
    settings: LinearitySettings,
) -> _Amplifier | None:
    """Take the quiet amplifier whose response reaches furthest."""
    candidates = [
        one
        for i, one in enumerate(amplifiers)
        if not one.needs(settings.n_nodes + settings.fit_offset)
        and (noise_e is None or noise_e[i] <= settings.max_reference_noise_e)
    ]
    return max(candidates, key=lambda one: one.turnoff, default=None)


def _distance(one: _Amplifier, signal: float) -> np.ndarray:
    """How far each used pair is from a signal."""
    distance: np.ndarray = np.where(one.used, np.abs(one.signals - signal), np.inf)
    return distance


def _described(one: _Amplifier, linearizer: Linearizer, used: np.ndarray) -> Linearizer:
    """Add turnoff, residuals and inputs to a linearizer."""
    corrected = linearizer.linearize(one.signals).astype(float)
    if np.isfinite(linearizer.linear_fit[0]):
        corrected -= linearizer.linear_fit[0]
    residuals = linearity_residuals(one.abscissae, corrected, used, one.groups)
    usable = np.isfinite(one.signals) & (np.nan_to_num(one.signals) > 0)
    return replace(
        linearizer,
        turnoff_adu=one.turnoff,
        max_signal_adu=float(one.signals[usable].max()) if usable.any() else np.nan,
        exposures=one.exposures,
        signals_adu=one.signals,
        abscissae=one.abscissae,
        residuals=np.where(used, residuals, np.nan),
        used=used,
        valid=not one.problem,
        reason=one.problem,
    )


def _invalid(one: _Amplifier, kind: LinearityType, why: str) -> Linearizer:
    """Give a linearizer that says why there is none."""
    return Linearizer(
        one.name,
        kind,
        turnoff_adu=one.turnoff,
        exposures=one.exposures,
        signals_adu=one.signals,
        abscissae=one.abscissae,
        residuals=np.full(one.signals.size, np.nan),
        used=one.used,
        valid=False,
        reason=why,
    )
