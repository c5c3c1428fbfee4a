"""The demonstration's command, with one detector: its end, and its end again."""

import json
import os
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings

from taxicab.board import services as board
from taxicab.demo.approval import decide
from taxicab.demo.progress import Narrator
from taxicab.demo.summary import is_complete
from tests.support import board as sets
from tests.support import deployments as make
from tests.support import sites


def live(data):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TAXICAB_")}
    return subprocess.run(
        [
            *(sys.executable, "manage.py", "demo", "--exit"),
            *("--detectors", "4"),
        ],
        cwd=settings.BASE_DIR,
        env=environment | {"TAXICAB_DATA": str(data)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=700,
        check=False,
    )


@pytest.mark.timeout(1200)
def test_the_demonstration_ends_deployed_everywhere_and_may_be_told_again(tmp_path):
    data = tmp_path / "data"
    told = live(data)
    assert told.returncode == 0, told.stdout + told.stderr
    path = data / "demo" / "summary.json"
    assert path.stat().st_mode & 0o777 == 0o600
    summary = json.loads(path.read_text())
    assert summary["stage"] == "deployed"
    assert [r["repository"] for r in summary["repositories"]] == [
        "USDF /repo/main",
        "Summit /repo/LSSTComCam",
        "TTS /repo/LSSTComCam",
    ]
    for repository in summary["repositories"]:
        assert repository["status"] == "deployed"
        assert repository["self_review"] == "passed"
        # Of one detector: bias, dark and flat, the defects, and what shows these.
        assert repository["datasets"] == 6
        assert {c["type"] for c in repository["calibrations"]} == {
            "bias",
            "dark",
            "dark_for_defects",
            "defects",
            "flat",
            "flat_for_defects",
        }
        assert repository["repository"] in told.stdout
    assert len(summary["observer_token"]) == 40
    for user in summary["users"]:
        assert user["password"] in told.stdout

    # The Butler has what the summary says, and telling it again changes nothing.
    roots = [data / "repos" / f for f in ("usdf/main", "summit/LSSTComCam")]
    before = [sites.inventory(root) for root in roots]
    for root in roots:
        assert sites.chain(root) == ["LSSTComCam/calib/DM-47447"]
    again = live(data)
    assert again.returncode == 0, again.stdout + again.stderr
    assert [sites.inventory(root) for root in roots] == before
    told_again = json.loads(path.read_text())
    for key in ("repositories", "users", "observer_token", "collections"):
        assert told_again[key] == summary[key]


@pytest.mark.django_db
def test_a_deployment_that_is_only_filed_is_not_complete(
    scientist, deployer, instrument
):
    make.connect("USDF", "/repo/main", folder="/none", queue="usdf")
    taxicab = make.make_adopted("DM-100", owner=scientist, instrument=instrument)
    assert not is_complete(make.file(taxicab, "DM-200", by=deployer))


@pytest.mark.django_db
@pytest.mark.parametrize("n_failures", [0, 1, 2])
def test_the_board_adopts_despite_what_it_waives(
    scientist, members, instrument, n_failures
):
    construction = sets.make_set("DM-100", owner=scientist, instrument=instrument)
    clusters = [
        ("bias", sets.make_cluster(detector=detector)) for detector in range(n_failures)
    ]
    report = sets.make_report(construction, clusters=clusters)
    taxicab = board.hail(construction, report=report, by=scientist)
    told = StringIO()
    # Interrupted after the objection, it goes on.
    tomas = members[1]
    tomas.first_name = "Tomás"
    tomas.save()
    board.raise_objection(taxicab, about="the flat", reason="Saturated?", by=tomas)
    decide(taxicab, Narrator(told))
    assert taxicab.stage == "adopted"
    assert taxicab.waivers.count() == n_failures
    said = {1: "waives 1 failure for half a year", 2: "waives 2 failures for half"}
    assert said.get(n_failures, "") in told.getvalue()
    # Who made the set neither waives nor decides.
    by = {waiver.written_by.username for waiver in taxicab.waivers.all()}
    assert by <= {"ines"}
    assert (taxicab.decided_by, taxicab.objections.get().status) == (tomas, "resolved")
    assert "Tomás: adopt" in told.getvalue()
    assert "TAXICAB-1 is adopted." in told.getvalue()


@pytest.mark.django_db
def test_each_waiver_has_the_reason_of_its_kind(scientist, members, instrument):
    construction = sets.make_set("DM-100", owner=scientist, instrument=instrument)
    bad = sets.make_cluster(kind="exposure", exposure=37, detector=-1, amplifier="")
    gone = sets.make_cluster(kind="unmeasured", exposure=37, detector=-1, value=None)
    gone |= {"tests": ["AMP MEAN", "AMP NOISE"], "amplifier": ""}
    clusters = [("bias", one) for one in (sets.make_cluster(), bad, gone)]
    report = sets.make_report(construction, clusters=clusters)
    report.summary["stages"][0]["missing"] = "It was not verified."
    report.save()
    taxicab = board.hail(construction, report=report, by=scientist)
    decide(taxicab, Narrator(StringIO()))
    reasons = {one.kind: one.reason for one in taxicab.waivers.all()}
    assert reasons.keys() == {"amplifier", "exposure", "unmeasured", "missing"}
    assert len(set(reasons.values())) == 4
    assert reasons["amplifier"].startswith("C05 has been noisier")
    assert "NOISE fails on exposure 37 alone" in reasons["exposure"]
    assert "(AMP MEAN, AMP NOISE)" in reasons["unmeasured"]
