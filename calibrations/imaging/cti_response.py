"""What overscan columns hold after a flat, as a formula. NumPy in and out.

After the last pixel of a row the overscan columns hold what was left behind: column x
(1, 2, …) of a flat of s electrons, read after n transfers, has

- global CTI: s times the chance that of n + x − 1 transfers at least x fail, each with
  probability b. It is exact for a flat, where upstream simulates the readout;
- a trap next to the output: it holds min(size, f s) after the flat, lets go of the part
  1 − e^(−1/τ) in every transfer, and catches again of what comes by, f times of it as
  long as it holds less: in column 1 that is an electron or so, which column 2 gets;
- a local offset: A s e^(−x/τ_L).
"""

import numpy as np
from scipy.special import bdtrc

from calibrations.imaging.compiled import compiled
from calibrations.imaging.errors import ImageError

__all__ = [
    "EDGE_COLUMNS",
    "cti_turnoff",
    "extended_pixel_edge_response",
    "overscan_model",
]

EDGE_COLUMNS = 2
"""Overscan columns (rows) summed for the extended pixel edge response."""


def overscan_model(
    signals_e: np.ndarray,
    columns: np.ndarray,
    n_transfers: int,
    *,
    global_cti: float = 0.0,
    drift_scale: float = 0.0,
    decay_time: float = 2.4,
    trap_size_e: float = 0.0,
    trap_fraction: float = 0.0,
    emission_time: float = 0.4,
) -> np.ndarray:
    """Give what overscan columns hold after a row of a flat.

    Parameters
    ----------
    signals_e
        Shape (n,): electrons in each pixel of the flat.
    columns
        Shape (m,): overscan columns, the first being 1.
    n_transfers
        Of the last pixel: prescan and light-sensitive columns.
    global_cti, drift_scale, decay_time, trap_size_e, trap_fraction, emission_time
        As in the module.

    Returns
    -------
    numpy.ndarray
        Shape (n, m), in electrons.
    """
    failing = bdtrc(columns - 1, n_transfers + columns - 1, global_cti)
    late = (1.0 - global_cti) * failing
    offset = drift_scale * np.exp(-columns / decay_time)
    model: np.ndarray = np.multiply.outer(signals_e, late + offset)
    if trap_size_e > 0:
        every = np.arange(1, int(np.max(columns)) + 1)
        chances = bdtrc(every - 1, n_transfers + every - 1, global_cti)
        passing = np.multiply.outer(signals_e, (1.0 - global_cti) * chances)
        held = np.minimum(trap_size_e, trap_fraction * signals_e)
        freed = -float(np.expm1(-1.0 / emission_time))
        gained = trap_exchange(passing, held, trap_size_e, trap_fraction, freed)
        model += gained[:, columns - 1]
    return model


def trap_exchange(
    passing_e: np.ndarray,
    held_e: np.ndarray,
    size_e: float,
    fraction: float,
    freed: float,
) -> np.ndarray:
    """Give what pixels gain from a trap they pass: what it frees less what it catches.

    Parameters
    ----------
    passing_e
        Shape (n, m): charge of each pixel as it comes to the trap, in reading order.
    held_e
        Shape (n,): charge in the trap before.
    size_e, fraction
        It catches until it holds ``min(size, fraction * charge)``.
    freed
        Part of its charge that it frees in each transfer.
    """
    return _exchange(
        np.ascontiguousarray(passing_e, dtype=np.float64),
        np.ascontiguousarray(held_e, dtype=np.float64),
        float(size_e),
        float(fraction),
        float(freed),
    )


@compiled
def _exchange(
    passing: np.ndarray, held: np.ndarray, size: float, fraction: float, freed: float
) -> np.ndarray:
    """Go along the rows one by one: a trap remembers what came before."""
    gained = np.empty_like(passing)
    for row in range(passing.shape[0]):
        inside = held[row]
        for x in range(passing.shape[1]):
            released = freed * inside
            inside -= released
            charge = max(passing[row, x] + released, 0.0)
            caught = max(min(size, fraction * charge) - inside, 0.0)
            inside += caught
            gained[row, x] = released - caught
    return gained


def extended_pixel_edge_response(
    edge_e: np.ndarray, signals_e: np.ndarray, n_transfers: int
) -> np.ndarray:
    """Give the charge left behind a transfer: (os1 + os2) / (n · signal).

    Parameters
    ----------
    edge_e
        Shape (n, ≥ 2): first overscan columns (rows) of each flat.
    signals_e
        Shape (n,).
    n_transfers
        Serial: prescan and light-sensitive columns; parallel: rows.
    """
    if edge_e.ndim != 2 or edge_e.shape[1] < EDGE_COLUMNS:
        raise ImageError(
            f"An edge response needs {EDGE_COLUMNS} overscan columns or rows, not the "
            f"shape {edge_e.shape}."
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        response: np.ndarray = edge_e[:, :EDGE_COLUMNS].sum(axis=1) / (
            n_transfers * signals_e
        )
    return response


def cti_turnoff(
    signals_e: np.ndarray,
    response: np.ndarray,
    *,
    limit: float = 1e-5,
    sigma: float = 1.0,
    n_passes: int = 5,
) -> tuple[float, float]:
    """Find the signal from which the response runs away.

    The gradient of the response, clipped, shows it: the turnoff is the last signal
    whose gradient is kept.

    Parameters
    ----------
    signals_e, response
        Shape (n,), signals ascending.
    limit
        Responses beyond ± this are not looked at.
    sigma, n_passes
        Of the clipping about the median.

    Returns
    -------
    turnoff, error
        In electrons; the error is half the distance of the neighbouring signals. 0, 0
        where no response is within the limit; the signal itself as error of a single
        one.
    """
    inside = np.isfinite(response) & (np.abs(response) <= limit)
    signals, values = signals_e[inside], response[inside]
    if signals.size == 0:
        return 0.0, 0.0
    if signals.size == 1:
        return float(signals[0]), float(signals[0])
    gradient = np.gradient(values)
    kept = np.ones(gradient.size, bool)
    for _ in range(n_passes):
        centre, width = np.median(gradient[kept]), gradient[kept].std()
        now = kept & (np.abs(gradient - centre) <= sigma * width)
        if not now.any() or (now == kept).all():
            break
        kept = now
    last = int(np.flatnonzero(kept)[-1])
    if last == signals.size - 1:
        error = signals[last] - signals[last - 1]
    elif last == 0:
        error = signals[0]
    else:
        error = 0.5 * (signals[last + 1] - signals[last - 1])
    return float(signals[last]), float(error)
