"""The graph of a ticket on its pages, and the page where its order is chosen."""

import re

import pytest

from calibrations.models import Certification
from taxicab.core.models import Repository
from tests.support import board as make
from tests.support import pages, people
from tests.support.built import make_built, make_tested


@pytest.fixture
def ticket(scientist, instrument):
    pages.connect()
    return make.make_set("DM-300", owner=scientist, instrument=instrument, types=())


@pytest.fixture
def manager(facilities):
    return people.make_person("ada", "administrator", None)


BOX = re.compile(r'<a class="node ([^"]*)"[^>]*data-type="(\w+)"[^>]*>(.*?)</a>')


def nodes_of(page):
    """What each box of the graph looks like and says, by type."""
    return {
        name: (look, re.sub(r"<[^>]+>", " ", text).split())
        for look, name, text in BOX.findall(page)
    }


def test_every_type_of_the_order_is_a_box_that_opens_its_panel(ticket, observer):
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get("/construction/DM-300/"))
    nodes = nodes_of(page)
    assert len(nodes) == 12
    assert "next" in nodes["bias"][0]
    assert {"can", "be", "built", "now"} <= set(nodes["bias"][1])
    assert "waits for" in " ".join(nodes["dark"][1])
    for name in nodes:
        assert f'href="/construction/DM-300/{name}/#step"' in page
        panel = browser.get(f"/construction/DM-300/{name}/")
        assert panel.status_code == 200
        assert 'aria-current="true"' in pages.text_of(panel)
    assert browser.get("/construction/DM-300/biasBootstrap/").status_code == 404


def test_a_box_says_state_attempt_filter_and_progress(ticket, observer):
    make_built(ticket, "bias")
    make_built(ticket, "flat_for_defects:r_03", letter="c", hour=1)
    make_built(ticket, "flat_for_defects:i_06", until="generation", status="failed")
    running = make_built(
        ticket, "dark_for_defects", until="generation", status="running"
    )
    running.jobs.add(pages.make_job(ticket))
    page = pages.text_of(pages.visitor(observer).get("/construction/DM-300/"))
    nodes = nodes_of(page)
    assert nodes["bias"][0].startswith("state-passed")
    assert nodes["bias"][1] == ["bias", "✓", "certified", "attempt", "a"]
    # Two filters: the box is as bad as the worse one, and shows both.
    assert nodes["flat_for_defects"][0].startswith("state-failed")
    assert " ".join(nodes["flat_for_defects"][1]).endswith("✕ i a ✓ r c")
    assert nodes["dark_for_defects"][0].startswith("state-running")
    assert "9 of 27" in page


def test_what_rests_on_an_older_one_is_listed_and_marked(ticket, scientist):
    ptc = make_built(ticket, "ptc")
    make_built(ticket, "linearizer", hour=1, rests_on=[ptc])
    new = make_built(ticket, "ptc", letter="b", hour=2, until="verification")
    browser = pages.visitor(scientist)
    page = pages.text_of(
        browser.get(f"/construction/DM-300/generations/{new.pk}/certify/")
    )
    assert "To be rebuilt after it: linearizer.20261109a was made with ptc.2026" in page
    Certification.objects.create(
        ticket=ticket,
        generation=new,
        collection=new.collection.replace("Gen", ""),
        begin_tai="2026-11-09T12:00:00",
        status="succeeded",
        created_by=scientist,
    )
    page = pages.text_of(browser.get("/construction/DM-300/"))
    assert "1 certified calibration rests on an older one" in page
    assert nodes_of(page)["linearizer"][0].startswith("state-stale")
    page = pages.text_of(browser.get("/construction/DM-300/linearizer/"))
    assert "not ptc.20261109b. Generate it again." in page


def test_certification_offers_the_range_that_the_tests_suggest(ticket, scientist):
    bias = make_built(ticket, "bias", until="verification")
    make_tested(bias, failing=lambda e, amp, test: e >= 2026111700001)
    browser = pages.visitor(scientist)
    address = f"/construction/DM-300/generations/{bias.pk}/certify/"
    page = pages.text_of(browser.get(address))
    assert 'value="2026-11-09T12:00:00"' in page
    assert "The tests hold until 2026-11-17T20:00:01" in page
    assert "Exposure 2026111700001" in page
    # It is offered and not filled in: whoever sends the form as it is leaves it open.
    assert 'value="2026-11-17T20:00:01"' not in page
    browser.post(address, {"begin_tai": "2026-11-09T12:00:00", "end_tai": ""})
    assert ticket.certifications.get().end_tai == ""


def test_a_type_without_tests_offers_none(ticket, scientist):
    made = make_built(ticket, "dark_for_defects", until="generation")
    page = pages.text_of(
        pages.visitor(scientist).get("/construction/DM-300/dark_for_defects/")
    )
    assert f"/generations/{made.pk}/certify/" in page
    assert f"/generations/{made.pk}/verify/" not in page
    assert "it only serves to make others" in page


def test_panels_say_what_a_type_takes(ticket, scientist):
    browser = pages.visitor(scientist)
    page = pages.text_of(browser.get("/construction/DM-300/ptc/"))
    assert (
        "in pairs of one exposure time: at least 40; about 100 pairs are usual" in page
    )
    assert "exposure.observation_reason=&#x27;ptc&#x27;" in page
    assert "verifyGain" in page
    page = pages.text_of(browser.get("/construction/DM-300/fringe/"))
    assert "<code>science</code>, whatever they were taken for, in one filter" in page
    assert "Physical filter" in page


def test_an_administrator_chooses_the_order_of_a_camera(ticket, observer, manager):
    page = pages.text_of(pages.visitor(observer).get("/construction/orders/"))
    assert "DMTN-222, figure 2" in page
    assert "<select" not in page
    answer = pages.visitor(observer).post(
        "/construction/orders/LSSTComCam/", {"graph": "cp_pipe"}
    )
    assert answer.status_code == 403

    browser = pages.visitor(manager)
    assert "<select" in pages.text_of(browser.get("/construction/orders/"))
    answer = browser.post(
        "/construction/orders/LSSTComCam/", {"graph": "cp_pipe"}, follow=True
    )
    assert "New tickets of LSSTComCam are built in the order of cp_pipe" in (
        pages.text_of(answer)
    )
    place = Repository.objects.get(is_build=True)
    assert place.butler["instruments"]["LSSTComCam"]["graph"] == "cp_pipe"
    answer = browser.post("/construction/orders/NoSuchCam/", {"graph": "cp_pipe"})
    assert answer.status_code == 404


def test_a_ticket_of_the_other_order_shows_that_one(ticket, observer):
    type(ticket).objects.filter(pk=ticket.pk).update(graph="cp_pipe")
    page = pages.text_of(pages.visitor(observer).get("/construction/DM-300/"))
    assert "cp_pipe, as its pipelines are today" in page
    nodes = nodes_of(page)
    assert "next" in nodes["biasBootstrap"][0]
    assert "fringe" not in nodes


def test_strangers_see_no_graph(ticket, stranger):
    browser = pages.visitor(stranger)
    for address in ("", "bias/", "bias/live/"):
        assert browser.get(f"/construction/DM-300/{address}").status_code == 404
    assert "LSSTComCam" not in pages.text_of(browser.get("/construction/orders/"))


def test_a_long_graph_costs_few_queries(
    ticket, observer, django_assert_max_num_queries
):
    for hour, name in enumerate(("bias", "dark_for_defects", "defects", "dark", "ptc")):
        make_built(ticket, name, hour=hour)
    browser = pages.visitor(observer)
    with django_assert_max_num_queries(47):
        browser.get("/construction/DM-300/")
