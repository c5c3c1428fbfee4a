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
