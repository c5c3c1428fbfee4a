"""A report of a real set, from a real repository."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from calibrations.domain.cameras import camera
from calibrations.models import MetricResult
from reports import tasks
from reports.models import ReportStatus, VerificationReport
from reports.services.evidence import check_evidence, evidence_file
from reports.services.figures import figure_file, list_figures
from reports.services.parts import Change, changed_parts
from reports.services.reports import request_report
from taxicab.core.models import JobStatus
from taxicab.core.services.jobs import requeue_job
from taxicab.errors import ForbiddenError, InputError
from tests.support import construction as make
from tests.support import people
from tests.support.consequences import check_consequence
from tests.support.pixels import check_pixels
from tests.support.rest import client_of


def check_noise(report):
    """Profiles and spectrum of the real frames: the noise is the camera's."""
    assert {"rows", "columns", "spectrum"} <= {
        entry.key for entry in list_figures(report, "bias")
    }
    path = figure_file(report, "bias", "spectrum", (0, "C10"), "parquet")
    power = pq.read_table(path)["median (e⁻²)"].to_numpy()
    noise_e = camera("LSSTComCam").detector(0).amplifiers["C10"].read_noise_e
    assert np.sqrt(power.mean()) == pytest.approx(noise_e, rel=0.2)


def build(report):
    tasks.build_report(report.job_id)
    report.refresh_from_db()
    return report


def test_a_set_is_reported(
    build_place, scientist, observer, instrument, settings, tmp_path
):
    ticket = make.make_ticket(scientist, instrument)
    detectors = ("R22_S00", "R22_S01")
    make.curate_defects(ticket, tmp_path / "curated", detectors)
    chosen = make.choose(ticket, "bias", scientist)
    later = make.choose(ticket, "bias", scientist, night=make.SECOND_NIGHT)
    bias = make.generate(ticket, chosen, scientist)
    verification = make.verify(bias, scientist, [chosen, later])
    make.certify(bias, scientist)
    # A dark is generated, and nobody verifies it.
    dark = make.generate(ticket, make.choose(ticket, "dark", scientist), scientist)
    assert dark.status == "succeeded", dark.jobs.get().log

    report = request_report(
        ticket, verifications=[verification], by=scientist, task=tasks.build_report
    )
    assert (report.version, report.status) == (1, ReportStatus.BUILDING)
    assert report.job.repository == build_place
    build(report)
    job = report.job
    job.refresh_from_db()
    assert report.status == ReportStatus.READY, job.message + job.traceback + job.log
    assert check_evidence(report) == []
    assert job.commands == [
        f"cpv_report.py -r {build_place.location} -O report"
        f" -c {verification.collection} -c {bias.collection} -c {dark.collection}"
    ]

    # The numbers are those of the results that the portal keeps.
    summary = report.summary
    told, missing = summary["stages"]
    assert (told["key"], told["missing"]) == ("bias", "")
    results = MetricResult.objects.filter(verification=verification)
    assert summary["counts"]["results"] == results.count()
    for line in told["lines"]:
        rows = results.filter(test=line["test"], level=line["level"])
        assert line["n_failed"] == rows.filter(passed=False).count()
        assert line["n_results"] == rows.count() > 0

    # What is missing is said.
    assert missing["key"] == "dark"
    assert f"dark: {missing['missing']}" in summary["missing"]
    absent = {one["what"] for one in missing["absences"] if one["is_missing"]}
    assert absent == {"verification", "validity"}
    assert [one for one in told["absences"] if one["is_missing"]] == []
    assert f"{dark.collection} was not verified" in missing["missing"]
    assert (missing["verdict"], summary["verdict"]) != ("passed", "passed")

    # Both detectors have their combined images, with a unit, and a residual.
    for stage in (told, missing):
        assert [d["name"] for d in stage["detectors"]] == ["R22_S00", "R22_S01"]
        assert all(d["combined"] for d in stage["detectors"])
    assert told["combined_range"].endswith("e⁻")
    assert missing["combined_range"].endswith("e⁻/s")
    night = make.SECOND_NIGHT
    latest = [d["residuals"][0]["exposure"] for d in told["detectors"]]
    assert [exposure // 100000 for exposure in latest] == [night, night]

    # Inputs, commands, versions, collections and validity are there.
    assert {i["where"] for i in summary["inputs"]} >= {chosen.where, later.where}
    assert summary["inputs"][0]["override_reason"] == "A test has few."
    assert any("pipetask" in line for c in summary["commands"] for line in c["lines"])
    path = evidence_file(report, "parts/bias/headers.json")
    headers = json.loads(path.read_text())
    ids = {e["id"] for i in (chosen, later) for e in i.exposures}
    assert {one["exposure"] for one in headers} == ids
    keywords = [{card[0] for card in one["cards"]} for one in headers]
    assert all({"OBSID", "IMGTYPE", "EXPTIME"} <= found for found in keywords)
    packages = {v["package"] for v in summary["versions"]}
    assert any("daf" in package for package in packages), packages
    assert {c["type"] for c in summary["collections"]} >= {"RUN", "CALIBRATION"}
    (valid,) = (one for one in summary["validity"] if one["type"] == "bias")
    assert (valid["begin_tai"], valid["end_tai"]) == (make.BEGIN, "")
    assert valid["run"] == bias.collection
    assert valid["detectors"] == [0, 1]

    check_pixels(report)
    check_noise(report)
    check_consequence(report, bias)

    # Asked for again, it is another version with the same evidence.
    again = request_report(
        ticket,
        verifications=[verification.collection],
        by=scientist,
        task=tasks.build_report,
    )
    build(again)
    assert (again.version, again.sha256) == (2, report.sha256)
    assert [part.key for part in again.parts.all()] == ["bias", "dark"]
    assert {c.change for c in changed_parts(again)} == {Change.SAME}
    assert changed_parts(report) == []

    # Without the verification the bias is another part, and the dark what it was.
    third = request_report(
        ticket,
        verifications=[],
        generations=[bias, dark],
        by=scientist,
        task=tasks.build_report,
    )
    build(third)
    changed, same = changed_parts(third)
    assert (changed.key, changed.change) == ("bias", Change.CHANGED)
    assert {"metrics", "commands", "inputs"} <= set(changed.aspects)
    assert "calibration" not in changed.aspects
    assert (same.key, same.change) == ("dark", Change.SAME)
    assert len(list(settings.EVIDENCE_ROOT.glob("?" * 64))) == 2 + 3
    last = request_report(
        ticket,
        verifications=[],
        generations=[dark],
        by=scientist,
        task=tasks.build_report,
    )
    build(last)
    assert [c.change for c in changed_parts(last)] == [Change.SAME, Change.REMOVED]

    # REST gives the tables and the files.
    client = client_of(observer)
    address = f"/api/v1/reports/{report.pk}/"
    assert client.get(address).json()["summary"] == json.loads(json.dumps(summary))
    row = client.get("/api/v1/reports/?ticket=DM-47447").json()["results"][0]
    assert (row["version"], row["verdict"]) == (4, last.summary["verdict"])
    latest = client.get(f"/api/v1/reports/{third.pk}/").json()
    hashes = [part["sha256"] for part in latest["parts"]]
    assert hashes == [changed.sha256, same.sha256]
    assert [c["change"] for c in latest["changed_parts"]] == ["changed", "same"]
    image = told["detectors"][0]["combined"]
    answer = client.get(f"{address}files/{image}")
    assert answer["Content-Type"] == "image/png"
    assert (
        b"".join(answer.streaming_content) == evidence_file(report, image).read_bytes()
    )
    assert client.get(f"{address}files/../../portal.sqlite3").status_code == 404

    # A damaged image ends the job with a sentence, and the report can be made again.
    broken = request_report(
        ticket, verifications=[verification], by=scientist, task=tasks.build_report
    )
    path = find_image(build_place.location, "bias")
    kept = path.read_bytes()
    path.write_bytes(b"not FITS")
    build(broken)
    broken.job.refresh_from_db()
    assert (broken.status, broken.job.status) == (ReportStatus.FAILED, JobStatus.FAILED)
    assert f"{path} cannot be read" in broken.job.message
    path.write_bytes(kept)
    requeue_job(broken.job, by=scientist)
    broken.refresh_from_db()
    assert broken.status == ReportStatus.BUILDING
    assert build(broken).sha256 == report.sha256


def find_image(root, calib_type):
    from pathlib import Path

    for path in sorted(Path(root).rglob(f"*/{calib_type}/**/*.fits")):
        with fits.open(path) as hdus:
            if hdus[0].header.get("OBSTYPE") == calib_type:
                return path
    raise AssertionError(f"There is no {calib_type} under {root}.")


def test_a_report_of_nothing_is_refused(build_place, scientist, instrument):
    ticket = make.make_ticket(scientist, instrument)
    with pytest.raises(InputError, match="needs a generation or a verification"):
        request_report(ticket, verifications=[], by=scientist, task=tasks.build_report)
    with pytest.raises(InputError):
        request_report(
            ticket, verifications=["u/nora/mine"], by=scientist, task=tasks.build_report
        )
    of_another = "LATISS/calib/DM-47447/gainFixup/verifyBias.20261109a"
    with pytest.raises(InputError, match="is of LATISS; DM-47447 is about LSSTComCam"):
        request_report(
            ticket, verifications=[of_another], by=scientist, task=tasks.build_report
        )
    assert not VerificationReport.objects.exists()


def test_a_run_that_is_not_there_is_named(build_place, scientist, instrument):
    ticket = make.make_ticket(scientist, instrument)
    name = "LSSTComCam/calib/DM-47447/gainFixup/verifyBias.20261109a"
    report = request_report(
        ticket, verifications=[name], by=scientist, task=tasks.build_report
    )
    build(report)
    report.job.refresh_from_db()
    assert report.status == ReportStatus.FAILED
    assert name in report.job.message


def test_reports_take_the_calibration_team(build_place, scientist, instrument):
    ticket = make.make_ticket(scientist, instrument)
    member = people.make_person("ines", "board", instrument)
    with pytest.raises(ForbiddenError):
        request_report(ticket, verifications=[], by=member, task=tasks.build_report)
