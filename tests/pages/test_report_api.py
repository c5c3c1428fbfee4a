"""Images and consequences of a report over REST."""

import gzip

import numpy as np
import pytest

from reports.models import ReportConsequence
from reports.services import pins
from reports.services.pyramid import TILE, decode_tile
from taxicab.core.models import Job
from tests.support.pixels import SHAPE, list_image, make_pixels, write_image
from tests.support.rest import client_of

OLD, NEW = "LSSTComCam/calib/DM-99/t/bias.1a", "LSSTComCam/calib/DM-100/t/bias.1a"
CHANGES = "2026-11-08T18:00:00"


@pytest.fixture
def image(report, settings, tmp_path):
    settings.EVIDENCE_ROOT = tmp_path / "evidence"
    return list_image(report, write_image(tmp_path / "0.fits", make_pixels(1)))


@pytest.fixture
def address(report):
    return f"/api/v1/reports/{report.pk}"


def test_images_are_listed_and_chosen(image, report, address, observer, tmp_path):
    bare = list_image(report, tmp_path / "none.fits", detector=1, tiled=False)
    client = client_of(observer)
    listed = client.get(f"{address}/images/").json()
    assert listed["count"] == 2
    first, second = listed["results"]
    assert first == {
        "id": image.pk,
        "part": "bias",
        "detector": 0,
        "detector_name": "R22_S00",
        "exposure": 0,
        "is_suspect": False,
        "sha256": image.sha256,
        "has_tiles": True,
    }
    assert (second["id"], second["has_tiles"]) == (bare.pk, False)
    chosen = client.get(f"{address}/images/", {"detector": 1}).json()["results"]
    assert [one["id"] for one in chosen] == [bare.pk]
    assert client.get(f"{address}/images/", {"detector": "north"}).status_code == 400


def test_levels_and_pixels_are_those_of_the_file(image, address, observer):
    client = client_of(observer)
    about = client.get(f"{address}/images/{image.pk}/").json()
    assert about["shape"] == list(SHAPE)
    assert (about["unit"], about["binning"], about["tile"]) == ("electron", 1, TILE)
    assert about["numbers"]["n_finite"] == SHAPE[0] * SHAPE[1] - 1
    coarse = {"level": 1, "factor": 2, "shape": [150, 260], "rows": 1, "columns": 2}
    assert about["levels"][1] == coarse
    answer = client.get(f"{address}/images/{image.pk}/tiles/0/1/2/")
    assert answer.headers["Content-Type"] == "application/gzip"
    shape = SHAPE[0] - TILE, SHAPE[1] - 2 * TILE
    assert len(gzip.decompress(answer.content)) == 6 * shape[0] * shape[1]
    values, _ = decode_tile(answer.content, shape)
    np.testing.assert_array_equal(values, make_pixels(1)[TILE:, 2 * TILE :])
    answer = client.get(f"{address}/images/{image.pk}/tiles/9/0/0/")
    assert (answer.status_code, answer.json()["error"]) == (404, "tiles_missing")


def test_tiles_are_made_when_asked(report, address, observer, tmp_path, settings):
    settings.EVIDENCE_ROOT = tmp_path / "evidence"
    path = write_image(tmp_path / "0.fits", make_pixels(1))
    bare = list_image(report, path, tiled=False)
    client = client_of(observer)
    answer = client.get(f"{address}/images/{bare.pk}/")
    assert (answer.status_code, answer.json()["error"]) == (404, "tiles_missing")
    answer = client.post(f"{address}/images/{bare.pk}/tiles/")
    assert (answer.status_code, answer.json()["kind"]) == (202, "tiles")
    assert Job.objects.get().parameters["images"] == [bare.pk]
    assert client.get(f"{address}/images/{bare.pk + 1}/").status_code == 404


def test_notes_at_places_are_given(image, address, observer, monkeypatch):
    def source(shown, user):
        return pins.Pins([pins.Pin(12, 34, "a glow", "/taxicab/TAXICAB-1/#note-5")])

    monkeypatch.setattr(pins, "_SOURCES", [source])
    answer = client_of(observer).get(f"{address}/images/{image.pk}/pins/")
    place = {"x": 12, "y": 34, "text": "a glow"}
    assert answer.json() == [{**place, "address": "/taxicab/TAXICAB-1/#note-5"}]


def test_consequences_are_told_and_looked_up(report, address, observer):
    client = client_of(observer)
    assert client.get(f"{address}/consequence/").status_code == 404
    answer = client.post(f"{address}/consequence/")
    assert (answer.status_code, answer.json()["kind"]) == (202, "consequence")
    bias = {"type": "bias", "filter": "", "run": "run", "detectors": [0, 1]}
    old = bias | {"collection": OLD, "begin": "2026-09-01T12:00:00", "end": None}
    new = bias | {"collection": NEW, "begin": CHANGES, "end": None}
    ReportConsequence.objects.create(
        report=report,
        chain="LSSTComCam/calib",
        now=[old],
        then=[new, old],
        nights=[{"day_obs": 20261109, "filter": "r_03", "n": 12, "types": ["bias"]}],
        exposures={"2026110800012": ["2026-11-08T18:01:00", "r_03"]},
    )
    told = client.get(f"{address}/consequence/").json()
    assert (told["chain"], told["nights"][0]["n"]) == ("LSSTComCam/calib", 12)
    last = told["lanes"][0]["stretches"][-1]
    assert (last["begin"], last["end"], last["shadowed"]) == (CHANGES, None, [OLD])
    outcome = {"now": OLD, "then": NEW, "change": "replaced", "detectors": [0, 1]}
    assert last["outcomes"] == [outcome]

    there = f"{address}/consequence/look-up/"
    found = client.get(there, {"at": "2026110800012", "detector": 1}).json()
    assert found["instant"] == "2026-11-08T18:01:00"
    (one,) = found["calibrations"]
    assert (one["now"]["collection"], one["then"]["collection"]) == (OLD, NEW)
    assert one["is_changed"]
    (one,) = client.get(there, {"at": "2026-08-01"}).json()["calibrations"]
    assert (one["now"], one["then"]) == (None, None)
    for asked in (
        {"at": "2026110800013"},
        {"at": "now"},
        {},
        {"at": 1, "detector": "x"},
    ):
        assert client.get(there, asked).status_code == 400


def test_strangers_are_given_nothing(image, address, stranger):
    client = client_of(stranger)
    for tail in ("", f"{image.pk}/", f"{image.pk}/pins/", f"{image.pk}/tiles/0/0/0/"):
        assert client.get(f"{address}/images/{tail}").status_code == 404
    assert client.post(f"{address}/images/{image.pk}/tiles/").status_code == 404
    for tail in ("", "look-up/?at=2026-11-09"):
        assert client.get(f"{address}/consequence/{tail}").status_code == 404
    assert client.post(f"{address}/consequence/").status_code == 404
    assert client_of(None).get(f"{address}/images/").status_code in (401, 403)
    assert not Job.objects.exists()
