"""Programs that need processes of their own, against a database of either kind."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_python(arguments, folder, database_url):
    """Run ``python`` with arguments and a portal of its own; must end well."""
    environment = os.environ | {
        "TAXICAB_DEBUG": "1",
        "TAXICAB_DATA": str(folder),
        "TAXICAB_DATABASE_URL": database_url,
        "TAXICAB_REDIS_URL": "memory://",
        "DJANGO_SETTINGS_MODULE": "taxicab.settings",
    }
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def race(name, folder, database_url):
    """Run a race of ``tests.support``; returns how it ended."""
    printed = run_python(["-m", f"tests.support.{name}"], folder, database_url)
    return json.loads(printed.splitlines()[-1])
