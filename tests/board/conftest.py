"""A set before the board."""

import pytest

from taxicab.board import services
from tests.support import board as make


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """Nobody logs in with a password here: hashing one well takes half a second."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def construction(scientist, instrument):
    return make.make_set("DM-100", owner=scientist, instrument=instrument)


@pytest.fixture
def report(construction):
    return make.make_report(construction)


@pytest.fixture
def hailed(construction, report, scientist):
    return services.hail(construction, report=report, by=scientist)
