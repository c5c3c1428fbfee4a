"""Two people at once, on SQLite and on PostgreSQL; and the triggers on the latter."""

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


def test_two_people_at_once(database_url, tmp_path):
    ended = run(["-m", "tests.support.board_races"], tmp_path, database_url)
    assert ended.returncode == 0, ended.stderr
    outcome = json.loads(ended.stdout.splitlines()[-1])
    for endings, recorded, stage in outcome["adoptions"]:
        assert (endings, recorded, stage) == (["conflict", "done"], 1, "adopted")
    for endings, objections, stage in outcome["objections"]:
        assert endings == ["conflict", "done"]
        assert (objections, stage) in {(0, "adopted"), (1, "hailed")}


def test_triggers_on_postgresql(postgresql, tmp_path):
    triggers = Path(__file__).with_name("test_triggers.py").relative_to(ROOT)
    ended = run(["-m", "pytest", "-q", str(triggers)], tmp_path, postgresql)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "9 passed" in ended.stdout
