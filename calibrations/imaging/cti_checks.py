"""What deferred charge is left in corrected flats. NumPy in and out."""

from collections.abc import Sequence

import numpy as np

from calibrations.imaging.cti import DeferredCharge
from calibrations.imaging.cti_overscan import OverscanProfile
from calibrations.imaging.cti_response import EDGE_COLUMNS

__all__ = ["residual_cti"]


def residual_cti(
    profiles: Sequence[OverscanProfile],
    charge: DeferredCharge,
    *,
    columns: tuple[int, int] = (3, 13),
    max_signal_e: float = 150000.0,
) -> dict[str, float]:
    """Measure what is left in corrected flats of one amplifier.

    Parameters
    ----------
    profiles
        Of flats that ``charge`` corrected; those above ``max_signal_e`` or the serial
        turnoff are left out.
    charge
        Whose decay time is that of the local offset looked for.
    columns
        Overscan columns of the local offset, the first being 1.
    max_signal_e
        In electrons.

    Returns
    -------
    dict
        ``SERIAL_EPER`` and ``PARALLEL_EPER``, a transfer, weighted by signal;
        ``DRIFT_RESIDUAL``, the amplitude of a local offset, of any sign; ``_ERR`` of
        each; ``DRIFT_SCALE`` and ``GLOBAL_CTI`` of ``charge``. ``FORCE_FAILURE`` is 1,
        and nothing else is given, where nothing could be measured.
    """
    limit = min(max_signal_e, charge.serial_turnoff_e or np.inf)
    if not np.isfinite(limit):
        limit = max_signal_e
    good = [p for p in profiles if p.is_usable and p.signal_e <= limit]
    if not charge.valid or not good:
        return {"FORCE_FAILURE": 1.0}
    signals = np.array([p.signal_e for p in good])
    serial = np.array([p.serial_e for p in good])
    errors = np.array([p.serial_err_e for p in good])
    edge = serial[:, :EDGE_COLUMNS].sum()
    edge_err = np.sqrt((errors[:, :EDGE_COLUMNS] ** 2).sum())
    transfers = good[0].n_serial * signals.sum()
    drift, drift_err = _drift(signals, serial, errors, charge.decay_time, columns)
    return {
        "FORCE_FAILURE": 0.0,
        "SERIAL_EPER": float(edge / transfers),
        "SERIAL_EPER_ERR": float(edge_err / transfers),
        "DRIFT_RESIDUAL": drift,
        "DRIFT_RESIDUAL_ERR": float(np.hypot(drift_err, _known(charge))),
        "DRIFT_SCALE": charge.drift_scale,
        "GLOBAL_CTI": charge.global_cti,
        **_parallel(good, signals),
    }


def _known(charge: DeferredCharge) -> float:
    """Error of what was corrected; 0 where it is not known."""
    return float(np.nan_to_num(charge.drift_scale_err))


def _drift(
    signals: np.ndarray,
    serial: np.ndarray,
    errors: np.ndarray,
    decay_time: float,
    columns: tuple[int, int],
) -> tuple[float, float]:
    """Amplitude of s·exp(−x/τ), by weighted least squares."""
    first, last = columns
    x = np.arange(first, last + 1)
    shape = np.multiply.outer(signals, np.exp(-x / decay_time))
    values, sigma = serial[:, first - 1 : last], errors[:, first - 1 : last]
    weight = np.where(sigma > 0, 1.0 / np.where(sigma > 0, sigma, 1.0) ** 2, 0.0)
    total = float((weight * shape**2).sum())
    if not total > 0:
        return float("nan"), float("nan")
    return float((weight * shape * values).sum() / total), total**-0.5


def _parallel(good: Sequence[OverscanProfile], signals: np.ndarray) -> dict[str, float]:
    """Parallel response, with an error from the scatter of the flats."""
    rows = np.array([p.parallel_e[:EDGE_COLUMNS] for p in good])
    if rows.shape[1] < EDGE_COLUMNS or not np.isfinite(rows).all():
        return {"PARALLEL_EPER": float("nan"), "PARALLEL_EPER_ERR": float("nan")}
    edges = rows.sum(axis=1)
    n_rows = good[0].n_parallel
    value = float(edges.sum() / (n_rows * signals.sum()))
    scatter = edges - value * n_rows * signals
    error = np.sqrt((scatter**2).sum()) / (n_rows * signals.sum())
    return {"PARALLEL_EPER": value, "PARALLEL_EPER_ERR": float(error)}
