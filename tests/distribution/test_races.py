"""At the same moment, on SQLite and on PostgreSQL."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from taxicab.core.processes.postgresql import running_postgres

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    if request.param == "sqlite":
        yield ""
        return
    with running_postgres(tmp_path / "postgres") as running:
        yield running.url


def test_two_start_and_all_end_at_once(database_url, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "tests.support.deployment_races"],
        cwd=ROOT,
        env=os.environ
        | {
            "TAXICAB_DEBUG": "1",
            "TAXICAB_DATA": str(tmp_path),
            "TAXICAB_DATABASE_URL": database_url,
            "TAXICAB_REDIS_URL": "memory://",
            "DJANGO_SETTINGS_MODULE": "taxicab.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    outcome = json.loads(ended.stdout.splitlines()[-1])
    for endings, jobs in outcome["starts"]:
        assert (endings, jobs) == (["conflict", "done"], 3)
    for endings, stage, recorded, rose in outcome["ends"]:
        assert (endings, stage, recorded) == (["done"] * 3, "deployed", 1)
        # Three steps begin and three end, and clients see each.
        assert rose == 6
