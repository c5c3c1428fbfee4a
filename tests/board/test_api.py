from datetime import timedelta

from django.utils import timezone

from taxicab.board import services as board
from taxicab.core.models import Instrument
from tests.support import board as make
from tests.support import people
from tests.support.rest import client_of


def test_nothing_is_read_anonymously(hailed):
    assert client_of().get("/api/v1/taxicab/").status_code == 401


def test_a_set_goes_through_the_board(
    construction, report, scientist, members, observer
):
    team = client_of(scientist)
    answer = team.post(
        "/api/v1/taxicab/",
        {"construction": "DM-100", "report": report.pk, "summary": "Look at S11."},
        format="json",
    )
    assert (answer.status_code, answer.data["key"]) == (201, "TAXICAB-1")
    address = "/api/v1/taxicab/TAXICAB-1/"

    # Somebody is still to be heard, and the answer says who.
    second = client_of(members[1])
    body = {"kind": "adopt", "comment": "Fine."}
    answer = second.post(f"{address}positions/", body, format="json")
    assert answer.status_code == 200
    answer = second.post(f"{address}adopt/", {}, format="json")
    assert (answer.status_code, answer.data["error"]) == (409, "conflict")
    assert "ines" in answer.data["message"]

    client_of(members[0]).post(f"{address}positions/", body, format="json")
    answer = second.post(f"{address}adopt/", {}, format="json")
    assert (answer.status_code, answer.data["stage"]) == (200, "adopted")

    # Observers read it all, and change nothing.
    reader = client_of(observer)
    answer = reader.get(address)
    assert answer.data["consensus"]["is_reached"] is True
    assert [p["member"] for p in answer.data["positions"]] == ["tomas", "ines"]
    assert answer.data["report_sha256"] == report.sha256
    for verb in ("positions", "reject", "withdraw"):
        body = {"kind": "object", "comment": "No.", "reason": "No."}
        answer = reader.post(f"{address}{verb}/", body, format="json")
        assert (answer.status_code, answer.data["error"]) == (403, "forbidden")
    rows = reader.get("/api/v1/taxicab/?stage=adopted").data["results"]
    assert [row["key"] for row in rows] == ["TAXICAB-1"]


def test_the_board_says_everything_over_rest(construction, scientist, members):
    ines, tomas = members
    report = make.make_report(construction, clusters=[("bias", make.make_cluster())])
    board.hail(construction, report=report, by=scientist)
    address = "/api/v1/taxicab/TAXICAB-1/"
    first, second, team = (client_of(user) for user in (ines, tomas, scientist))

    # What failed, and what to call it.
    (failure,) = first.get(f"{address}failures/").data
    assert (failure["state"], failure["value"]) == ("open", 9.1)
    answer = first.post(f"{address}positions/", {"kind": "adopt"}, format="json")
    assert (answer.status_code, answer.data["details"]["failures"]) == (409, 1)
    terms = {
        "failure": failure["key"],
        "reason": "Known.",
        "effect": "More noise.",
        "owner": "nora",
        "expires_on": timezone.now().date() + timedelta(days=30),
        "report_sha256": report.sha256,
    }
    assert team.post(f"{address}waivers/", terms, format="json").status_code == 403
    answer = first.post(f"{address}waivers/", terms, format="json")
    assert (answer.status_code, answer.data["scope"]) == (
        201,
        "bias AMP NOISE, R22_S11 C05: 3 of 9 exposures",
    )
    assert first.get(f"{address}failures/").data[0]["state"] == "waived"

    # An objection, and its end.
    body = {"part": "bias", "test": "NOISE", "reason": "Show me the trend."}
    answer = second.post(f"{address}objections/", body, format="json")
    assert (answer.status_code, answer.data["scope"]) == (201, "bias NOISE")
    number = answer.data["id"]
    answer = first.post(
        f"{address}objections/{number}/resolve/",
        {"resolution": "The trend is flat."},
        format="json",
    )
    assert (answer.status_code, answer.data["status"]) == (200, "resolved")
    assert [o["status"] for o in second.get(f"{address}objections/").data] == [
        "resolved"
    ]

    # More processing, done by the calibration team.
    body = {"kind": "needs_processing", "comment": "Verify again."}
    second.post(f"{address}positions/", body, format="json")
    (task,) = first.get(f"{address}tasks/").data
    consensus = first.get(f"{address}consensus/").data
    assert [r["code"] for r in consensus["requirements"] if not r["is_met"]] == [
        "adoptions",
        "voices",
        "tasks",
    ]
    answer = team.post(
        f"{address}tasks/{task['id']}/done/", {"note": "Done."}, format="json"
    )
    assert answer.data["status"] == "done"

    # Something said, answered and corrected.
    body = {"text": "Here.", "kind": "image", "detector": 4, "x": 10.0, "y": 2.5}
    answer = team.post(f"{address}threads/", body, format="json")
    assert answer.status_code == 201
    thread, said = answer.data["id"], answer.data["messages"][0]["id"]
    body = {"text": "I see."}
    first.post(f"{address}threads/{thread}/messages/", body, format="json")
    body = {"text": "There."}
    answer = team.post(f"{address}messages/{said}/correct/", body, format="json")
    here, seen, there = answer.data["messages"]
    assert (here["superseded_by"], seen["superseded_by"]) == (there["id"], None)
    assert len(first.get(f"{address}threads/").data) == 1

    # New evidence: whoever says what they saw is told that it is another.
    first.post(f"{address}positions/", {"kind": "adopt_despite"}, format="json")
    newer = make.make_report(construction, contents={"bias": "verified again"})
    answer = team.post(f"{address}report/", {"report": newer.pk}, format="json")
    assert answer.data["stale"] == {"ines": ["bias"], "tomas": ["bias"]}
    body = {"kind": "adopt", "report_sha256": report.sha256}
    answer = first.post(f"{address}positions/", body, format="json")
    assert answer.status_code == 409
    assert "another report while you were reading" in answer.data["message"]


def test_what_does_not_exist_is_not_found(hailed, members):
    client = client_of(members[0])
    for verb in (
        "objections/9/withdraw",
        "objections/9/resolve",
        "waivers/9/withdraw",
        "tasks/9/drop",
        "threads/9/messages",
        "messages/9/correct",
    ):
        answer = client.post(f"/api/v1/taxicab/{hailed.key}/{verb}/", {}, format="json")
        assert answer.status_code == 404, verb


def test_an_unknown_key_names_the_nearest(hailed, observer):
    answer = client_of(observer).get("/api/v1/taxicab/TAXICAB-7/")
    assert answer.status_code == 404
    assert answer.data["details"]["nearest"] == ["TAXICAB-1"]


def test_an_unknown_position_is_bad_input(hailed, members):
    answer = client_of(members[0]).post(
        f"/api/v1/taxicab/{hailed.key}/positions/", {"kind": "perhaps"}, format="json"
    )
    assert (answer.status_code, answer.data["error"]) == (400, "bad_input")


def test_other_cameras_are_not_read(hailed, facilities):
    stranger = people.make_person(
        "liv", "observer", Instrument.objects.get(name="LATISS")
    )
    client = client_of(stranger)
    assert client.get("/api/v1/taxicab/").data["count"] == 0
    assert client.get(f"/api/v1/taxicab/{hailed.key}/").status_code == 404


def test_hailing_another_persons_unready_set(construction, scientist):
    unready = make.make_report(construction, status="building")
    answer = client_of(scientist).post(
        "/api/v1/taxicab/",
        {"construction": construction.key, "report": unready.pk},
        format="json",
    )
    assert answer.status_code == 409
