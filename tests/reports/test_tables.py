"""Reports of calibrations that are tables, and of those that have no tests."""

import csv

import pytest

from calibrations.domain.criteria import CRITERIA_VERSION
from reports.domain.clusters import find_clusters
from reports.domain.stages import plan_stages
from reports.services.gathering import StageEvidence
from reports.services.products import read_table
from reports.services.reports import write_report
from taxicab.errors import MiddlewareError
from tests.support.evidence import (
    GENERATION,
    NOISY,
    make_facts,
    make_result,
    make_table_stage,
)


def make_gains():
    """A gain for each amplifier, judged without an exposure; one is far off."""
    return [
        make_result(
            exposure=0,
            detector=detector,
            amplifier=f"C{amplifier:02d}",
            test="PTC_GAIN",
            statistic="abs(PTC_GAIN - AMP_GAIN) / AMP_GAIN",
            value=9.0 if (detector, f"C{amplifier:02d}") == NOISY else 1.0,
            limit=5.0,
            unit="%",
            passed=(detector, f"C{amplifier:02d}") != NOISY,
        )
        for detector in range(9)
        for amplifier in (*range(8), *range(10, 18))
    ]


@pytest.fixture(scope="module")
def written(paper_ticket, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    stage = make_table_stage("ptc", folder / "made", make_gains())
    (plan,) = plan_stages([GENERATION.format("defectDark", "")], [])
    untested = StageEvidence(plan)
    report = folder / "report"
    report.mkdir()
    stages = [stage, untested]
    return report, write_report(paper_ticket, stages, make_facts(), report)


def test_a_table_is_summed_up_and_written_whole(written):
    folder, summary = written
    product = summary["stages"][0]["product"]
    assert product["columns"] == [{"name": "GAIN", "unit": "e⁻/ADU"}]
    assert len(product["rows"]) == 9
    # The median leaves out what was not measured, and the vectors.
    gains = [1.3 + 0.2 * i / 15 for i in range(16) if i != 3]
    expected = f"{sorted(gains)[7]:.4g}"
    assert product["rows"][0] == {"name": "R22_S00", "n_rows": 16, "cells": [expected]}
    with (folder / product["file"]).open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9 * 16
    assert set(rows[0]) == {"detector", "AMPLIFIER_NAME", "GAIN"}


def test_what_has_no_exposure_speaks_of_none(written):
    folder, summary = written
    stage = summary["stages"][0]
    assert stage["n_exposures"] == 0
    (cluster,) = stage["clusters"]
    assert cluster["sentence"] == "R22_S11 C05"
    assert cluster["worst"]["place"] == "R22_S11 C05"
    captions = " ".join(plane["caption"] for plane in stage["focal_planes"])
    assert "of the calibration itself" in captions
    assert "exposure" not in captions
    page = (folder / "index.html").read_text()
    assert "exposure 0" not in page
    assert "verified in" in page
    assert "on 9 detectors" in page


def test_detectors_that_failed_have_their_grids_first(written):
    folder, summary = written
    plots = summary["stages"][0]["plots"]
    assert len(plots) == 9
    assert plots[0]["detector"] == "R22_S11"
    assert all((folder / plot["file"]).exists() for plot in plots)
    assert plots[0]["title"] == "PtcDetCore ptcPlot"
    assert plots[0]["file"] in (folder / "ptc.html").read_text()


def test_a_type_without_tests_is_not_missing(written):
    _, summary = written
    dark = summary["stages"][1]
    assert dark["verdict"] == "no tests"
    assert dark["missing"] == ""
    (absence,) = (a for a in dark["absences"] if a["what"] == "verification")
    assert not absence["is_missing"]
    page = (written[0] / "index.html").read_text()
    assert (
        "Not applicable, verification: There are no tests of dark_for_defects" in page
    )
    assert summary["verdict"] == "failed"


def test_a_detector_whose_amplifiers_failed_together_is_one_cluster():
    """Also where there are no exposures: all rows are of exposure 0."""
    results = [
        make_result(exposure=0, detector=d, amplifier=f"C0{a}", passed=d != 2, value=3)
        for d in range(4)
        for a in range(8)
    ]
    (cluster,) = find_clusters(results, detector_names={2: "R22_S02"})
    assert cluster.sentence == "R22_S02: 8 amplifiers"


def test_notes_are_those_of_the_version_that_judged():
    (plan,) = plan_stages([GENERATION.format("bias", "")], [])
    old = StageEvidence(plan, [make_result(criteria_version="2026.1")])
    new = StageEvidence(plan, [make_result(criteria_version=CRITERIA_VERSION)])
    other = StageEvidence(plan, [make_result(criteria_version="cp_verify")])
    key = ("AMP", "NOISE")
    assert "camera model's: upstream takes" in old.notes[key].upstream
    assert old.notes[key] != new.notes[key] == other.notes[key]


def test_a_table_that_is_gone_is_named(tmp_path):
    with pytest.raises(MiddlewareError, match=r"nothing\.parq"):
        read_table(tmp_path / "nothing.parq")
