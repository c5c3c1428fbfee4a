"""A set before the board."""

import pytest

from taxicab.board import services
from tests.support import board as make


@pytest.fixture
def construction(scientist, instrument):
    return make.make_set("DM-100", owner=scientist, instrument=instrument)


@pytest.fixture
def report(construction):
    return make.make_report(construction)


@pytest.fixture
def hailed(construction, report, scientist):
    return services.hail(construction, report=report, by=scientist)
