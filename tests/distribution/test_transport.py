"""Transports: a copy that can be cut off anywhere, and a site's own command."""

import os
import signal
import subprocess
import sys
import time

import pytest

from distribution.manifest import seal_folder, verify_folder
from distribution.transport import (
    TransportCancelledError,
    TransportError,
    copy_sealed,
    run_command,
)
from taxicab.errors import InputError


@pytest.fixture
def sealed(tmp_path):
    source = tmp_path / "origin" / "DM-2"
    (source / "export" / "deep").mkdir(parents=True)
    for number in range(4):
        (source / "export" / f"{number}.fits").write_bytes(os.urandom(1000))
    (source / "export" / "deep" / "big.fits").write_bytes(os.urandom(3_000_000))
    return source, seal_folder(source)


def test_copy_arrives_whole_and_readable(sealed, tmp_path):
    source, manifest = sealed
    destination = tmp_path / "summit" / "inbox" / "DM-2"
    seen = []
    before = os.umask(0o077)
    try:
        copied = copy_sealed(
            source, destination, on_file=lambda done, planned: seen.append(done)
        )
    finally:
        os.umask(before)
    assert copied == 5
    assert seen == [0, 1, 2, 3, 4, 5]
    assert verify_folder(destination, manifest_sha256=manifest.sha256) == []
    assert destination.stat().st_mode & 0o777 == 0o755
    assert (destination / "export/0.fits").stat().st_mode & 0o777 == 0o644


def test_copying_again_copies_nothing(sealed, tmp_path):
    source, manifest = sealed
    destination = tmp_path / "inbox" / "DM-2"
    copy_sealed(source, destination)
    assert copy_sealed(source, destination) == 0
    assert verify_folder(destination, manifest_sha256=manifest.sha256) == []


def test_copying_again_repairs(sealed, tmp_path):
    source, manifest = sealed
    destination = tmp_path / "inbox" / "DM-2"
    copy_sealed(source, destination)
    (destination / "export/0.fits").write_bytes(b"damaged")
    (destination / "export/1.fits").unlink()
    (destination / "export/2.fits").unlink()
    (destination / "export/2.fits").symlink_to(source / "export/2.fits")
    (destination / "stranger").write_bytes(b"")
    assert copy_sealed(source, destination) == 3
    assert verify_folder(destination, manifest_sha256=manifest.sha256) == []


def test_cancelled_copy_goes_on_later(sealed, tmp_path):
    source, manifest = sealed
    destination = tmp_path / "inbox" / "DM-2"
    answers = iter([False] * 3)
    with pytest.raises(TransportCancelledError):
        copy_sealed(source, destination, should_cancel=lambda: next(answers, True))
    assert not destination.exists()
    assert 0 < copy_sealed(source, destination) < 5
    assert verify_folder(destination, manifest_sha256=manifest.sha256) == []


def test_killed_inside_a_file_goes_on_later(sealed, tmp_path):
    source, manifest = sealed
    destination = tmp_path / "inbox" / "DM-2"
    # The copier stops inside the big file, on its second chunk, and is killed there.
    code = (
        "import sys, time; from pathlib import Path;"
        "from distribution.transport import copy_sealed;"
        "big = Path(sys.argv[2]).parent / '.DM-2.partial/export/deep/big.fits.part';"
        "copy_sealed(Path(sys.argv[1]), Path(sys.argv[2]), should_cancel=lambda:"
        " big.exists() and time.sleep(60))"
    )
    child = subprocess.Popen([sys.executable, "-c", code, source, destination])
    part = destination.parent / ".DM-2.partial/export/deep/big.fits.part"
    deadline = time.monotonic() + 60
    while not part.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert part.exists()
    assert not destination.exists()
    copy_sealed(source, destination)
    assert verify_folder(destination, manifest_sha256=manifest.sha256) == []


def test_command_gets_paths_as_single_words(tmp_path):
    source = tmp_path / "it's; a $HOME source"
    source.mkdir()
    (source / "file").write_text("content")
    destination = tmp_path / "{source} there"
    said = []
    line = run_command(
        "cp -rv {source}/. {destination}",
        source=source,
        destination=destination,
        log=tmp_path / "log",
        say=said.append,
    )
    assert (destination / "file").read_text() == "content"
    assert said[0] == f"$ {line}"
    assert "file" in said[-1]


def test_failing_command_says_its_code_and_last_words(tmp_path):
    with pytest.raises(TransportError, match=r"code 3: .*no space left") as error:
        run_command(
            "sh -c 'echo no space left >&2; exit 3' {source} {destination}",
            source=tmp_path,
            destination=tmp_path,
            log=tmp_path / "log",
        )
    assert error.value.details["code"] == 3


def test_cancelled_command_ends_with_all_it_started(tmp_path):
    begun = time.monotonic()
    with pytest.raises(TransportCancelledError):
        run_command(
            "sh -c 'sleep 600 & sleep 600' {source} {destination}",
            source=tmp_path,
            destination=tmp_path,
            log=tmp_path / "log",
            should_cancel=lambda: True,
        )
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("", "lacks {source} and {destination}"),
        ("rsync {source} there:/inbox", "lacks {destination}"),
        ("cp '{source} {destination}", "cannot be read"),
    ],
)
def test_bad_templates_are_refused(tmp_path, template, words):
    with pytest.raises(InputError, match=words):
        run_command(
            template, source=tmp_path, destination=tmp_path, log=tmp_path / "log"
        )


def test_command_that_is_not_installed(tmp_path):
    with pytest.raises(TransportError, match="Is it installed"):
        run_command(
            "no-such-program {source} {destination}",
            source=tmp_path,
            destination=tmp_path,
            log=tmp_path / "log",
        )
