"""Construction over REST: what a script sees and may do."""

import pytest
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from calibrations.models import (
    Generation,
    MetricResult,
    Selection,
    SelectionStatus,
    StepStatus,
    Verification,
)
from tests.support import construction as make
from tests.support.people import make_person

ROOT = "/api/v1"
TICKET = f"{ROOT}/construction-tickets/DM-47447/"


class Client(APIClient):
    """Speaks HTTPS and JSON."""

    default_format = "json"

    def generic(self, *args, **options):
        return super().generic(*args, **options | {"secure": True})


def make_client(user):
    client = Client()
    token, _ = Token.objects.get_or_create(user=user)
    client.credentials(HTTP_AUTHORIZATION=f"Token {token.key}")
    return client


@pytest.fixture
def client(paper_place, scientist):
    return make_client(scientist)


@pytest.fixture
def opened(client):
    body = {
        "key": "DM-47447",
        "instrument": "LSSTComCam",
        "tag": "gainFixup",
        "reason": "New gains.",
    }
    answer = client.post(f"{ROOT}/construction-tickets/", body)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def select(client):
    body = {"calib_type": "bias", "purpose": "generation", "where": make.where("bias")}
    return client.post(f"{TICKET}select/", body)


def answer_selection(number):
    """What the lookup of a worker would have left."""
    Selection.objects.filter(pk=number).update(
        status=SelectionStatus.READY,
        exposures=[
            {
                "id": 2026110900001,
                "obs_id": "CC_O_20261109_000001",
                "day_obs": 20261109,
                "seq_num": 1,
                "observation_type": "bias",
                "observation_reason": "bias",
                "physical_filter": "r_03",
                "exposure_time_s": 0.0,
                "dark_time_s": 0.0,
                "begin_tai": "2026-11-09T22:00:00",
                "n_detectors": 9,
            }
        ],
        problems=[{"code": "count", "sentence": "1 exposure was found."}],
    )


def test_a_script_opens_selects_and_generates(client, opened):
    assert opened["chain"] == "LSSTComCam/calib/DM-47447"
    assert opened["repository"] == "usdf-main"

    answer = select(client)
    assert answer.status_code == 202
    number = answer.json()["id"]
    answer_selection(number)
    address = f"{ROOT}/selections/{number}/"
    assert client.get(address).json()["may_run"] is False

    refused = client.post(f"{address}generate/", {})
    assert refused.status_code == 409
    assert refused.json()["details"]["problems"][0]["code"] == "count"

    client.post(f"{address}override/", {"reason": "It is a drill."})
    answer = client.post(f"{address}generate/", {})
    assert answer.status_code == 202
    data = answer.json()
    assert data["collection"].startswith("LSSTComCam/calib/DM-47447/gainFixup/biasGen.")
    assert data["status"] == "queued"

    listed = client.get(f"{ROOT}/generations/?ticket=DM-47447&status=queued").json()
    assert [one["job"] for one in listed["results"]] == [data["job"]]
    early = client.post(f"{ROOT}/generations/{data['id']}/verify/", {})
    assert (early.status_code, early.json()["error"]) == (409, "conflict")
    missing = client.post(
        f"{ROOT}/generations/{data['id']}/verify/", {"selections": [999]}
    )
    assert missing.status_code == 404


def test_results_come_page_by_page(client, opened, scientist):
    answer_selection(select(client).json()["id"])
    selection = Selection.objects.get()
    generation = Generation.objects.create(
        ticket=selection.ticket,
        selection=selection,
        calib_type="bias",
        collection="LSSTComCam/calib/DM-47447/gainFixup/biasGen.20261110a",
        rerun="20261110a",
        status=StepStatus.SUCCEEDED,
        created_by=scientist,
    )
    verification = Verification.objects.create(
        generation=generation,
        collection="LSSTComCam/calib/DM-47447/gainFixup/verifyBias.20261110a",
        rerun="20261110a",
        status=StepStatus.SUCCEEDED,
        created_by=scientist,
    )
    MetricResult.objects.bulk_create(
        MetricResult(
            verification=verification,
            exposure=1,
            detector=detector,
            amplifier=f"C0{amplifier}",
            level="AMP",
            test="NOISE",
            statistic="NOISE",
            passed=detector != 3,
            is_advisory=amplifier == 0,
            criteria_version="2026.1",
        )
        for detector in range(9)
        for amplifier in range(8)
    )
    address = f"{ROOT}/verifications/{verification.pk}/"
    data = client.get(address).json()
    assert (data["n_results"], data["n_failures"]) == (72, 7)
    page = client.get(f"{address}results/").json()
    assert (page["count"], len(page["results"])) == (72, 50)
    failed = client.get(f"{address}results/?passed=false&is_advisory=false").json()
    assert {one["detector"] for one in failed["results"]} == {3}
    assert client.get(f"{ROOT}/verifications/999/results/").status_code == 404


def test_the_record_is_downloaded_as_data_and_as_text(client, opened):
    data = client.get(f"{TICKET}record.json/")
    assert data.json()["ticket"]["key"] == "DM-47447"
    text = client.get(f"{TICKET}record.md/")
    assert text["Content-Type"].startswith("text/markdown")
    assert "DM-47447-record.md" in text["Content-Disposition"]
    assert text.content.decode().startswith("# DM-47447: LSSTComCam gainFixup")
    assert client.get(f"{TICKET}commands/").json() == []
    done = [line["is_done"] for line in client.get(f"{TICKET}checklist/").json()]
    assert done == [True, *[False] * 8]


def test_who_may_what(client, opened, observer, instrument):
    reader = make_client(observer)
    assert reader.get(TICKET).json() == opened
    refused = reader.post(f"{TICKET}withdraw/", {"reason": "No."})
    assert (refused.status_code, refused.json()["error"]) == (403, "forbidden")

    unknown = client.get(f"{ROOT}/construction-tickets/DM-47474/")
    assert unknown.status_code == 404
    assert unknown.json()["details"]["nearest"] == ["DM-47447"]

    stranger = make_client(make_person("lea", "observer", other_camera()))
    assert stranger.get(TICKET).status_code == 404
    assert stranger.get(f"{ROOT}/selections/").json()["count"] == 0
    assert Client().get(TICKET).status_code == 401

    closed = client.post(f"{TICKET}withdraw/", {"reason": "Done otherwise."}).json()
    assert closed["stage"] == "withdrawn"
    assert select(client).status_code == 409


def test_code_changes_and_their_review(client, opened, observer):
    body = {
        "reason": "A branch.",
        "code_review_url": "https://example.org/pull/1",
        "code_reviewer": "vera",
    }
    changed = client.post(f"{TICKET}code-changes/", body).json()
    assert (changed["has_code_changes"], changed["code_reviewer"]) == (True, "vera")
    assert client.post(f"{TICKET}code-review/").status_code == 403
    reviewed = make_client(observer).post(f"{TICKET}code-review/").json()
    assert reviewed["code_reviewed_at"] is not None


def other_camera():
    from taxicab.core.models import Instrument

    return Instrument.objects.get(name="LATISS")
