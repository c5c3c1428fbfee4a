"""Killed with SIGKILL anywhere and run again, the end is that of an unbroken run."""

import random
from pathlib import Path

import pytest

from calibrations.butler import process
from calibrations.butler.errors import LostProcessError
from tests.support.gateway import GENERATED, TICKET, sha256

pytestmark = pytest.mark.long

SEED = 222


def begin(site):
    """Build and save the graph, and die before the first dataset."""
    gateway = site.gateway()

    def stop(event):
        if event["event"] == "graph":
            raise KeyboardInterrupt

    gateway.on_event = stop
    with pytest.raises(KeyboardInterrupt):
        gateway.run_pipeline(site.request())


def run_until_killed(call):
    """Call once; True if it came to its end before the kill."""
    try:
        call()
    except LostProcessError as lost:
        return lost.details["returncode"] != -9
    return True


def counted(site, call):
    """How many things an unbroken call does to files."""
    path = site.folder.with_name("count")
    gateway = site.killed_gateway(0, count_file=path)
    call(gateway)
    # Its count is written when the process ends, as it does when stdin is closed.
    for idle in list(process._idle):
        if idle.environment.get("KILLING_COUNT_FILE") == str(path):
            process._idle.remove(idle)
            idle.child.stdin.close()
            idle.child.wait(30)
    return int(path.read_text())


def test_a_generation_killed_at_seeded_instants_ends_as_an_unbroken_one(
    raw_site, tmp_path
):
    # The graph is built once; the repository and the graph's folder are copied.
    begin(raw_site)
    unbroken = raw_site.copied_to(tmp_path / "unbroken")
    total = counted(unbroken, lambda g: g.run_pipeline(unbroken.request()))
    expected = unbroken.products(GENERATED)
    assert len(expected) == 3

    random_ = random.Random(SEED)
    killed = 0
    for _ in range(5):
        gateway = raw_site.killed_gateway(
            random_.randint(1, total), delay_s=random_.choice([0, 0.001, 0.004])
        )
        killed += not run_until_killed(
            lambda gateway=gateway: gateway.run_pipeline(raw_site.request())
        )
    assert killed >= 2
    outcome = raw_site.gateway().run_pipeline(raw_site.request())
    assert outcome.resumed
    assert raw_site.products(GENERATED) == expected
    # Nothing half-written is left beside the datasets.
    assert raw_site.files(GENERATED).keys() == unbroken.files(GENERATED).keys()


def test_an_import_killed_anywhere_ends_as_an_unbroken_one(
    site, export, target, tmp_path
):
    unbroken = target.copied_to(tmp_path / "unbroken")
    total = counted(unbroken, lambda g: g.import_collection(str(export)))
    expected = unbroken.products(TICKET, ["bias"])
    assert expected == site.products(TICKET, ["bias"])

    random_ = random.Random(SEED)
    instants = [*random_.sample(range(1, total + 1), 3), total]
    for at in instants:
        gateway = target.killed_gateway(at)
        run_until_killed(lambda gateway=gateway: gateway.import_collection(str(export)))
    target.gateway().import_collection(str(export))
    assert target.products(TICKET, ["bias"]) == expected
    assert target.gateway().validity(TICKET) == unbroken.gateway().validity(TICKET)
    assert target.files("LSSTComCam").keys() == unbroken.files("LSSTComCam").keys()


def test_a_kill_inside_the_copy_of_a_file_leaves_it_unseen(export, target):
    # One file is made so large that its copy takes time, and the process is killed a
    # moment after it has opened the copy for writing.
    large = max(export.rglob("bias_*.fits"))
    whole = large.read_bytes()
    with large.open("ab") as file:
        file.truncate(500_000_000)
    gateway = target.killed_gateway(1, delay_s=0.05, name=f".{large.name}")
    with pytest.raises(LostProcessError):
        gateway.import_collection(str(export))
    datasets = target.repository / "LSSTComCam"
    (part,) = datasets.rglob(".*")
    assert 0 < part.stat().st_size < 500_000_000
    assert large.name not in {path.name for path in datasets.rglob("*.fits")}

    large.write_bytes(whole)
    target.gateway().import_collection(str(export))
    found = target.gateway().list_datasets([TICKET], ["bias"])
    assert {sha256(p) for p in export.rglob("bias_*.fits")} == {
        sha256(Path(d.path)) for d in found
    }
    assert not list(datasets.rglob(".*"))
