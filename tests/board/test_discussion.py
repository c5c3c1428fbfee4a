"""What is said stays said."""

import pytest

from taxicab.board.models import Thread
from taxicab.board.services import discussion
from taxicab.core.models import AuditEvent, Instrument
from taxicab.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from tests.support import people

IMAGE = {"kind": "image", "detector": 4, "image": "combined", "x": 10.5, "y": 2000.0}


def test_the_same_thing_is_one_thread(hailed, observer, members):
    discussion.start(hailed, by=observer, text="Is this known?", **IMAGE)
    discussion.start(hailed, by=members[0], text="It is.", **IMAGE)
    elsewhere = IMAGE | {"x": 11.5}
    discussion.start(hailed, by=members[0], text="This as well.", **elsewhere)
    discussion.start(hailed, by=members[1], text="About all of it.")
    first, second, third = discussion.threads_of(hailed)
    assert [m.text for m in first.messages.all()] == ["Is this known?", "It is."]
    assert first.title == "R22_S11 combined at (10.5, 2000)"
    assert (second.x, third.title) == (11.5, "The whole set")
    assert AuditEvent.objects.filter(action="message written").count() == 4


@pytest.mark.parametrize(
    ("about", "title"),
    [
        ({"kind": "metric", "part": "bias", "test": "NOISE"}, "bias NOISE"),
        ({"kind": "place", "detector": 0, "amplifier": "C05"}, "R22_S00 C05"),
    ],
)
def test_what_a_thread_is_about(hailed, observer, about, title):
    said = discussion.start(hailed, by=observer, text="Look.", **about)
    assert said.thread.title == title


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"kind": "metric"}, "names its test"),
        ({"kind": "place"}, "names its detector"),
        ({"kind": "image", "detector": 1, "x": 2.0}, "names its y"),
        ({"kind": "mood"}, "no kind of thread"),
        ({"kind": "metric", "test": "NOISE", "part": "ptc"}, "has no part 'ptc'"),
    ],
)
def test_a_thread_says_what_it_is_about(hailed, observer, about, words):
    with pytest.raises(InputError, match=words):
        discussion.start(hailed, by=observer, text="Look.", **about)
    assert not Thread.objects.exists()


def test_a_correction_supersedes(hailed, observer, members):
    said = discussion.start(hailed, by=observer, text="It is 9.1 ADU.")
    with pytest.raises(ForbiddenError, match="only they can correct it"):
        discussion.correct(said, by=members[0], text="It is not.")
    better = discussion.correct(said, by=observer, text="It is 9.1 e⁻.")
    assert better.supersedes == said
    said.refresh_from_db()
    assert said.text == "It is 9.1 ADU."
    with pytest.raises(ConflictError, match="correct what replaced it"):
        discussion.correct(said, by=observer, text="Twice.")
    discussion.correct(better, by=observer, text="It is 9.2 e⁻.")


def test_who_may_speak(hailed, observer, facilities):
    latiss = Instrument.objects.get(name="LATISS")
    stranger = people.make_person("liv", "observer", latiss)
    with pytest.raises(ForbiddenError):
        discussion.start(hailed, by=stranger, text="Hello.")
    with pytest.raises(InputError, match="Write something"):
        discussion.start(hailed, by=observer, text="  ")
    said = discussion.start(hailed, by=observer, text="Hello.")
    assert discussion.reply(said.thread, by=observer, text="Again.").thread
    for find in (discussion.find_thread, discussion.find_message):
        with pytest.raises(NotFoundError):
            find(hailed, 99)
