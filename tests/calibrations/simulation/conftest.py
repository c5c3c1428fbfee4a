"""One simulated observatory for every test that only reads it."""

import pytest

from calibrations.simulation.observatory import simulate_observatory
from calibrations.simulation.plan import AmplifierFault, AmplifierSize
from tests.support.observatory import SECOND_NIGHT, small_plan


@pytest.fixture(scope="session")
def plan():
    """Two detectors with amplifiers big enough for statistics, and every fault."""
    return small_plan(
        detectors=(0, 4),
        frames=(6, 2),
        size=AmplifierSize(64, 128),
        faults=(AmplifierFault(4, "C03", 1.18, from_day_obs=SECOND_NIGHT),),
        saturated_flat=2,
    )


@pytest.fixture(scope="session")
def observatory(plan, tmp_path_factory):
    return simulate_observatory(tmp_path_factory.mktemp("observatory"), plan)
