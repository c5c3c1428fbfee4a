"""A set on its way, to be looked at."""

import pytest

from distribution.services import deployments
from taxicab.board import services as board
from tests.support import board as make
from tests.support import pages, people


@pytest.fixture(autouse=True)
def local_pages(settings, valid_html):
    """Serve pages over plain HTTP."""
    for name, value in pages.SETTINGS.items():
        setattr(settings, name, value)


@pytest.fixture
def construction(scientist, instrument):
    return make.make_set("DM-100", owner=scientist, instrument=instrument)


@pytest.fixture
def report(construction):
    return make.make_report(construction)


@pytest.fixture
def hailed(construction, report, scientist):
    return board.hail(construction, report=report, by=scientist)


@pytest.fixture
def adopted(hailed, members):
    for member in members:
        board.take_position(hailed, kind="adopt", by=member)
    return board.adopt(hailed, by=members[0], reason="Agreed.")


@pytest.fixture
def deployment(adopted, scientist):
    pages.connect()
    pages.connect("Summit", "/repo/LSSTComCam", "summit")
    return deployments.file_deployment(adopted, key="DM-200", by=scientist)


@pytest.fixture
def stranger(instrument):
    """Somebody with a role for another camera."""
    from taxicab.core.models import Instrument

    return people.make_person("sam", "observer", Instrument.objects.get(name="LATISS"))
