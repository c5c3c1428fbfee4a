"""Reports in the portal's design, and the files that are their evidence."""

import io
import zipfile

import pytest

from tests.support import evidence, pages


@pytest.fixture
def sealed(construction, seal):
    """A report with its files, of two exposures."""
    return seal(construction, ("bias", evidence.EXPOSURES[:2]))


def test_a_report_shows_what_failed_and_where(sealed, observer):
    page = pages.text_of(pages.visitor(observer).get("/reports/DM-100/1/"))
    for word in ("NOISE", "R22_S11 C05", "DMTN-101", "not measured"):
        assert word in page
    page = pages.text_of(pages.visitor(observer).get("/reports/DM-100/1/types/bias/"))
    assert "/reports/DM-100/1/files/parts/bias/planes/verdict.svg" in page


def test_files_are_handed_out_as_they_were_sealed(sealed, observer, stranger):
    browser = pages.visitor(observer)
    address = "/reports/DM-100/1/files"
    answer = browser.get(f"{address}/parts/bias/planes/verdict.svg")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert "immutable" in answer.headers["Cache-Control"]
    assert b"".join(answer.streaming_content).startswith(b"<svg")

    assert browser.get(f"{address}/bias.html").status_code == 200
    answer = browser.get(f"{address}/index.html")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]

    for name in ("../../portal.sqlite3", "..%2f..%2fportal.sqlite3", "nothing.png"):
        assert browser.get(f"{address}/{name}").status_code == 404
    answer = pages.visitor(stranger).get(f"{address}/parts/bias/planes/verdict.svg")
    assert answer.status_code == 404
    assert pages.visitor().get(f"{address}/index.html").status_code == 302


def test_the_folder_is_taken_away_whole(sealed, observer):
    answer = pages.visitor(observer).get("/reports/DM-100/1/archive.zip")
    packed = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    names = packed.namelist()
    assert "DM-100-report-1/index.html" in names
    assert "DM-100-report-1/manifest.json" in names


def test_a_report_is_asked_for(construction, scientist):
    pages.connect()
    browser = pages.visitor(scientist)
    page = pages.text_of(browser.get("/reports/DM-100/new/"))
    assert "checked" in page
    (verification,) = construction.generations.get().verifications.all()
    sent = {"verifications": [verification.pk]}
    answer = browser.post("/reports/DM-100/new/", sent, follow=True)
    assert "Report 1 of DM-100 is being made." in pages.text_of(answer)
    assert browser.get("/reports/DM-100/1/live/").status_code == 200
    construction.reports.update(status="failed")
    assert browser.get("/reports/DM-100/1/live/").status_code == 286
