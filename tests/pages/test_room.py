"""The review room's rows on the hailing ticket: with their waivers and what to do."""

import pytest
from django.utils import timezone

from reports.services.counting import tally
from reports.services.findings import cluster_key
from taxicab.board import services as board
from taxicab.board.services import discussion
from tests.support import board as make
from tests.support import evidence, pages


@pytest.fixture
def room(construction, seal, scientist):
    """A set before the board whose report has its files."""
    report = seal(construction, ("bias", evidence.EXPOSURES[:3]))
    return board.hail(construction, report=report, by=scientist)


def test_the_ten_things_that_matter_are_on_the_ticket(room, members):
    browser = pages.visitor(members[0])
    page = pages.text_of(browser.get(f"/taxicab/{room.key}/"))
    n = sum(len(stage["clusters"]) for stage in room.report.summary["stages"])
    assert page.count('role="listitem"') == min(10, n)
    assert 'data-label="waiver"' in page
    # A report by itself knows of no waivers, and does not say that there are none.
    alone = pages.text_of(browser.get("/reports/DM-100/1/"))
    assert 'role="listitem"' in alone
    assert 'data-label="waiver"' not in alone
    # A row opens on what is known of it, and says what a member can do about it.
    assert "/reports/DM-100/1/clusters/bias/AMP/NOISE/?raft=R22" in page
    assert "no waiver" in page
    key = "bias%3AAMP%3ANOISE%3Aamplifier%3AR22%3A4%3AC05%3A0"
    assert key in page
    assert "Write a waiver…" in page
    assert "Object…" in page


def test_a_row_shows_what_was_said_of_it(room, members):
    """What was corrected since is left to the thread, which is one click away."""
    browser = pages.visitor(members[0])
    address = f"/taxicab/{room.key}/"
    assert "The discussion," not in pages.text_of(browser.get(address))
    place = {"kind": "place", "part": "bias", "detector": 4, "amplifier": "C05"}
    first = discussion.start(room, by=members[0], text="Is it the bord?", **place)
    discussion.correct(first, by=members[0], text="Is it the board?")
    for i in range(3):
        discussion.reply(first.thread, by=members[1], text=f"Look {i}.")
    answer = browser.get(address)
    key = "bias:AMP:NOISE:amplifier:R22:4:C05:0"
    rows = {
        cluster_key(one.key, one.cluster): one for one in answer.context["findings"]
    }
    assert [text for _, text in rows[key].said] == ["Look 0.", "Look 1.", "Look 2."]
    link = ("The discussion, 5 said", f"#thread-{first.thread.pk}")
    assert link in rows[key].links
    page = pages.text_of(answer)
    assert f'href="#thread-{first.thread.pk}"' in page
    assert f'id="thread-{first.thread.pk}"' in page
    # Another test of the same place has the same thread; another place has none.
    others = [one for k, one in rows.items() if ":4:C05:" not in k]
    assert others
    assert not any(one.said for one in others)


def test_who_built_the_set_can_only_discuss(room, scientist):
    page = pages.text_of(pages.visitor(scientist).get(f"/taxicab/{room.key}/"))
    assert "Write a waiver…" not in page
    assert "Object…" not in page
    assert "Discuss…" in page


def test_the_full_list_is_folded_under_the_worst(room, members):
    page = pages.text_of(pages.visitor(members[0]).get(f"/taxicab/{room.key}/"))
    n = len(board.deliberation_of(room).covers)
    assert f"{n}, {n} without a waiver that holds" in page
    assert f"<summary>The full list: {n}, worst first</summary>" in page
    assert '<details class="every">' in page


def test_advice_needs_no_waiver_and_is_told_apart(room, members):
    page = pages.text_of(pages.visitor(members[0]).get(f"/taxicab/{room.key}/"))
    clusters = [c for s in room.report.summary["stages"] for c in s["clusters"]]
    n = sum(cluster["is_advisory"] for cluster in clusters)
    assert n == 1
    assert "Not in this list: 1 row of advisory tests." in page
    assert "It decides nothing and needs no waiver." in page


def test_what_is_answered_for_is_counted_once_and_stands_last(room, members):
    failure = board.deliberation_of(room).covers[0].failure
    board.write_waiver(
        room,
        failure=failure.key,
        reason="Known.",
        effect="None.",
        owner=members[0],
        expires_on=timezone.now().date(),
        by=members[0],
    )
    answer = pages.visitor(members[0]).get(f"/taxicab/{room.key}/")
    told, whole = answer.context["tally"], tally(room.report)
    assert (told.waived, told.failed) == (
        failure.n_failed,
        whole.failed - failure.n_failed,
    )
    parts = (told.passed, told.failed, told.waived, told.warnings, told.unmeasured)
    assert sum(parts) == told.results
    rows = [one for one in answer.context["findings"] if not one.cluster["is_advisory"]]
    assert [one.waiver_state for one in rows][-1] == "waived"
    assert rows[0].waiver_state == "open"
    page = pages.text_of(answer)
    assert "what has no waiver before what has one" in page or len(rows) < 10
    # What has no number is one row, of all its tests.
    assert page.count("Not measured: AMP ") == 1


def test_the_list_is_open_where_no_row_stands_above_it(construction, scientist):
    report = make.make_report(construction, clusters=[("bias", make.make_cluster())])
    stage = report.summary["stages"][0]
    stage |= {"clusters": [], "missing": "It is not verified."}
    report.save()
    bare = board.hail(construction, report=report, by=scientist)
    page = pages.text_of(pages.visitor(scientist).get(f"/taxicab/{bare.key}/"))
    assert 'role="listitem"' not in page
    assert '<details class="every" open>' in page
