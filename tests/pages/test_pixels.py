"""The page of pixels: what it lists, who sees it, and what is said when tiles fail."""

import gzip
import os

import numpy as np
import pytest

from reports.models import ImageRank, ReportImage
from reports.services import pins, viewer
from reports.services.bindings import write_hashes
from reports.services.evidence import SealedPart
from reports.services.pixels import (
    comparable_images,
    default_comparison,
    keep_images,
    make_report_tiles,
    queue_first_tiles,
    request_tiles,
)
from reports.services.pyramid import TILE, decode_tile
from reports.services.tile_making import hash_image
from reports.services.tiles import has_tiles
from reports.tasks import make_tiles as task
from taxicab.core.models import Job, JobStatus
from taxicab.core.services.jobs import JobCancelledError, JobRecorder
from taxicab.errors import ConflictError, MiddlewareError
from tests.support import board as make
from tests.support import evidence, pages
from tests.support.pixels import SHAPE, list_image, make_pixels, write_image

ADDRESS = "/reports/DM-100/1/pixels/"


@pytest.fixture
def report(construction, settings, tmp_path):
    settings.EVIDENCE_ROOT = tmp_path / "evidence"
    return make.make_report(construction)


@pytest.fixture
def image(report, tmp_path):
    """The combined bias of one detector."""
    return list_image(report, write_image(tmp_path / "0.fits", make_pixels(1)))


def tile_of(image, place="0/0/0"):
    return f"{ADDRESS}{image.sha256}/{place}"


def make_recorder(report, images):
    job = request_tiles(report, images, by=None, task=task)
    Job.objects.filter(pk=job.pk).update(status=JobStatus.RUNNING)
    job.refresh_from_db()
    return JobRecorder(job)


def seal(stage, settings):
    """Keep no more of a part than the hashes of its files."""
    part = SealedPart(stage.plan.key, "bias", "", "", "a" * 64)
    folder = settings.EVIDENCE_ROOT / part.sha256
    folder.mkdir(parents=True)
    write_hashes(stage, folder)
    return part


def test_a_report_lists_its_images_those_that_failed_first(report, tmp_path, settings):
    exposures = evidence.EXPOSURES[:2]
    stage = evidence.make_stage("bias", tmp_path / "fits", exposures=exposures)
    stage.mosaics[0] = str(write_image(tmp_path / "mosaic.fits", make_pixels(9)))
    sealed = seal(stage, settings)
    for _ in range(2):  # once more after a worker died
        keep_images(report, [stage], [sealed])
    listed = list(report.images.all())
    assert len(listed) == 1 + len(stage.combined) + len(stage.residuals)
    assert listed[0].is_plane
    failed = {r.detector for r in stage.results if not r.passed} & set(stage.combined)
    assert failed
    assert {i.detector for i in listed if i.rank == ImageRank.COMBINED_FAILED} == failed
    latest = {i.exposure for i in listed if i.rank == ImageRank.LATEST_FAILED}
    assert latest == {max(exposures)}
    assert [i.rank for i in listed] == sorted(i.rank for i in listed)
    assert all(i.path and i.sha256 == hash_image(i.path) for i in listed)


def test_pixels_arrive_as_the_file_has_them(image, observer):
    browser = pages.visitor(observer)
    answer = browser.get(tile_of(image), headers={"Accept-Encoding": "gzip, br"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]
    assert "private" in answer.headers["Cache-Control"]
    values, _ = decode_tile(answer.content, (TILE, TILE))
    np.testing.assert_array_equal(values[:100], make_pixels(1)[:100, :TILE])
    plain = browser.get(tile_of(image))
    assert "Content-Encoding" not in plain.headers
    assert plain.content == gzip.decompress(answer.content)
    assert browser.get(tile_of(image, "9/0/0")).status_code == 404


def test_only_readers_of_the_report_see_its_tiles(
    image, construction, observer, stranger, tmp_path
):
    preview = f"{ADDRESS}{image.sha256}/preview.png"
    assert pages.visitor(observer).get(preview).status_code == 200
    for address in (ADDRESS, tile_of(image), preview, f"{ADDRESS}live/"):
        assert pages.visitor(stranger).get(address).status_code == 404
        assert pages.visitor().get(address).status_code == 302
    sent = {"part": "bias", "detector": 0}
    answer = pages.visitor(stranger).post(f"{ADDRESS}make/", sent)
    assert (answer.status_code, Job.objects.count()) == (404, 0)

    # A report gives what it lists, not what another one does.
    other = make.make_report(construction)
    hidden = list_image(other, write_image(tmp_path / "1.fits", make_pixels(2)))
    browser = pages.visitor(observer)
    assert browser.get(tile_of(hidden)).status_code == 404
    for bad in ("..", "0" * 64, "%2e%2e"):
        assert browser.get(f"{ADDRESS}{bad}/0/0/0").status_code == 404


def test_without_scripts_there_is_a_picture_and_a_table(image, observer):
    page = pages.text_of(pages.visitor(observer).get(ADDRESS))
    assert f'src="{ADDRESS}{image.sha256}/preview.png"' in page
    for word in ("R22_S00", "Median", "99.5 % below", "Masked BAD", "520 × 300 pixels"):
        assert word in page
    assert "no earlier report has it" in page


def test_what_cannot_be_shown_is_said(report, image, observer):
    browser = pages.visitor(observer)
    answer = browser.get(f"{ADDRESS}?part=bias&detector=7")
    assert answer.status_code == 404
    assert "no image of the calibration itself for detector 7" in pages.text_of(answer)
    assert browser.get(f"{ADDRESS}?detector=north").status_code == 400
    assert browser.get(f"{ADDRESS}?detector={10**40}").status_code == 400
    assert browser.get(f"{ADDRESS}?exposure=-1").status_code == 400
    assert browser.get(f"{ADDRESS}?against=DM-9/9").status_code == 404
    # A residual that is not there gives way to the combined image.
    answer = browser.get(f"{ADDRESS}?part=bias&detector=R22_S00&exposure=2026110800001")
    assert answer.context["image"] == image
    assert "Shown is the combined image." in pages.text_of(answer)
    report.images.all().delete()
    answer = browser.get(ADDRESS)
    assert answer.status_code == 404
    assert "lists no images" in pages.text_of(answer)


def test_missing_tiles_are_made_when_asked(report, observer, tmp_path):
    path = write_image(tmp_path / "0.fits", make_pixels(1))
    image = list_image(report, path, tiled=False)
    pages.connect(queue="usdf")
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get(ADDRESS))
    assert "This image has no tiles yet" in page
    assert "Make the tiles" in page
    assert "pixels-config" not in page

    sent = {"part": "bias", "detector": 0, "exposure": 0, "back": f"{ADDRESS}?zoom=2"}
    answer = browser.post(f"{ADDRESS}make/", sent)
    assert answer.headers["Location"] == f"{ADDRESS}?zoom=2"
    browser.post(f"{ADDRESS}make/", sent)  # a second click asks for nothing new
    job = Job.objects.get()
    # Not behind a generation, nor a generation behind it.
    assert (job.kind, job.queue) == ("tiles", "usdf-tiles")
    page = pages.text_of(browser.get(ADDRESS))
    assert "tiles are being made" in page
    assert browser.get(f"{ADDRESS}live/").status_code == 200

    task(job.pk)
    job.refresh_from_db()
    assert job.status == JobStatus.SUCCEEDED, job.message
    image.refresh_from_db()
    assert image.sha256
    answer = browser.get(f"{ADDRESS}live/")
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (286, "true")
    assert "pixels-config" in pages.text_of(browser.get(ADDRESS))


def test_one_is_not_sent_elsewhere(image, observer):
    sent = {"part": "bias", "detector": 0, "back": "https://example.org/"}
    answer = pages.visitor(observer).post(f"{ADDRESS}make/", sent)
    assert answer.headers["Location"].startswith(ADDRESS)


def test_damaged_tiles_are_said_and_mended(image, observer, settings):
    store = settings.EVIDENCE_ROOT / "tiles" / image.sha256[:2] / image.sha256
    (store / "tiles.bin").write_bytes(b"")
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get(ADDRESS))
    assert "The tiles of this image are damaged: make them again" in page
    assert browser.get(tile_of(image)).status_code == 404
    recorder = make_recorder(image.report, [image])
    make_report_tiles(recorder)
    assert browser.get(tile_of(image)).status_code == 200


def test_a_file_that_was_changed_is_not_shown_in_its_place(image, tmp_path):
    write_image(tmp_path / "0.fits", make_pixels(5))
    whole = list_image(
        image.report,
        write_image(tmp_path / "1.fits", make_pixels(6)),
        detector=1,
        tiled=False,
    )
    recorder = make_recorder(image.report, [image, whole])
    with pytest.raises(ConflictError, match=r"1 of 2 images.*changed since the report"):
        make_report_tiles(recorder)
    # The other image has its tiles all the same.
    whole.refresh_from_db()
    assert whole.sha256


def test_a_file_that_changed_before_anybody_looked_is_refused(
    report, tmp_path, settings
):
    stage = evidence.make_stage("bias", tmp_path / "fits", exposures=())
    keep_images(report, [stage], [seal(stage, settings)])
    image = report.images.get(detector=0)
    write_image(image.path, make_pixels(5))
    with pytest.raises(ConflictError, match=f"sealed.*SHA-256 {image.sha256}"):
        make_report_tiles(make_recorder(report, [image]))
    assert not has_tiles(image.sha256)
    # One that is gone is not hashed as if it were there.
    os.remove(stage.combined[1])
    with pytest.raises(MiddlewareError, match="cannot be read"):
        write_hashes(stage, tmp_path)


def test_making_tiles_is_cancelled_between_two_images(image):
    recorder = make_recorder(image.report, [image])
    Job.objects.update(cancel_requested_by=image.report.created_by)
    with pytest.raises(JobCancelledError):
        make_report_tiles(recorder)


def test_a_report_that_is_ready_has_its_first_tiles_made(report, tmp_path, settings):
    queue_first_tiles(report.pk, task=task)
    assert not Job.objects.exists()  # it lists no image
    settings.TILES_WITH_REPORT = 2
    paths = [tmp_path / f"{n}.fits" for n in range(4)]
    images = [
        list_image(report, path, detector=n, tiled=False)
        for n, path in enumerate(paths)
    ]
    ReportImage.objects.filter(pk=images[0].pk).update(rank=ImageRank.OTHER)
    ReportImage.objects.filter(pk=images[3].pk).update(rank=ImageRank.COMBINED_FAILED)
    queue_first_tiles(report.pk, task=task)
    assert Job.objects.get().parameters["images"] == [images[1].pk, images[3].pk]


def test_compared_with_what_was_adopted_or_came_before(
    report, image, construction, instrument, scientist, tmp_path
):
    path = tmp_path / "0.fits"
    adopted_set = make.make_set("DM-99", owner=scientist, instrument=instrument)
    later_set = make.make_set("DM-101", owner=scientist, instrument=instrument)
    adopted = list_image(make.make_report(adopted_set), path, tiled=False)
    stray = list_image(make.make_report(later_set), path, tiled=False)
    second = list_image(make.make_report(construction), path, tiled=False)
    others = comparable_images(second)
    assert others == [stray, adopted, image]
    assert default_comparison(second, others) == image
    adopted_set.stage = "reviewed"
    adopted_set.save()
    others = comparable_images(second)
    assert default_comparison(second, others) == adopted
    # What came later is no "before", and the first has nothing to be compared with.
    assert comparable_images(image) == []
    assert default_comparison(image, []) is None
    # Another detector, exposure or type is another image.
    list_image(make.make_report(later_set), path, detector=1, tiled=False)
    assert comparable_images(second) == others


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"shape": (300, 300)}, "they cannot be subtracted or divided"),
        ({"unit": "adu"}, "the current one in ADU"),
        ({"binning": 8}, "each the mean of 8 × 8"),
        ({"seed": 1}, "the very same image"),
        ({}, ""),
    ],
)
def test_images_that_cannot_be_subtracted_are_said_to_be_so(
    report, construction, observer, tmp_path, changed, sentence
):
    changed = dict(changed)
    pixels = make_pixels(changed.pop("seed", 2), shape=changed.pop("shape", SHAPE))
    list_image(report, write_image(tmp_path / "0.fits", pixels, **changed))
    second = make.make_report(construction)
    list_image(second, write_image(tmp_path / "1.fits", make_pixels(1)))
    address = f"/reports/DM-100/{second.version}/pixels/"
    answer = pages.visitor(observer).get(address)
    config = answer.context["config"]
    assert config["compares"] is (not sentence)
    assert answer.context["mismatch"] == "" or sentence in answer.context["mismatch"]
    assert sentence in pages.text_of(answer)


@pytest.mark.parametrize(("level", "is_doubted"), [(1.0, True), (100.0, False)])
def test_dividing_by_noise_is_said_to_mean_nothing(
    report, construction, observer, tmp_path, level, is_doubted
):
    old = make_pixels(2, level=level, sigma=9.0)
    list_image(report, write_image(tmp_path / "0.fits", old))
    second = make.make_report(construction)
    list_image(second, write_image(tmp_path / "1.fits", make_pixels(1)))
    address = f"/reports/DM-100/{second.version}/pixels/"
    page = pages.text_of(pages.visitor(observer).get(address))
    assert ("mostly noise around zero" in page) is is_doubted


def test_amplifiers_detectors_and_defects_lie_over_the_pixels(
    construction, report, observer, tmp_path
):
    list_image(report, write_image(tmp_path / "0.fits", make_pixels(1)))
    browser = pages.visitor(observer)
    config = browser.get(ADDRESS).context["config"]
    names = [name for name, *_ in config["amplifiers"]]
    assert (len(names), names[0]) == (16, "C10")
    assert min(box[1] for box in config["amplifiers"]) == 0
    assert max(box[3] for box in config["amplifiers"]) == SHAPE[1]
    assert max(box[4] for box in config["amplifiers"]) == SHAPE[0]
    # A mosaic of two detectors side by side.
    for detector in (1, -1):
        path = write_image(tmp_path / f"{detector}.fits", make_pixels(detector + 2))
        list_image(report, path, detector=detector)
    config = browser.get(f"{ADDRESS}?part=bias&detector=focal-plane").context["config"]
    assert [name for name, *_ in config["amplifiers"]] == ["R22_S00", "R22_S01"]
    assert config["amplifiers"][0][1] == 0
    assert config["amplifiers"][1][3] == SHAPE[1]


def test_neighbours_in_the_strip(report, observer, tmp_path):
    for detector in (0, 1, 2):
        path = write_image(tmp_path / f"{detector}.fits", make_pixels(detector))
        list_image(report, path, detector=detector, tiled=detector == 1)
    context = pages.visitor(observer).get(f"{ADDRESS}?part=bias&detector=1").context
    assert (context["before"]["name"], context["after"]["name"]) == (
        "R22_S00",
        "R22_S02",
    )
    assert [one["has_tiles"] for one in context["strip"]] == [False, True, False]


def test_notes_are_pinned_by_whoever_keeps_them(image, observer, monkeypatch):
    def source(shown, user):
        assert (shown, user) == (image, observer)
        note = pins.Pin(12, 34, "a <glow>", "/taxicab/TAXICAB-1/#note-5")
        return pins.Pins([note], "/taxicab/TAXICAB-1/note/?part=bias")

    monkeypatch.setattr(pins, "_SOURCES", [source])
    page = pages.text_of(pages.visitor(observer).get(ADDRESS))
    assert 'href="/taxicab/TAXICAB-1/#note-5" data-x="12" data-y="34"' in page
    assert "a &lt;glow&gt;" in page
    assert 'data-address="/taxicab/TAXICAB-1/note/?part=bias"' in page


def test_boxes_of_defects_may_be_written_with_a_point(
    report, observer, image, monkeypatch, tmp_path
):
    """As tables have them whose columns are of another type."""
    file = tmp_path / "calibration.csv"
    lines = [
        "detector,x0,y0,width,height",
        "R22_S00,10.0,4.0,2.0,1.0",
        "R22_S01,1,2,3,4",
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(viewer, "evidence_file", lambda report, name: file)
    product = {"file": "parts/defects/calibration.csv"}
    stage = {"key": "defects", "calib_type": "defects", "product": product}
    report.summary = {**report.summary, "stages": [stage]}
    report.save()
    config = pages.visitor(observer).get(ADDRESS).context["config"]
    assert config["defects"] == [[10, 4, 2, 1]]
