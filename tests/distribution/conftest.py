"""Tickets ready to be deployed, and sites to deploy to."""

import shutil

import pytest
from django.contrib.auth import get_user_model

from tests.support import databases, sites
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


@pytest.fixture(scope="session")
def template(once):
    """An origin that holds two sets, and a site that holds none: copy them."""
    return once(
        "sites",
        lambda folder: sites.make_template(folder, tickets=("DM-100", "DM-110")),
    )


@pytest.fixture(scope="session")
def database_template(migrated, tmp_path_factory, django_db_blocker):
    path = tmp_path_factory.mktemp("portal") / "portal.sqlite3"
    with django_db_blocker.unblock():
        return sites.make_database(migrated, path)


@pytest.fixture
def portal(tmp_path, database_template, django_db_blocker):
    """A portal's database in a file; gives its deployer."""
    path = shutil.copy(database_template, tmp_path / "portal.sqlite3")
    with django_db_blocker.unblock(), databases.portal_database(path):
        yield get_user_model().objects.get(username="omar")


@pytest.fixture
def observatory(portal, template, tmp_path, settings):
    """Two connected repositories on this machine; every job runs where it is queued."""
    settings.WORK_ROOT = tmp_path / "work"
    for name in ("origin", "site"):
        shutil.copytree(template / name, tmp_path / name)
    inbox = tmp_path / "inbox"
    make.connect("USDF", "/repo/main", folder=tmp_path / "origin", queue="usdf")
    make.connect(
        "Summit",
        "/repo/LSSTComCam",
        folder=tmp_path / "site",
        queue="summit",
        inbox=inbox,
    )
    with sites.broker("memory://") as app:
        app.conf.task_always_eager = True
        yield tmp_path
        app.conf.task_always_eager = False
