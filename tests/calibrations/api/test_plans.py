"""The graph of a ticket over REST: plan, consequences, validity, choice of order."""

import pytest

from tests.calibrations.api.test_construction import ROOT, make_client
from tests.support import construction as make
from tests.support import people
from tests.support.built import make_built, make_tested

TICKET = f"{ROOT}/construction-tickets/DM-47447/"


@pytest.fixture
def ticket(paper_place, scientist, instrument):
    return make.make_ticket(scientist, instrument)


@pytest.fixture
def client(ticket, scientist):
    return make_client(scientist)


@pytest.fixture
def manager(facilities):
    return people.make_person("ada", "administrator", None)


@pytest.fixture
def stranger(facilities):
    from taxicab.core.models import Instrument

    return people.make_person("sam", "observer", Instrument.objects.get(name="LATISS"))


def test_a_script_asks_what_to_build_next(client, ticket):
    plan = client.get(f"{TICKET}plan/").json()
    assert (plan["graph"], plan["build_next"]) == ("dmtn222", ["bias"])
    assert plan["levels"][-1] == ["linearizer", "bfk", "cti"]
    assert len(plan["nodes"]) == 12
    nodes = {one["type"]: one for one in plan["nodes"]}
    assert nodes["dark"]["missing"] == ["bias", "defects"]
    assert nodes["ptc"]["inputs"] == "about 100 pairs"
    assert not nodes["dark_for_defects"]["is_verified"]

    bias = make_built(ticket, "bias")
    plan = client.get(f"{TICKET}plan/").json()
    assert plan["build_next"] == ["dark_for_defects", "flat_for_defects"]
    (part,) = next(n for n in plan["nodes"] if n["type"] == "bias")["parts"]
    assert (part["attempt"], part["state"]) == ("a", "passed")
    assert part["generation"] == bias.pk
    assert part["job"] is None
    assert client.get(TICKET).json()["graph"] == "dmtn222"


def test_consequences_are_told_before_and_after(client, ticket):
    ptc = make_built(ticket, "ptc")
    make_built(ticket, "bfk", hour=1, rests_on=[ptc])
    new = make_built(ticket, "ptc", letter="b", hour=2, until="verification")
    address = f"{ROOT}/generations/{new.pk}/consequences/"
    (told,) = client.get(address).json()
    assert (told["type"], told["through"]) == ("bfk", "")
    assert told["older"].endswith("/ptc.20261109a")
    assert told["newer"].endswith("/ptc.20261109b")
    assert client.get(f"{TICKET}consequences/").json() == []
    make_built(ticket, "ptc", letter="c", hour=3)
    (told,) = client.get(f"{TICKET}consequences/").json()
    assert told["newer"].endswith("/ptc.20261109c")


def test_the_validity_that_the_tests_suggest(client, ticket):
    bias = make_built(ticket, "bias", until="verification")
    address = f"{ROOT}/generations/{bias.pk}/validity/"
    answer = client.get(address).json()
    assert (answer["end_tai"], answer["common"], answer["spans"]) == ("", None, [])
    make_tested(bias, failing=lambda e, amp, test: e >= 2026111800000)
    answer = client.get(address).json()
    assert answer["begin_tai"] == "2026-11-09T12:00:00"
    assert answer["end_tai"] == "2026-11-18T20:00:00"
    assert answer["common"]["ended_by"] == 2026111800000
    assert answer["spans"][0]["test"] == "NOISE"


def test_the_order_of_a_camera_is_chosen(client, manager, ticket):
    orders = client.get(f"{ROOT}/construction-orders/").json()
    assert [one["name"] for one in orders["graphs"]] == ["dmtn222", "cp_pipe"]
    assert orders["graphs"][0]["precursors"]["dark"] == ["bias", "defects"]
    # A builder reads; who manages chooses.
    address = f"{ROOT}/construction-orders/LSSTComCam/"
    assert client.put(address, {"graph": "cp_pipe"}).status_code == 403
    chooser = make_client(manager)
    assert chooser.put(address, {"graph": "mine"}).status_code == 400
    orders = chooser.put(address, {"graph": "cp_pipe"}).json()
    chosen = {one["instrument"]: one["graph"] for one in orders["cameras"]}
    assert chosen["LSSTComCam"] == "cp_pipe"
    assert client.get(f"{TICKET}plan/").json()["graph"] == "dmtn222"


def test_strangers_see_none_of_it(ticket, stranger):
    bias = make_built(ticket, "bias", until="verification")
    client = make_client(stranger)
    for address in (
        f"{TICKET}plan/",
        f"{TICKET}consequences/",
        f"{ROOT}/generations/{bias.pk}/validity/",
        f"{ROOT}/generations/{bias.pk}/consequences/",
    ):
        assert client.get(address).status_code == 404
    orders = client.get(f"{ROOT}/construction-orders/").json()
    assert {one["instrument"] for one in orders["cameras"]} <= {"LATISS"}
    chosen = client.put(f"{ROOT}/construction-orders/LSSTComCam/", {"graph": "cp_pipe"})
    assert chosen.status_code == 404
