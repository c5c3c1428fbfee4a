"""What happens to charge on its way out: deferred charge, the output, its neighbours.

NumPy only. Segments are whole, in readout order, electrons, shape (n, ny, nx) for all
amplifiers of a detector. Charge is moved packet by packet where order matters.
"""

from collections.abc import Sequence

import numpy as np

__all__ = ["add_crosstalk", "defer_charge", "respond"]

REFERENCE_E = 100000.0
"""Level at which the relative curvature is given."""

BUMP_E = 10000.0
"""Where the smooth bump of the response at low levels is highest."""


def respond(signal_e: np.ndarray, curve: Sequence[float]) -> np.ndarray:
    """Give what an output that is not linear makes of a signal.

    ``s (1 − c₁ s/100000 + c₂ (s/10000) exp(1 − s/10000))``: a slow loss and a bump.

    Parameters
    ----------
    signal_e
        Any shape; negative values stay as they are.
    curve
        c₁ and c₂: relative loss at 100 000 and relative height at 10 000 electrons.
    """
    signal = np.asarray(signal_e)
    above = np.maximum(signal, 0)
    bump = above / BUMP_E
    change = -curve[0] * (above / REFERENCE_E) + curve[1] * bump * np.exp(1 - bump)
    return (signal + above * change).astype(signal.dtype)


def defer_charge(
    segments: np.ndarray,
    *,
    global_cti: np.ndarray,
    drift_scale: np.ndarray,
    decay_time: np.ndarray,
    trap_size_e: np.ndarray,
    trap_fraction: np.ndarray,
    trap_time: np.ndarray,
) -> np.ndarray:
    """Read segments out with charge left behind.

    Parameters
    ----------
    segments
        Charge in each pixel of the register's rows; column 0 comes out first.
    global_cti
        Shape (n,), as are the others: fraction left behind by each transfer. Charge
        that is late by more than three pixels is left out.
    drift_scale, decay_time
        A pixel of s leaves the output high by ``drift_scale * s``, which decays with
        ``decay_time`` transfers; of several such offsets the largest counts.
    trap_size_e, trap_fraction, trap_time
        The trap next to the output catches ``min(size, fraction * s)`` and lets go
        with the time constant ``trap_time``, in transfers.
    """
    moved = _late(segments, global_cti[:, np.newaxis, np.newaxis])
    # Columns first: the loop below takes one column of all rows at a time.
    samples = np.ascontiguousarray(np.moveaxis(moved, 2, 0))
    size, fraction, scale = (
        values[:, np.newaxis].astype(np.float32)
        for values in (trap_size_e, trap_fraction, drift_scale)
    )
    freed = -np.expm1(-1.0 / trap_time)[:, np.newaxis].astype(np.float32)
    decay = np.exp(-1.0 / decay_time)[:, np.newaxis].astype(np.float32)
    held = np.zeros(samples.shape[1:], np.float32)
    level = np.zeros_like(held)
    for column in samples:
        released = held * freed
        held -= released
        column += released
        caught = np.minimum(size, fraction * np.maximum(column, 0))
        caught = np.maximum(caught - held, 0)
        held += caught
        column -= caught
        level = np.maximum(scale * column, level * decay)
        column += level
    return np.ascontiguousarray(np.moveaxis(samples, 0, 2))


def _late(segments: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Let each packet lose the fraction b at every transfer to the one behind it.

    Column x is moved x + 1 times: that k of these fail has the negative binomial
    chance, here to the third order of b.
    """
    if not b.any():
        return segments.astype(np.float32)
    n = np.arange(1, segments.shape[2] + 1, dtype=np.float64)
    first = (1 - b) ** n
    result = segments * first
    chance = first
    for k in (1, 2, 3):
        chance = chance * b * (n + k - 1) / k
        result[..., k:] += (segments * chance)[..., :-k]
    return result.astype(np.float32)


def add_crosstalk(
    segments: np.ndarray, coeffs: np.ndarray, squared: np.ndarray
) -> np.ndarray:
    """Let every amplifier see ghosts of the others, read at the same moment.

    Parameters
    ----------
    segments
        Electrons at the outputs.
    coeffs, squared
        Shape (n, n), ``[source, target]``; squared is per electron.
    """
    sources = segments.reshape(len(segments), -1)
    ghosts = coeffs.T.astype(np.float32) @ sources
    if squared.any():
        ghosts += squared.T.astype(np.float32) @ (sources * sources)
    return segments + ghosts.reshape(segments.shape)
