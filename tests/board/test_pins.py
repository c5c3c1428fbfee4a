"""Notes on pixels: of the newest hailing ticket, with where another is written."""

from urllib.parse import parse_qs, urlsplit

import pytest

from reports.models import ImageRank, ReportImage
from reports.services.pins import pins_of
from taxicab.board import services as board
from taxicab.board.services import discussion
from tests.support import board as make


@pytest.fixture
def construction(scientist, instrument):
    return make.make_set("DM-100", owner=scientist, instrument=instrument)


@pytest.fixture
def image(construction):
    report = make.make_report(construction)
    return make_image(report)


def make_image(report, *, detector=4, exposure=0):
    return ReportImage.objects.create(
        report=report,
        part="bias",
        label="bias",
        detector=detector,
        exposure=exposure,
        path="/nowhere",
        rank=ImageRank.COMBINED,
    )


def test_without_a_hailing_ticket_there_is_nothing_to_write_on(image, observer):
    assert pins_of(image, observer).new_address == ""


def test_a_note_is_seen_on_the_image_it_was_written_on(image, observer, scientist):
    ticket = board.hail(image.report.ticket, report=image.report, by=scientist)
    found = pins_of(image, observer)
    assert found.notes == []
    # What the page of a new note is told leads to a thread on that pixel.
    asked = parse_qs(urlsplit(found.new_address).query)
    assert asked["kind"] == ["image"]
    about = {name: asked[name][0] for name in ("part", "image")}
    about |= {name: int(asked[name][0]) for name in ("detector", "exposure")}
    said = discussion.start(
        ticket, by=observer, text="A glow?", kind="image", x=2900.0, y=1200.0, **about
    )
    (note,) = pins_of(image, observer).notes
    assert (note.x, note.y, note.text) == (2900, 1200, "A glow?")
    assert note.address.endswith(f"{ticket.key}/#thread-{said.thread_id}")

    # What was said last counts, and other images have other notes.
    discussion.correct(said, by=observer, text="A reflection.")
    (note,) = pins_of(image, observer).notes
    assert note.text == "A reflection."
    for other in (
        make_image(image.report, detector=5),
        make_image(image.report, exposure=2026110900001),
    ):
        assert pins_of(other, observer).notes == []
    plane = make_image(image.report, detector=-1)
    assert pins_of(plane, observer).new_address == ""
