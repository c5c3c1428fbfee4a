"""Tickets ready to be deployed."""

import pytest

from tests.support import deployments as make


@pytest.fixture
def connected(facilities):
    """Origin and Summit connected, by name only: nothing is there."""
    return [
        make.connect("USDF", "/repo/main", folder="/none/main", queue="usdf"),
        make.connect("Summit", "/repo/LSSTComCam", folder="/none/s", queue="summit"),
    ]


@pytest.fixture
def taxicab(scientist, instrument):
    return make.make_adopted("DM-100", owner=scientist, instrument=instrument)


@pytest.fixture
def deployment(taxicab, connected, deployer):
    return make.file(taxicab, "DM-200", by=deployer)
