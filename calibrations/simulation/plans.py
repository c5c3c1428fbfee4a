"""Plans by name: what the demonstrations take. Plain Python."""

import dataclasses
from collections.abc import Callable, Mapping

from calibrations.domain.cameras import camera
from calibrations.simulation.effects import full_effects
from calibrations.simulation.plan import (
    SMALLEST_SIZE,
    AmplifierSize,
    Night,
    ObservatoryPlan,
)

__all__ = ["PLANS", "full_plan", "lsstcam_plan"]

FIRST_NIGHT = 20261109
SECOND_NIGHT = 20261116

FULL_DEMO_SIZE = AmplifierSize(80, 128)
"""More than 10 000 pixels in an amplifier, which a photon transfer curve asks for."""


def full_plan() -> ObservatoryPlan:
    """Plan two nights of LSSTComCam from which every type can be built and verified.

    All light comes through the filter that has fringes: a fringe frame needs the flat
    of its filter.
    """
    return ObservatoryPlan(
        size=FULL_DEMO_SIZE,
        nights=(
            Night(
                FIRST_NIGHT,
                {"bias": 20, "dark": 22, "flat": 15, "ptc": 40, "science": 10},
            ),
            Night(SECOND_NIGHT, {"bias": 2, "dark": 2, "flat": 2, "science": 2}),
        ),
        physical_filter="y_04",
        # Within 5 % of nominal from below, as tests of gain and photon transfer ask,
        # and from above, though overscans add 4 % to a frame and calibrations of 20
        # frames 2.5 %: hence more frames than the 15 of the other plan.
        noise_ratio=(0.961, 0.963),
        # Faint pairs tell the read noise, where it is much of their variance; fainter
        # ones still would tell of the traps, which smooth what does not fill them. The
        # brightest is beyond the required full well in the camera's corners, too.
        ptc_levels_e=(70.0, 135000.0),
        ptc_rate_e_per_s=1000.0,
        faults=(),
        saturated_flat=None,
        photodiode=True,
        effects=dataclasses.replace(
            full_effects(), trap_size_e=(4.0, 6.0), trap_fraction=(0.10, 0.14)
        ),
    )


def lsstcam_plan() -> ObservatoryPlan:
    """Plan five biases and five darks of all of LSSTCam, in the smallest amplifiers."""
    return ObservatoryPlan(
        instrument="LSSTCam",
        detectors=tuple(detector.id for detector in camera("LSSTCam").detectors),
        size=SMALLEST_SIZE,
        nights=(Night(FIRST_NIGHT, {"bias": 5, "dark": 5}),),
        physical_filter="r_57",
        faults=(),
        saturated_flat=None,
    )


PLANS: Mapping[str, Callable[[], ObservatoryPlan]] = {
    "default": ObservatoryPlan,
    "full": full_plan,
    "lsstcam": lsstcam_plan,
}
