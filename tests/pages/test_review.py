"""The review room's pages of a report: what matters, the plane, figures."""

import gzip
import json

import pytest

from taxicab.errors import NotFoundError
from tests.support import evidence, pages

REPORT = "/reports/DM-100/1"


@pytest.fixture
def sealed(construction, seal, settings, tmp_path):
    """A report of two types with its files, of three exposures."""
    settings.WORK_ROOT = tmp_path / "work"
    exposures = (*evidence.EXPOSURES[:2], evidence.SATURATED)
    return seal(construction, ("bias", exposures), ("flat", exposures, "r"))


def test_the_verdict_page_counts_and_folds(sealed, observer):
    page = pages.text_of(pages.visitor(observer).get(f"{REPORT}/"))
    for word in ("passed", "failed", "advisory", "not measured", "missing"):
        assert f"</span> {word}</span>" in page, word
    assert "Exposure 2026110800004: 143 of 143 amplifiers" in page
    assert "the first report of this camera" in page
    assert page.count('role="listitem"') <= 10
    # Without scripts each row leads to a page of its own.
    assert f'href="{REPORT}/clusters/bias/AMP/NOISE/?raft=R22&amp;detector=4' in page


def test_all_clusters_are_one_click_away(sealed, observer):
    browser = pages.visitor(observer)
    n = sum(len(stage["clusters"]) for stage in sealed.summary["stages"])
    page = pages.text_of(browser.get(f"{REPORT}/?rows=all"))
    assert page.count('role="listitem"') == n


def test_a_row_opens_in_place_and_as_a_page(sealed, observer):
    browser = pages.visitor(observer)
    address = f"{REPORT}/clusters/bias/AMP/NOISE/?raft=R22&detector=4&amplifier=C05"
    whole = pages.text_of(browser.get(address))
    part = pages.text_of(browser.get(address, headers={"HX-Request": "true"}))
    for page in (whole, part):
        assert "Over its exposures" in page
        assert "R22_S11, residual of" in page
        assert f"{REPORT}/detectors/R22_S11/C05/?part=bias" in page
        assert f"{REPORT}/plane/?part=bias&amp;test=AMP.NOISE" in page
    assert "<main" in whole
    assert "<main" not in part
    assert browser.get(address.replace("=4", "=x")).status_code == 400
    assert browser.get(f"{REPORT}/clusters/bias/AMP/NO/").status_code == 404
    assert browser.get(f"{REPORT}/clusters/dark/AMP/NOISE/").status_code == 404


def test_every_type_has_its_page(sealed, observer):
    page = pages.text_of(pages.visitor(observer).get(f"{REPORT}/types/flat-r/"))
    assert "flat-r: focal plane" in page
    assert "DMTN-101" in page


def test_provenance_says_what_it_was_made_from(sealed, observer):
    page = pages.text_of(pages.visitor(observer).get(f"{REPORT}/provenance/"))
    assert "Validity" in page
    assert "pipetask run" in page
    n = len(evidence.EXPOSURES) - 1
    assert f"3 keywords the same in all {n}" in page
    assert "SEQNUM" in page
    assert "The file of its raw is gone." in page
    assert f"{REPORT}/files/parts/bias/headers.json" in page


def test_a_report_made_before_says_that_it_has_no_headers(
    sealed, observer, monkeypatch
):
    def refuse(report, name):
        raise NotFoundError(f"{report} has no file {name!r}.")

    monkeypatch.setattr("reports.views.verdict.evidence_file", refuse)
    page = pages.text_of(pages.visitor(observer).get(f"{REPORT}/provenance/"))
    assert page.count("not kept when this report was made") == 2
    assert "All cards" not in page


def test_the_plane_says_the_same_without_scripts(sealed, observer):
    browser = pages.visitor(observer)
    query = "?test=bias/AMP.NOISE&over=worst&show=margin&low=-0.5&high=0.5"
    page = pages.text_of(browser.get(f"{REPORT}/plane/{query}"))
    assert f'<img src="{REPORT}/plane/plane.svg?test=bias%2FAMP.NOISE' in page
    assert "R22_S11 C05</a></th>" in page
    assert "40 % over" in page
    picture = browser.get(f"{REPORT}/plane/plane.svg{query}")
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert picture.content.count(b"<path fill=") == 144


def test_numbers_come_compressed_and_can_be_kept(sealed, observer):
    browser = pages.visitor(observer)
    headers = {"Accept-Encoding": "gzip"}
    answer = browser.get(
        f"{REPORT}/plane/values.json?test=bias/AMP.NOISE", headers=headers
    )
    assert "max-age" in answer.headers["Cache-Control"]
    data = json.loads(gzip.decompress(answer.content))
    assert len(data["value"]) == len(data["margin"]) == 144
    assert data["failed"][4 * 16 :].count(3) >= 1
    plane = browser.get("/reports/cameras/LSSTComCam/plane.svg", headers=headers)
    assert gzip.decompress(plane.content).count(b'<path id="a') == 144


def test_what_cannot_be_shown_is_said(sealed, observer):
    browser = pages.visitor(observer)
    for query, status in (
        ("?test=bias/AMP.NOTHING", 404),
        ("?test=dark/AMP.NOISE", 404),
        ("?show=colour", 400),
        ("?low=much", 400),
        ("?test=bias/AMP.NOISE&over=7", 400),
    ):
        assert browser.get(f"{REPORT}/plane/{query}").status_code == status, query


def test_detectors_and_amplifiers_have_pages(sealed, observer):
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get(f"{REPORT}/detectors/R22_S11/?part=bias"))
    assert 'data-step="["' in page
    assert 'data-step="]"' in page
    assert "detectors/R22_S10/" in page
    assert "detectors/R22_S12/" in page
    assert "failed on 3 of 3" in page
    amplifier = pages.text_of(browser.get(f"{REPORT}/detectors/R22_S11/C05/?part=bias"))
    assert "NOISE: " in amplifier
    assert "3 of 3 failed" in amplifier
    assert browser.get(f"{REPORT}/detectors/R99_S11/").status_code == 404
    assert browser.get(f"{REPORT}/detectors/R22_S11/C99/").status_code == 404


def test_figures_stand_with_what_to_look_for(sealed, observer):
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get(f"{REPORT}/figures/?part=bias"))
    assert "Look for" in page
    address = f"{REPORT}/figures/bias/distribution.AMP.NOISE"
    for form, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("csv", b"exposure")):
        answer = browser.get(f"{address}.{form}")
        assert b"".join(answer.streaming_content).startswith(start)
        assert "script" not in answer.headers["Content-Security-Policy"]
    assert browser.get(f"{address}.pdf").status_code == 404


def test_who_may_not_read_the_camera_sees_nothing(sealed, stranger):
    browser = pages.visitor(stranger)
    for path in (
        f"{REPORT}/",
        f"{REPORT}/plane/",
        f"{REPORT}/plane/values.json",
        f"{REPORT}/plane/plane.svg",
        f"{REPORT}/detectors/R22_S11/",
        f"{REPORT}/detectors/R22_S11/C05/",
        f"{REPORT}/figures/",
        f"{REPORT}/figures/bias/distribution.AMP.NOISE.csv",
        f"{REPORT}/clusters/bias/AMP/NOISE/",
        f"{REPORT}/types/bias/",
        f"{REPORT}/provenance/",
        "/reports/cameras/LSSTComCam/plane.svg",
    ):
        assert browser.get(path).status_code == 404, path


def test_a_report_of_nothing_teaches(construction, report, observer):
    browser = pages.visitor(observer)
    address = f"/reports/{construction.key}/{report.version}"
    assert "No test was made" in pages.text_of(browser.get(f"{address}/"))
    assert "nothing to show" in pages.text_of(browser.get(f"{address}/plane/"))
    assert "has no part" in pages.text_of(browser.get(f"{address}/figures/"))
