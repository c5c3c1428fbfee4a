"""The review room: failures and waivers, objections, requests, new evidence, talk."""

from datetime import timedelta

import pytest
from django.utils import timezone

from taxicab.board import services as board
from taxicab.board.models import RequiredVoice, Waiver
from tests.support import board as make
from tests.support import pages, people

ROOM = "/taxicab/TAXICAB-1/"


@pytest.fixture
def report(construction):
    """A report with one failure."""
    return make.make_report(construction, clusters=[("bias", make.make_cluster())])


@pytest.fixture
def terms():
    return {
        "failure": "bias:AMP:NOISE:amplifier:R22:4:C05:0",
        "reason": "Known since it was installed.",
        "effect": "2 % more noise in one amplifier.",
        "expires_on": f"{timezone.now().date() + timedelta(days=90):%Y-%m-%d}",
    }


def test_a_failure_is_one_click_from_its_waiver(hailed, members, scientist, terms):
    browser = pages.visitor(members[0])
    page = pages.text_of(browser.get(ROOM))
    assert "1 failure has no waiver that holds" in page
    address = f"{ROOM}waive/?failure=bias%3AAMP%3ANOISE%3Aamplifier%3AR22%3A4%3AC05%3A0"
    assert address in page
    page = pages.text_of(browser.get(address))
    assert "9.1 e⁻, limit 8.0 e⁻" in page
    assert "LSSTComCam, bias, AMP NOISE, R22_S11, amplifier C05" in page
    assert "Known since" not in page
    assert 'name="holds_to" value="9.555"' in page
    assert "Holds up to (e⁻)" in page

    sent = terms | {"owner": scientist.pk, "seen": hailed.report.sha256}
    answer = browser.post(f"{ROOM}waive/", sent | {"effect": ""})
    assert "This field is required" in pages.text_of(answer)
    answer = browser.post(f"{ROOM}waive/", sent | {"holds_to": "9"})
    assert "does not cover its own failure" in pages.text_of(answer)
    browser.post(f"{ROOM}waive/", sent | {"holds_to": "9.4"})
    page = pages.text_of(browser.get(ROOM))
    assert "The failure is waived." in page
    assert "holds up to 9.4 e⁻" in page
    until = f"until {terms['expires_on']} up to 9.4 e⁻"
    assert page.count(f"waived by ines {until}") == 2  # its row, and the list
    assert "Known since it was installed." in page

    waiver = Waiver.objects.get()
    browser.post(f"{ROOM}waivers/{waiver.pk}/withdraw/", {"reason": "It grew."})
    page = pages.text_of(browser.get(ROOM))
    assert "1 failure has no waiver that holds" in page
    assert "It grew." in page


def test_the_author_is_not_offered_a_waiver(hailed, scientist, terms):
    browser = pages.visitor(scientist)
    page = pages.text_of(browser.get(ROOM))
    assert "Write a waiver" not in page
    assert "Object…" not in page
    sent = terms | {"owner": scientist.pk}
    assert browser.post(f"{ROOM}waive/", sent).status_code == 403


def test_plain_adoption_over_a_failure_is_answered(hailed, members):
    browser = pages.visitor(members[0])
    answer = browser.post(f"{ROOM}position/", {"kind": "adopt", "comment": ""})
    assert answer.status_code == 409
    assert "adopt despite failures" in pages.text_of(answer)


def test_an_objection_from_a_failure_and_its_resolution(hailed, members):
    ines, tomas = members
    browser = pages.visitor(ines)
    failure = "bias:AMP:NOISE:amplifier:R22:4:C05:0"
    page = pages.text_of(browser.get(f"{ROOM}object/", {"failure": failure}))
    assert 'value="NOISE"' in page
    sent = {"part": "bias", "test": "NOISE", "detector": 4, "amplifier": "C05"}
    browser.post(f"{ROOM}object/", sent | {"reason": "It grew by a half."})
    objection = hailed.objections.get()
    page = pages.text_of(browser.get(ROOM))
    assert "An objection stands (ines on bias NOISE R22_S11 C05)" in page
    assert f"{ROOM}objections/{objection.pk}/withdraw/" in page
    assert "Record the resolution" not in page

    other = pages.visitor(tomas)
    answer = other.get(f"{ROOM}objections/{objection.pk}/withdraw/")
    assert answer.status_code == 403
    assert "who raised it withdraws it" in pages.text_of(answer)
    address = f"{ROOM}objections/{objection.pk}/resolve/"
    assert address in pages.text_of(other.get(ROOM))
    page = pages.text_of(other.get(address))
    assert "It grew by a half." in page
    other.post(address, {"resolution": "It is within the budget."})
    page = pages.text_of(other.get(ROOM))
    assert "No objection stands." in page
    assert "It is within the budget." in page


def test_a_request_is_a_task_on_the_construction_ticket(hailed, members, scientist):
    browser = pages.visitor(members[1])
    sent = {"kind": "needs_processing", "comment": "Verify the bias of last week."}
    browser.post(f"{ROOM}position/", sent)
    task = hailed.tasks.get()
    team = pages.visitor(scientist)
    page = pages.text_of(team.get("/construction/DM-100/"))
    assert "Verify the bias of last week." in page
    address = f"/taxicab/tasks/DM-100/{task.pk}/done/"
    assert address in page
    # What is asked for can be run while the board has the set.
    assert "Look them up" in pages.text_of(team.get("/construction/DM-100/bias/"))
    dashboard = pages.text_of(team.get("/"))
    assert "tomas asked for more processing" in dashboard
    team.post(address, {"note": "verifyBias.20261117a has it."})
    page = pages.text_of(browser.get(ROOM))
    assert "verifyBias.20261117a has it." in page
    assert "not done" not in page
    assert "Look them up" not in pages.text_of(team.get("/construction/DM-100/bias/"))
    # The decision's record says it years later, as the ticket does now.
    board.reject(hailed, by=members[0], reason="Build it again.")
    page = pages.text_of(browser.get(f"{ROOM}record/"))
    assert "Verify the bias of last week." in page
    assert "done: verifyBias.20261117a has it." in page


def test_a_request_is_taken_back(hailed, members):
    browser = pages.visitor(members[1])
    sent = {"kind": "needs_processing", "comment": "Verify again."}
    browser.post(f"{ROOM}position/", sent)
    task = hailed.tasks.get()
    address = f"/taxicab/tasks/DM-100/{task.pk}/drop/"
    assert browser.get(address).status_code == 200
    browser.post(address, {"reason": "It was done last week."})
    assert hailed.tasks.get().status == "dropped"


def test_a_new_report_makes_a_position_stale(hailed, construction, members, scientist):
    board.take_position(hailed, kind="adopt_despite", by=members[0])
    team = pages.visitor(scientist)
    assert f"{ROOM}report/" not in pages.text_of(team.get(ROOM))
    newer = make.make_report(construction, contents={"bias": "again"})
    page = pages.text_of(team.get(ROOM))
    assert "Report 2 of DM-100 is ready" in page
    assert "became stale" not in page
    answer = team.post(f"{ROOM}report/", {"report": newer.pk}, follow=True)
    assert "positions: became stale: ines." in pages.text_of(answer)

    browser = pages.visitor(members[0])
    page = pages.text_of(browser.get(ROOM))
    assert "Stale: bias changed since report 1" in page
    assert "your position is stale: bias changed" in pages.text_of(browser.get("/"))
    # A form that was open all the while binds nobody to the new report.
    sent = {"kind": "adopt", "seen": "0" * 64}
    answer = browser.post(f"{ROOM}position/", sent)
    assert answer.status_code == 409
    browser.post(f"{ROOM}position/", {"kind": "adopt", "seen": newer.sha256})
    assert "Stale:" not in pages.text_of(browser.get(ROOM))


def test_consensus_is_live(hailed, members, instrument):
    browser = pages.visitor(members[0])
    page = pages.text_of(browser.get(ROOM))
    assert f'data-hx-get="{ROOM}live/"' in page
    RequiredVoice.objects.create(
        user=members[1], instrument=instrument, calib_type="bias"
    )
    answer = browser.get(f"{ROOM}live/")
    assert (answer.status_code, "ines, tomas" in pages.text_of(answer)) == (200, True)
    board.reject(hailed, by=members[0], reason="No.")
    answer = browser.get(f"{ROOM}live/")
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (286, "true")


def test_what_is_said_is_corrected_in_the_open(hailed, observer, members):
    browser = pages.visitor(observer)
    browser.post(f"{ROOM}discuss/", {"text": "Is C05 known?"})
    failure = "bias:AMP:NOISE:amplifier:R22:4:C05:0"
    page = pages.text_of(browser.get(f"{ROOM}discuss/", {"failure": failure}))
    assert "Discuss part bias test NOISE detector R22_S11 amplifier C05" in page
    about = {"kind": "place", "part": "bias", "detector": 4, "amplifier": "C05"}
    browser.post(f"{ROOM}discuss/", about | {"text": "<b>Look</b> here."})
    page = pages.text_of(browser.get(ROOM))
    assert "bias R22_S11 C05" in page
    assert "&lt;b&gt;Look&lt;/b&gt; here." in page
    first = hailed.threads.first()
    pages.visitor(members[0]).post(
        f"{ROOM}threads/{first.pk}/reply/", {"text": "It is known."}
    )
    said = first.messages.first()
    address = f"{ROOM}messages/{said.pk}/correct/"
    assert "Is C05 known?" in pages.text_of(browser.get(address))
    browser.post(address, {"text": "Is C06 known?"})
    page = pages.text_of(browser.get(ROOM))
    assert "<s>Is C05 known?</s>" in page
    assert "Is C06 known?" in page
    # A thread that names nothing of its kind is refused in words.
    answer = browser.post(f"{ROOM}discuss/", {"kind": "image", "text": "Here."})
    assert "names its detector, x, y" in pages.text_of(answer)


def test_who_must_be_heard_is_managed(hailed, members, observer, instrument):
    administrator = people.make_person("ada", "administrator")
    administrator.is_staff = True
    administrator.save()
    browser = pages.visitor(administrator)
    add = "/admin/board/requiredvoice/add/"
    sent = {"user": observer.pk, "instrument": instrument.pk, "calib_type": "flat"}
    assert "is not on the board" in pages.text_of(browser.post(add, sent))
    assert browser.post(add, sent | {"user": members[1].pk}).status_code == 302
    assert RequiredVoice.objects.get().user == members[1]
    page = pages.text_of(browser.get("/people/"))
    assert "✓ on flat" in page
