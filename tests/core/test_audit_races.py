"""The audit log under several writers, on SQLite and on PostgreSQL."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from taxicab.core.processes.postgresql import running_postgres

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory):
    with running_postgres(tmp_path_factory.mktemp("postgres")) as running:
        yield running.url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    return "" if request.param == "sqlite" else request.getfixturevalue("postgresql")


def run(arguments, folder, database_url):
    environment = os.environ | {
        "TAXICAB_DEBUG": "1",
        "TAXICAB_DATA": str(folder),
        "TAXICAB_DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "taxicab.settings",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_several_writers_make_one_chain(database_url, tmp_path):
    ended = run(["-m", "tests.support.audit_races"], tmp_path, database_url)
    assert ended.returncode == 0, ended.stderr
    outcome = json.loads(ended.stdout.splitlines()[-1])
    assert outcome["failures"] == []
    assert outcome["faults"] == []
    assert outcome["written"] == outcome["expected"]
    assert outcome["chained"]


def test_audit_log_on_postgresql(postgresql, tmp_path):
    audit = Path(__file__).with_name("test_audit.py").relative_to(ROOT)
    ended = run(["-m", "pytest", "-q", str(audit)], tmp_path, postgresql)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed" in ended.stdout
