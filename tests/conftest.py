"""Fixtures that every test may use."""

import pytest

from tests.support import people


@pytest.fixture
def facilities(db, django_db_blocker):
    """The observatory's facilities, repositories and instruments."""
    from django.core.management import call_command

    call_command("loaddata", "facilities", verbosity=0)


@pytest.fixture
def instrument(facilities):
    from taxicab.core.models import Instrument

    return Instrument.objects.get(name="LSSTComCam")


@pytest.fixture
def scientist(instrument):
    return people.make_person("nora", "calibration_team", instrument)


@pytest.fixture
def members(instrument):
    return [
        people.make_person(name, "board", instrument, must_be_heard=index == 0)
        for index, name in enumerate(("ines", "tomas"))
    ]


@pytest.fixture
def deployer(instrument):
    return people.make_person("omar", "deployer", instrument)


@pytest.fixture
def observer(instrument):
    return people.make_person("vera", "observer", instrument)
