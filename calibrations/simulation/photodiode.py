"""Readings of the photodiode that looks at the flat screen, as the observatory keeps.

One text file an exposure: time (s) and current (A) on each line, ten readings a second
and more, from before the lamp is on until after it is off.
"""

from pathlib import Path

import numpy as np

from calibrations.simulation.plan import ObservatoryPlan, PlannedExposure

__all__ = ["CHARGE_PER_ELECTRON_C", "measured_charge_c", "write_readings"]

CHARGE_PER_ELECTRON_C = 1.0e-13
"""Charge of the diode for one electron in a pixel of response 1."""

DARK_CURRENT_A = 1.0e-13
SAMPLING_S = 0.0167
MARGIN_S = 0.3
MARGIN_SHARE = 0.15
"""Of the lit time, read before and after where that is longer than the margin: enough
for a baseline that is looked for in the first readings."""

LEAST_LIT = 12


def measured_charge_c(
    plan: ObservatoryPlan, exposure: PlannedExposure, light_e: float
) -> float:
    """Give what the readings of a flat add up to: its light, with the diode's error."""
    rng = np.random.default_rng([plan.seed, 8, exposure.id])
    error = rng.normal(0.0, plan.photodiode_noise)
    return CHARGE_PER_ELECTRON_C * light_e * float(1.0 + error)


def write_readings(
    path: Path, plan: ObservatoryPlan, exposure: PlannedExposure, light_e: float
) -> None:
    """Write the readings of a flat.

    The trapezoids under them add up to the measured charge and to what the dark
    current adds in the time they cover.
    """
    lit_s = max(exposure.exposure_time_s, 0.001)
    # Short flats are sampled faster, or no reading would fall into them.
    step = min(SAMPLING_S, lit_s / LEAST_LIT)
    n_lit = round(lit_s / step)
    n_dark = round(max(MARGIN_S, MARGIN_SHARE * lit_s) / step)
    current = np.zeros(n_dark + n_lit + n_dark)
    charge = measured_charge_c(plan, exposure, light_e)
    current[n_dark : n_dark + n_lit] = charge / (n_lit * step)
    rng = np.random.default_rng([plan.seed, 9, exposure.id])
    current += DARK_CURRENT_A * rng.normal(1.0, 0.3, current.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (
        f"{i * step:.7g} {value:.7G}\n" for i, value in enumerate(current.tolist())
    )
    path.write_text("".join(lines))
