"""Fixtures that every test may use."""

import contextlib
import shutil
import sqlite3

import pytest
from django.db import connection
from django.db.backends.sqlite3.base import DatabaseOperations
from django.test import override_settings

from taxicab.core.processes.postgresql import running_postgres
from tests.support import databases, people, validity
from tests.support.facilities import load_facilities
from tests.support.once import Once

_flush = DatabaseOperations.execute_sql_flush


def _flush_what_is_kept_too(self, sql_list):
    """Let tests with real transactions empty tables that triggers keep."""
    with self.connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        _flush(self, sql_list)
        for _, statement in triggers:
            cursor.execute(statement)


DatabaseOperations.execute_sql_flush = _flush_what_is_kept_too


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Let no long module come last: one process of a run would be left alone with it.

    What needs the database comes first of all, as pytest-django has it.
    """

    def turn(item):
        if item.get_closest_marker("django_db") or "db" in item.fixturenames:
            return 0
        if "transactional_db" in item.fixturenames:
            return 0
        return 1 if item.get_closest_marker("long") else 2

    items.sort(key=turn)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords():
    """People are made by the hundred; to hash a password well takes half a second."""
    with override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]
    ):
        yield


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory):
    """Address of an empty PostgreSQL of the module's own."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as running:
        yield running.url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """Either kind of database that the portal runs on; empty for SQLite.

    SQLite's is where a portal looks whose folder is the test's, and migrated.
    """
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql")
    shutil.copy(request.getfixturevalue("migrated"), tmp_path)
    return ""


@pytest.fixture(scope="session")
def valid_html(tmp_path_factory):
    """Check every page that the tests of this process asked for, when all have run."""
    yield
    folder = tmp_path_factory.mktemp("pages")
    assert validity.invalid_html(validity.KEPT, folder) == []


@pytest.fixture(scope="session")
def once(request, tmp_path_factory):
    """Makes what is costly in one process of a run, for all of them."""
    root = tmp_path_factory.getbasetemp()
    is_one_of_several = hasattr(request.config, "workerinput")
    return Once(root.parent if is_one_of_several else root)


@pytest.fixture(scope="session")
def migrated(once, django_db_blocker):
    """A portal's SQLite database of empty tables: copy it. Migrating takes seconds."""

    def migrate(folder):
        with django_db_blocker.unblock():
            return databases.make_migrated(folder / "portal.sqlite3")

    return once("migrated", migrate)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix, request, django_db_blocker
):
    """Fill the database in memory before Django looks what is to be migrated there."""
    if connection.vendor != "sqlite":
        yield
        return
    name = connection.creation._get_test_db_name()
    with (
        contextlib.closing(sqlite3.connect(request.getfixturevalue("migrated"))) as one,
        contextlib.closing(sqlite3.connect(name, uri=True)) as tests,
    ):
        one.backup(tests)
        yield


@pytest.fixture
def facilities(db):
    """The observatory's facilities, repositories and instruments."""
    load_facilities()


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


@pytest.fixture(scope="session")
def sealer(tmp_path_factory):
    """Writes reports of known numbers, each once a session."""
    from tests.support.sealed import Sealer

    return Sealer(tmp_path_factory.mktemp("sealed"))


@pytest.fixture
def seal(sealer, settings):
    """Make a report whose files are sealed, in the place where evidence is kept."""
    settings.EVIDENCE_ROOT = sealer.root
    return sealer.seal
