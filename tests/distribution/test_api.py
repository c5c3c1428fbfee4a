"""REST: what a monitor polls, and the verbs."""

import pytest
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from distribution.api.views import DeploymentViewSet
from distribution.services import deployments
from distribution.services.progress import raise_revision
from taxicab.core.models import Instrument
from tests.support import people


@pytest.fixture
def client(observer):
    return make_client(observer)


class Client(APIClient):
    """Speaks HTTPS: the portal sends everything else there."""

    def generic(self, *args, **options):
        return super().generic(*args, **options | {"secure": True})


def make_client(user):
    client = Client()
    token, _ = Token.objects.get_or_create(user=user)
    client.credentials(HTTP_AUTHORIZATION=f"Token {token.key}")
    return client


ADDRESS = "/api/v1/deployments/DM-200/"


def test_detail_says_everything(client, deployment):
    answer = client.get(ADDRESS)
    data = answer.json()
    assert answer.status_code == 200
    assert answer["ETag"] == f'"DM-200-{deployment.revision}"'
    assert (data["key"], data["instrument"]) == ("DM-200", "LSSTComCam")
    assert (data["status"], data["revision"]) == ("filed", deployment.revision)
    assert data["construction"]["key"] == "DM-100"
    assert data["construction"]["url"].startswith("https://")
    assert data["taxicab"]["key"] == "TAXICAB-1"
    origin, summit = data["targets"]
    assert (origin["facility"], origin["repository"]) == ("USDF", "/repo/main")
    assert (summit["facility"], summit["status"]) == ("Summit", "planned")
    assert [step["kind"] for step in origin["steps"]] == ["prepend", "self_review"]
    assert set(origin["steps"][0]) >= {
        "kind",
        "status",
        "started_at",
        "ended_at",
        "message",
    }


@pytest.mark.parametrize(
    "known",
    [
        '"DM-200-{revision}"',
        'W/"DM-200-{revision}"',
        '"other", W/"DM-200-{revision}"',
        "*",
    ],
)
def test_what_is_known_already_is_not_said_again(client, deployment, known):
    etag = known.format(revision=deployment.revision)
    answer = client.get(ADDRESS, HTTP_IF_NONE_MATCH=etag)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer["ETag"] == f'"DM-200-{deployment.revision}"'


def test_answer_of_304_reads_the_revision_alone(
    client, deployment, django_assert_num_queries
):
    etag = client.get(ADDRESS)["ETag"]
    # The token, the role, the revision.
    with django_assert_num_queries(3):
        assert client.get(ADDRESS, HTTP_IF_NONE_MATCH=etag).status_code == 304


def test_every_change_is_a_new_etag(client, deployment, deployer):
    etag = client.get(ADDRESS)["ETag"]
    target = deployment.targets.last()
    deployments.skip_target(target, reason="No network.", by=deployer)
    answer = client.get(ADDRESS, HTTP_IF_NONE_MATCH=etag)
    assert answer.status_code == 200
    assert answer["ETag"] != etag
    assert answer.json()["targets"][1]["skip_reason"] == "No network."


def test_unknown_key_names_the_nearest(client, deployment):
    for key in ("DM-201", "nonsense", "DM-200.5"):
        answer = client.get(f"/api/v1/deployments/{key}/")
        assert answer.status_code == 404
        assert answer.json()["error"] == "not_found"
        assert answer.json()["details"]["nearest"] == ["DM-200"]
        assert "DM-200" in answer.json()["message"]


def test_other_cameras_are_not_even_named(deployment, facilities):
    una = people.make_person("una", "observer", Instrument.objects.get(name="LATISS"))
    answer = make_client(una).get(ADDRESS)
    assert answer.status_code == 404
    assert answer.json()["details"]["nearest"] == []


def test_nothing_without_a_name(deployment):
    client = Client()
    for address in (ADDRESS, "/api/v1/deployments/", "/api/v1/tracking/"):
        assert client.get(address).status_code == 401


def test_list_is_paged_and_filtered(client, deployment, django_assert_max_num_queries):
    with django_assert_max_num_queries(10):
        data = client.get("/api/v1/deployments/", {"stage": "filed"}).json()
    assert [one["key"] for one in data["results"]] == ["DM-200"]
    data = client.get("/api/v1/deployments/", {"instrument": "LATISS"}).json()
    assert data["count"] == 0


def test_tracking_table(client, deployment):
    data = client.get("/api/v1/tracking/", {"stage": "adopted"}).json()
    (row,) = data["results"]
    assert (row["taxicab"], row["deployment"]) == ("TAXICAB-1", "DM-200")
    states = {cell["repository"]: cell["status"] for cell in row["cells"]}
    assert states["usdf-main"] == "planned"


def test_verbs_call_the_services(deployment, deployer, client):
    omar = make_client(deployer)
    place = {"repository": "summit-LSSTComCam"}
    answer = omar.post(f"{ADDRESS}skip/", {**place, "reason": "Shut."}, format="json")
    assert answer.json()["targets"][1]["status"] == "skipped"
    assert omar.post(f"{ADDRESS}include/", place, format="json").status_code == 202
    assert client.post(f"{ADDRESS}start/").status_code == 403
    answer = omar.post(f"{ADDRESS}start/")
    assert (answer.status_code, answer.json()["status"]) == (202, "deploying")
    again = {**place, "step": "tag"}
    answer = omar.post(f"{ADDRESS}run-again/", again, format="json")
    assert answer.status_code == 409
    assert "comes after" in answer.json()["message"]
    answer = omar.post(f"{ADDRESS}skip/", {**place}, format="json")
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_input")
    wrong = {"repository": "moon", "reason": "Far."}
    answer = omar.post(f"{ADDRESS}roll-back/", wrong, format="json")
    assert answer.status_code == 404
    assert "summit-LSSTComCam" in answer.json()["message"]


def test_filing_over_rest(taxicab, connected, deployer):
    answer = make_client(deployer).post(
        "/api/v1/deployments/",
        {"taxicab": taxicab.key, "key": "DM-300"},
        format="json",
    )
    assert (answer.status_code, answer.json()["key"]) == (201, "DM-300")
    answer = make_client(deployer).post(
        "/api/v1/deployments/", {"taxicab": "TAXICAB-9", "key": "DM-301"}, format="json"
    )
    assert answer.status_code == 404


def test_set_of_another_camera_cannot_be_filed(taxicab, connected, facilities):
    una = people.make_person("una", "deployer", Instrument.objects.get(name="LATISS"))
    answer = make_client(una).post(
        "/api/v1/deployments/", {"taxicab": taxicab.key, "key": "DM-300"}, format="json"
    )
    assert answer.status_code == 404


def test_unknown_deployment_when_there_is_none(client, facilities):
    answer = client.get("/api/v1/deployments/DM-1/")
    assert answer.json()["message"].endswith("There is none.")


@pytest.mark.parametrize(
    "body",
    [
        "[" * 3000,
        '{"reason": "\\ud800"}',
        '{"repository": "usdf-main", "step": "\\ud800"}',
        '{"taxicab": "TAXICAB-' + "9" * 5000 + '", "key": "DM-9"}',
    ],
    ids=["deep", "half a character", "half a choice", "long number"],
)
@pytest.mark.parametrize("verb", ["", "DM-200/withdraw/", "DM-200/run-again/"])
def test_a_body_that_nobody_can_keep_is_refused(deployment, deployer, verb, body):
    client = make_client(deployer)
    answer = client.post(
        f"/api/v1/deployments/{verb}", body, content_type="application/json"
    )
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "message", "details"}


def test_the_etag_is_of_the_revision_in_the_answer(client, deployment, monkeypatch):
    find = DeploymentViewSet.get_object

    def find_later(view):
        raise_revision(deployment)
        return find(view)

    monkeypatch.setattr(DeploymentViewSet, "get_object", find_later)
    answer = client.get(ADDRESS)
    assert answer["ETag"] == f'"DM-200-{answer.json()["revision"]}"'
