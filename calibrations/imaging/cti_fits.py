"""Measurement of deferred charge from the overscan of flats. NumPy in and out.

The model is `calibrations.imaging.cti_response.overscan_model`. Limits, ranges and
starting values are those of Rubin's ``cpCtiSolve.py``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, least_squares

from calibrations.imaging.cti import DeferredCharge, SerialTrap
from calibrations.imaging.cti_overscan import OverscanProfile
from calibrations.imaging.cti_response import (
    EDGE_COLUMNS,
    cti_turnoff,
    extended_pixel_edge_response,
    overscan_model,
)
from calibrations.imaging.errors import ImageError

__all__ = ["CtiSettings", "fit_deferred_charge"]

FULL_E = 2e4
"""Signal from which a trap holds all it can, at the latest."""

FULL = 4
"""Place of that signal among all parameters."""

FULL_GRID = (1.6, 1.75, 1.9, 2.05, 2.25, 2.6, 3.2, 3.9)
LOG_FULL_STARTS = (1.8, 3.6)
TRAP_BOUNDS = (
    (-12.0, 0.0, 1.0, 0.1),
    (-5.0, 30.0, float(np.log10(FULL_E)), 1.0),
)
"""Of log10 of the global loss, and of size (e), log10 of the signal that fills it, and
emission time (transfers) of a trap."""


@dataclass(frozen=True)
class CtiSettings:
    """Choices of the fit; defaults as upstream. Columns count from 1, ends included."""

    max_signal_e: float = 150000.0
    drift_columns: tuple[int, int] = (3, 13)
    max_cti_signal_e: float = 10000.0
    cti_columns: tuple[int, int] = (1, 15)
    trap_columns: tuple[int, int] = (1, 2)
    turnoff_range: float = 1e-5
    """Responses beyond ± this are not looked at for the turnoff."""

    turnoff_sigma: float = 1.0
    turnoff_passes: int = 5
    trap_gain: float = 16.0
    """A trap is fitted beside the global loss where it lowers χ² by more than this, for
    three parameters. Upstream asks for a median response above 5e-6, which a trap of
    5 electrons reaches in faint flats only: its charge then goes to the global loss."""

    fit_trap: bool = True
    """False for E2V, which have none: an empty trap is stored."""

    column_error_e: float = 7.0 / np.sqrt(2000.0)
    """Error of a column's mean where the profile gives none."""


def fit_deferred_charge(
    amplifier: str,
    profiles: Sequence[OverscanProfile],
    *,
    settings: CtiSettings | None = None,
    turnoff_e: float = float("inf"),
    input_gain: float = 1.0,
) -> DeferredCharge:
    """Measure the deferred charge of one amplifier.

    Parameters
    ----------
    amplifier
        Its name.
    profiles
        Of flats of any order; those with a NaN or without signal are left out.
    settings
        Choices of the fit.
    turnoff_e
        Turnoff of the photon transfer curve, in electrons: brighter flats tell nothing
        of the trap.
    input_gain
        Electrons per ADU of the profiles, kept with the result.

    Returns
    -------
    DeferredCharge
        Not ``valid``, with the reason, for an amplifier without usable flats.
    """
    settings = settings or CtiSettings()
    good = sorted(
        (one for one in profiles if one.is_usable), key=lambda one: one.signal_e
    )
    charge = DeferredCharge(amplifier, input_gain=input_gain)
    if not good:
        return replace(charge, valid=False, reason="no flat has signal and overscan")
    for what, columns in (
        ("drift", settings.drift_columns), ("CTI", settings.cti_columns)
    ):  # fmt: skip
        if good[0].serial_e.size < columns[1]:
            raise ImageError(
                f"The {what} fit needs {columns[1]} overscan columns, and amplifier "
                f"{amplifier} has {good[0].serial_e.size}."
            )
    charge = _with_edge_response(charge, good, settings)
    moderate = [one for one in good if one.signal_e < settings.max_signal_e]
    if len(moderate) < 2:
        why = f"fewer than 2 flats are below {settings.max_signal_e:g} electrons"
        return replace(charge, valid=False, reason=why)
    charge = _fit_drift(charge, moderate, settings)
    charge = _fit_global(charge, moderate, settings)
    if settings.fit_trap:
        below = [one for one in moderate if one.signal_e <= turnoff_e]
        charge = _find_trap(charge, below, settings)
    return charge


def _with_edge_response(
    charge: DeferredCharge, good: Sequence[OverscanProfile], settings: CtiSettings
) -> DeferredCharge:
    """Add the extended pixel edge responses and their turnoffs."""
    signals = np.array([one.signal_e for one in good])
    serial = extended_pixel_edge_response(
        np.array([one.serial_e[:EDGE_COLUMNS] for one in good]),
        signals,
        good[0].n_serial,
    )
    parallel = np.full(signals.size, np.nan)
    if good[0].parallel_e.size >= EDGE_COLUMNS:
        rows = np.array([one.parallel_e[:EDGE_COLUMNS] for one in good])
        parallel = extended_pixel_edge_response(rows, signals, good[0].n_parallel)
    options: dict[str, Any] = {
        "limit": settings.turnoff_range,
        "sigma": settings.turnoff_sigma,
        "n_passes": settings.turnoff_passes,
    }
    serial_turnoff = cti_turnoff(signals, serial, **options)
    parallel_turnoff = cti_turnoff(signals, parallel, **options)
    return replace(
        charge,
        signals_e=signals,
        serial_eper=serial,
        parallel_eper=parallel,
        serial_turnoff_e=serial_turnoff[0],
        serial_turnoff_err_e=serial_turnoff[1],
        parallel_turnoff_e=parallel_turnoff[0],
        parallel_turnoff_err_e=parallel_turnoff[1],
    )


@dataclass(frozen=True, eq=False)
class _Sample:
    """Some columns of some flats."""

    signals: np.ndarray
    """Of the last column, which is what leaves charge behind: flats are not even, and
    two per cent of 20 electrons count where columns are known to a tenth."""

    columns: np.ndarray
    values: np.ndarray
    """Shape (n flats, n columns)."""

    errors: np.ndarray
    n_transfers: int
    n_level: int = 0
    """Columns that gave the level of a row."""

    def deviations(self, model: np.ndarray) -> np.ndarray:
        """Give residuals in units of their errors, without what they have in common.

        The noise of a row's level is in all its columns: a part 1/n_level of the
        variance of one, but of their sum a quarter. The root of the inverse of
        ``1 + J / n_level`` takes it out of the mean.
        """
        result: np.ndarray = (model - self.values) / self.errors
        if self.n_level:
            kept = (1.0 + self.columns.size / self.n_level) ** -0.5
            result = result - (1.0 - kept) * result.mean(axis=1, keepdims=True)
        return result.ravel()

    @classmethod
    def of(
        cls,
        profiles: Sequence[OverscanProfile],
        columns: tuple[int, int],
        settings: CtiSettings,
    ) -> "_Sample":
        """Take columns, the first being 1, both ends included."""
        first, last = columns
        errors = np.array([one.serial_err_e[first - 1 : last] for one in profiles])
        return cls(
            np.array([one.last_column_e for one in profiles]),
            np.arange(first, last + 1),
            np.array([one.serial_e[first - 1 : last] for one in profiles]),
            np.where(errors > 0, errors, settings.column_error_e),
            profiles[0].n_serial,
            profiles[0].n_level,
        )


def _fit_drift(
    charge: DeferredCharge, profiles: Sequence[OverscanProfile], settings: CtiSettings
) -> DeferredCharge:
    """Fit scale and decay of the local offset to columns that global loss spares."""
    sample = _Sample.of(profiles, settings.drift_columns, settings)

    def residuals(params: np.ndarray) -> np.ndarray:
        # Beyond the second column a global loss of 1e-6 is nothing: upstream fixes it.
        model = overscan_model(
            sample.signals,
            sample.columns,
            sample.n_transfers,
            global_cti=1e-6,
            drift_scale=params[0] * 1e-4,
            decay_time=params[1],
        )
        return sample.deviations(model)

    fit = least_squares(residuals, [2.2, 2.4], bounds=([0.0, 0.1], [10.0, 4.0]))
    if not fit.success:
        return replace(charge, valid=False, reason="the drift fit did not converge")
    errors = _errors(fit.jac)
    degrees = max(fit.fun.size - 2, 1)
    return replace(
        charge,
        drift_scale=float(fit.x[0] * 1e-4),
        drift_scale_err=float(errors[0] * 1e-4),
        decay_time=float(fit.x[1]),
        decay_time_err=float(errors[1]),
        drift_chi_squared=float((fit.fun**2).sum() / degrees),
    )


def _fit_global(
    charge: DeferredCharge,
    profiles: Sequence[OverscanProfile],
    settings: CtiSettings,
) -> DeferredCharge:
    """Fit the global loss to faint flats, with a trap where they ask for one.

    A trap that is not full yet looks like a global loss. Where there is one all flats
    are fitted, for the bright ones tell the two apart. At last everything is fitted
    together: what one effect takes from another is in the errors then, and the charge
    that a trap leaves in the third column does not pass for a local offset.
    """
    faint = [one for one in profiles if one.signal_e < settings.max_cti_signal_e]
    if not faint:
        why = (
            f"no flat is below {settings.max_cti_signal_e:g} electrons: the global "
            "loss is taken as 0"
        )
        return replace(charge, reason=why)
    residuals = _global_residuals(
        charge, _Sample.of(faint, settings.cti_columns, settings)
    )
    fit = least_squares(residuals, [-6.0], bounds=([-12.0], [-5.0]))
    bright = [one for one in profiles if one.signal_e >= settings.max_cti_signal_e]
    samples = [_Sample.of(faint, settings.cti_columns, settings)]
    if bright:
        samples.append(_Sample.of(bright, settings.drift_columns, settings))
    if settings.fit_trap:
        with_trap = _best_with_trap(residuals, float(fit.x[0]))
        if 2 * (fit.cost - with_trap.cost) > settings.trap_gain:
            everything = _Sample.of(profiles, settings.cti_columns, settings)
            residuals = _global_residuals(charge, everything)
            fit = _best_with_trap(residuals, float(with_trap.x[0]))
            samples = [everything]
    return _fit_together(charge, samples, fit.x)


def _fit_together(
    charge: DeferredCharge, samples: Sequence[_Sample], start: np.ndarray
) -> DeferredCharge:
    """Fit local offset, global loss and, if there is one, the trap, all free."""

    def residuals(params: np.ndarray) -> np.ndarray:
        now = replace(charge, drift_scale=params[0] * 1e-4, decay_time=params[1])
        parts = [_global_residuals(now, sample)(params[2:]) for sample in samples]
        return np.concatenate(parts)

    first = np.array([charge.drift_scale * 1e4, charge.decay_time, *start])
    fits = _fits_by_trap(residuals, first)
    if not fits:
        why = "local offset and global loss do not fit together"
        return replace(charge, valid=False, reason=why)
    values, errors = _averaged(fits)
    loss = float(10.0 ** values[2])
    return replace(
        charge,
        drift_scale=float(values[0] * 1e-4),
        drift_scale_err=float(errors[0] * 1e-4),
        decay_time=float(values[1]),
        decay_time_err=float(errors[1]),
        global_cti=loss,
        global_cti_err=float(errors[2]) * loss * np.log(10.0),
    )


def _fits_by_trap(
    residuals: Callable[[np.ndarray], np.ndarray], first: np.ndarray
) -> list[OptimizeResult]:
    """Fit for each of some signals that fill the trap; once if there is no trap.

    Where a trap fills, the model has a kink at which minimisers stop; between kinks it
    is smooth. The other parameters come in the order of ``first``.
    """
    low = np.array([0.0, 0.1, *TRAP_BOUNDS[0]])
    high = np.array([10.0, 4.0, *TRAP_BOUNDS[1]])
    scale = np.array([1.0, 1.0, 1.0, 5.0, 1.0, 0.3])
    n, grid = first.size, FULL_GRID if first.size > FULL else (None,)
    free = np.arange(n) != FULL
    one = np.clip(first, low[:n] + 1e-6, high[:n] - 1e-6)[free]
    fits = []
    for log_full in grid:

        def at(params: np.ndarray, log_full: float | None = log_full) -> np.ndarray:
            if log_full is None:
                return residuals(params)
            return residuals(np.insert(params, FULL, log_full))

        fit = least_squares(
            at,
            one,
            bounds=(low[:n][free], high[:n][free]),
            x_scale=scale[:n][free],
            ftol=1e-6,
        )
        if fit.success:
            fits.append(fit)
            one = np.clip(fit.x, low[:n][free] + 1e-6, high[:n][free] - 1e-6)
    return fits


def _averaged(fits: Sequence[OptimizeResult]) -> tuple[np.ndarray, np.ndarray]:
    """Average local offset and global loss over fits, as likely as each is.

    Fits that are nearly as good with another trap tell how uncertain the rest is, which
    the curvature of the best alone does not.
    """
    costs = np.array([2.0 * float(fit.cost) for fit in fits])
    degrees = max(fits[0].fun.size - fits[0].x.size - 1, 1)
    # Where columns scatter by more than their errors, parameters do.
    excess = max(1.0, float(costs.min()) / degrees)
    weights = np.exp(-0.5 * (costs - costs.min()) / excess)
    weights /= weights.sum()
    values = np.array([fit.x[:3] for fit in fits])
    own = np.array([_errors(fit.jac)[:3] for fit in fits]) ** 2 * excess
    mean = weights @ values
    errors: np.ndarray = np.sqrt(weights @ (own + (values - mean) ** 2))
    return mean, errors


def _global_residuals(
    charge: DeferredCharge, sample: _Sample
) -> Callable[[np.ndarray], np.ndarray]:
    """Give the residuals as a function of log10 b and, if given, three of the trap.

    These are its size, log10 of the signal that fills it, and its emission time.
    """

    def residuals(params: np.ndarray) -> np.ndarray:
        size, log_full, emission = params[1:] if params.size > 1 else (0.0, 2.0, 0.35)
        model = overscan_model(
            sample.signals,
            sample.columns,
            sample.n_transfers,
            global_cti=10.0 ** params[0],
            drift_scale=charge.drift_scale,
            decay_time=charge.decay_time,
            trap_size_e=size,
            trap_fraction=size / 10.0**log_full,
            emission_time=emission,
        )
        return sample.deviations(model)

    return residuals


def _best_with_trap(
    residuals: Callable[[np.ndarray], np.ndarray], start: float
) -> OptimizeResult:
    """Fit global loss and trap together, from a strong and a weak trap; the better.

    The trap is full from some signal on, at most `FULL_E`: one that never is, is a
    global loss by another name.
    """
    fits = [
        least_squares(
            residuals,
            [float(np.clip(start, -11.0, -5.5)), 5.0, log_full, 0.35],
            bounds=TRAP_BOUNDS,
            x_scale=[1.0, 5.0, 1.0, 0.3],
        )
        for log_full in LOG_FULL_STARTS
    ]
    return min(fits, key=lambda fit: float(fit.cost))


def _find_trap(
    charge: DeferredCharge, profiles: Sequence[OverscanProfile], settings: CtiSettings
) -> DeferredCharge:
    """Make the trap of what drift and global loss leave in the first columns."""
    if not profiles:
        return charge
    sample = _Sample.of(profiles, settings.trap_columns, settings)
    model = overscan_model(
        sample.signals,
        sample.columns,
        sample.n_transfers,
        global_cti=charge.global_cti,
        drift_scale=charge.drift_scale,
        decay_time=charge.decay_time,
    )
    released = np.maximum((sample.values - model).sum(axis=1), 0.0)
    last = np.array([one.last_column_e for one in profiles])
    last = (1.0 - charge.drift_scale) * last
    order = np.argsort(last, kind="stable")
    # From nothing caught of nothing, in a straight line to the faintest flat.
    ramp = np.linspace(0.0, 1.0, 10, endpoint=False)
    nodes = np.concatenate([ramp * last[order[0]], last[order]])
    values = np.concatenate([ramp * released[order[0]], released[order]])
    trap = SerialTrap(coeffs=np.concatenate([nodes, values]))
    return replace(charge, trap=trap)


def _errors(jacobian: np.ndarray) -> np.ndarray:
    """Give the errors of a fit whose residuals are in units of their own."""
    errors: np.ndarray = np.sqrt(np.diag(np.linalg.pinv(jacobian.T @ jacobian)))
    return errors
