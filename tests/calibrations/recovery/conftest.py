"""Small flats for every test that measures something of them."""

import pytest

from benchmarks.recovery_data import SMALL
from benchmarks.recovery_runs import take_flats

N_PAIRS = 40


@pytest.fixture(scope="session")
def flats():
    """40 pairs of flats of an amplifier of 160 by 128 pixels."""
    return take_flats(SMALL, 1, N_PAIRS)
