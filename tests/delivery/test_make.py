"""What make says on a machine that lacks something."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH of its own, which a test fills."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def install(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def make(programs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(shutil.which("make")), "--no-print-directory", *arguments],
        cwd=ROOT,
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )


def sentences(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What was said, beside make's own last line."""
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if not line.startswith("make")]


def test_other_python_is_refused(programs: Path, tmp_path: Path) -> None:
    install(programs, "python3", "exit 1")  # it is not one of those we run on
    done = make(programs, "venv", f"VENV={tmp_path / 'venv'}")
    assert done.returncode != 0
    (sentence,) = sentences(done)
    assert sentence.startswith("The portal needs Python 3.11 or 3.12")
    assert not (tmp_path / "venv").exists()


def test_missing_venv_module_is_named(programs: Path, tmp_path: Path) -> None:
    install(programs, "python3.12", 'case "$2" in *ensurepip*) exit 1;; esac')
    done = make(programs, "venv", f"VENV={tmp_path / 'venv'}")
    assert done.returncode != 0
    (sentence,) = sentences(done)
    assert "install Debian's python3-venv" in sentence


def test_missing_chromium_fails_with_what_to_install(programs: Path) -> None:
    install(programs, "id", "echo 1000")  # neither root nor sudo
    done = make(programs, "chromium")
    assert done.returncode != 0
    (sentence,) = sentences(done)
    assert "apt-get install chromium" in sentence


def test_chromium_is_installed_by_who_may(programs: Path) -> None:
    install(programs, "id", "echo 0")
    cp, chmod = shutil.which("cp"), shutil.which("chmod")
    install(programs, "env", f'{cp} "$0" "{programs}/chromium"; {chmod} +x "$0"')
    install(programs, "apt-get", "exit 0")
    done = make(programs, "chromium")
    assert done.returncode == 0, done.stderr
    assert (programs / "chromium").exists()


def test_locks_are_hashed_and_name_no_index() -> None:
    for name in ("base", "dev"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        assert "://" not in text
        assert "--index" not in text
        pins = [
            line for line in text.splitlines() if "==" in line[:80] and line[0] != " "
        ]
        assert pins
        assert text.count("--hash=sha256:") >= len(pins)


def test_continuous_integration_reads_no_input() -> None:
    for script in (ROOT / ".ci" / "run", ROOT / ".ci" / "lint"):
        assert os.access(script, os.X_OK)
        text = script.read_text()
        assert "set -euo pipefail" in text
        assert "exec </dev/null" in text
