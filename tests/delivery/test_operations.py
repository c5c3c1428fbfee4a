"""What the code reads from the environment, the operator finds in the manual."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"[\"'](TAXICAB_[A-Z_]+)[\"']")
ROOMS = ("taxicab", "calibrations", "reports", "distribution")


def test_every_variable_is_in_the_manual() -> None:
    read = {
        name
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if "migrations" not in path.parts
        for name in NAME.findall(path.read_text())
    }
    assert "TAXICAB_SECRET_KEY" in read
    manual = (ROOT / "docs" / "operations.md").read_text()
    assert not {name for name in read if f"| `{name}` |" not in manual}


def test_every_documented_variable_is_read() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text()
    code = "".join(
        path.read_text() for room in ROOMS for path in (ROOT / room).rglob("*.py")
    )
    listed = set(re.findall(r"^\| `(TAXICAB_[A-Z_]+)` \|", manual, re.MULTILINE))
    assert listed
    # A secret's NAME_FILE is read through NAME: environment.read_secret.
    assert not {
        name
        for name in listed
        if f'"{name}"' not in code and f'"{name.removesuffix("_FILE")}"' not in code
    }
