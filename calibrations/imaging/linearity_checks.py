"""What is left to correct once flats are linearized. NumPy in and out."""

import numpy as np

from calibrations.imaging.linearity import LinearityType, Linearizer

__all__ = ["residual_linearity"]

MAD_TO_SIGMA = 1.482602218505602
SIGMAS = 5.0
POWER_SCALE = 1e-3
"""√1e-6 per ADU: by how much each further term of a polynomial has to be smaller."""


def residual_linearity(second: Linearizer) -> dict[str, float]:
    """Reduce a linearizer that was measured on linearized flats to numbers.

    Parameters
    ----------
    second
        Of any kind.

    Returns
    -------
    dict
        ``FIT_RESIDUAL``, the robust scatter of the pairs about proportionality, per
        cent; and, by kind, ``MAX_RESIDUAL``, the largest relative correction per cent
        (splines, tables), or ``QUADRATIC`` per ADU (Squared, Polynomial: the largest
        of its terms, each divided by 1e-3 for every power above the second).
        Splines also have ``MAX_EXCESS``, the largest of these beyond 5 of its errors,
        per cent. ``FORCE_FAILURE`` is 1 where it is not valid, and nothing else is
        given.
    """
    if not second.valid:
        return {"FORCE_FAILURE": 1.0}
    residuals = second.residuals[np.isfinite(second.residuals)]
    numbers = {
        "FORCE_FAILURE": 0.0,
        "FIT_RESIDUAL": 100 * MAD_TO_SIGMA * float(np.median(np.abs(residuals)))
        if residuals.size
        else float("nan"),
    }
    if second.type in (LinearityType.SQUARED, LinearityType.POLYNOMIAL):
        powers = np.arange(second.coeffs.size)
        scaled = np.abs(second.coeffs) / POWER_SCALE**powers
        return numbers | {"QUADRATIC": float(scaled.max())}
    numbers["MAX_RESIDUAL"] = 100 * _largest_correction(second)
    if second.type == LinearityType.SPLINE:
        numbers["MAX_EXCESS"] = 100 * _largest_excess(second)
    return numbers


def _largest_excess(second: Linearizer) -> float:
    """Largest relative correction at a knot beyond 5 of its errors; 0 for none."""
    (nodes, values), *_ = second.splines()
    errors = second.fit_params_err[: nodes.size]
    excess = (np.abs(values[1:]) - SIGMAS * errors[1:]) / nodes[1:]
    return float(excess.max(initial=0.0))


def _largest_correction(second: Linearizer) -> float:
    """Largest correction relative to the signal; the first knot, at 0, has none."""
    if second.type == LinearityType.LOOKUP_TABLE:
        # Below the faintest pair nothing was measured.
        begin = int(max(1, np.nanmin(second.signals_adu[second.used])))
        counts = np.arange(begin, second.table.size)
        return float(np.abs(second.table[begin:] / counts).max(initial=0.0))
    knots = [nodes[nodes > 0] for nodes, _ in second.splines()]
    if not knots:
        return 0.0
    signals = np.concatenate(knots)
    corrected = second.linearize(signals).astype(float)
    return float(np.abs(corrected / signals - 1).max())
