"""The graph of a ticket: what can be built, what rests on an older one, how long."""

from pathlib import Path

import pytest

import calibrations
from calibrations import tasks
from calibrations.models import Certification, ConstructionTicket
from calibrations.services.certification import request_certification
from calibrations.services.consequences import consequences_of, ticket_consequences
from calibrations.services.generation import request_generation
from calibrations.services.graphs import graph_view
from calibrations.services.orders import (
    PIPELINES,
    camera_orders,
    choose_graph,
    chosen_graph,
)
from calibrations.services.overview import find_node
from calibrations.services.repositories import butler_settings
from calibrations.services.validity import suggest_validity
from calibrations.services.verification import request_verification
from taxicab.core.models import AuditEvent, Instrument
from taxicab.errors import ConflictError, ForbiddenError, InputError
from tests.support import construction as make
from tests.support import pages, people
from tests.support.built import make_built, make_tested


@pytest.fixture
def ticket(paper_place, scientist, instrument):
    return make.make_ticket(scientist, instrument)


@pytest.fixture
def manager(facilities):
    return people.make_person("ada", "administrator", None)


def states(ticket):
    ticket = type(ticket).objects.get(pk=ticket.pk)  # what was read is remembered
    return {n.type: (n.state, n.word) for n in graph_view(ticket).nodes if n.parts}


def up_to_ptc(ticket):
    """The types of figure 2 to ptc, certified one after the other."""
    bias = make_built(ticket, "bias", hour=0)
    dark = make_built(ticket, "dark_for_defects", hour=1, rests_on=[bias])
    flat = make_built(ticket, "flat_for_defects:r_03", hour=1, rests_on=[bias])
    defects = make_built(ticket, "defects", hour=2, rests_on=[bias, dark, flat])
    dark = make_built(ticket, "dark", hour=3, rests_on=[bias, defects])
    flats = [
        make_built(ticket, f"flat:{one}", hour=4, rests_on=[bias, dark, defects])
        for one in ("r_03", "i_06")
    ]
    return make_built(ticket, "ptc", hour=5, rests_on=[bias, dark, flats[0], defects])


def test_the_plan_offers_what_can_be_built_side_by_side(ticket):
    view = graph_view(ticket)
    assert [[n.type for n in level] for level in view.levels][:2] == [
        ["bias"],
        ["dark_for_defects", "flat_for_defects"],
    ]
    assert [n.type for n in view.build_next] == ["bias"]

    make_built(ticket, "bias")
    view = graph_view(type(ticket).objects.get(pk=ticket.pk))
    assert [n.type for n in view.build_next] == ["dark_for_defects", "flat_for_defects"]
    assert view.n_certified == 1
    # Begun already: offered no more, though its neighbour is.
    make_built(ticket, "dark_for_defects", until="generation", status="running")
    view = graph_view(type(ticket).objects.get(pk=ticket.pk))
    assert [n.type for n in view.build_next] == ["flat_for_defects"]
    lines = {(one.source, one.target): one.is_met for one in view.lines}
    assert lines["bias", "dark_for_defects"]
    assert not lines["dark_for_defects", "defects"]


def test_what_the_default_chain_has_is_not_waited_for(ticket):
    make_built(ticket, "bias")
    selection = pages.make_selection(ticket, calib_type="dark")
    selection.precursors = {"defects": ["LSSTComCam/calib/DM-1/curated"]}
    selection.save()
    assert find_node(ticket, "dark").can_be_built


def test_a_type_stands_as_its_filters_do(ticket):
    up_to_ptc(ticket)
    assert states(ticket)["flat"] == ("passed", "certified")
    make_built(ticket, "flat:i_06", letter="b", until="verification", status="failed")
    assert states(ticket)["flat"] == ("failed", "verification failed")
    node = find_node(type(ticket).objects.get(pk=ticket.pk), "flat")
    found = [(p.generation.band, p.letter, p.state) for p in node.parts]
    assert found == [("i", "b", "failed"), ("r", "a", "passed")]


def test_a_new_ptc_is_shown_with_what_rests_on_the_old_one(ticket, scientist):
    ptc = up_to_ptc(ticket)
    for name in ("linearizer", "bfk", "cti"):
        make_built(ticket, name, hour=6, rests_on=[ptc])
    assert ticket_consequences(ticket) == []

    # Before it is certified, who certifies is told.
    new = make_built(ticket, "ptc", letter="b", hour=7, until="verification")
    labels = {"flat-r", "flat-i", "linearizer", "bfk", "cti"}
    assert {one.built.label for one in consequences_of(new)} == labels
    assert ticket_consequences(ticket) == []
    request_certification(
        new, begin_tai=make.BEGIN, by=scientist, task=tasks.certify_calibration
    )
    event = AuditEvent.objects.get(action="ptc certified anew: to be rebuilt")
    assert set(event.after.split(", ")) == labels
    assert "bfk.20261109a was made with ptc.20261109a, not ptc.2026" in event.why
    assert len(event.details["collections"]) == 5

    # Once it is, they are marked; what is made anew is marked no more.
    Certification.objects.filter(generation=new).update(status="succeeded")
    assert states(ticket)["bfk"] == ("stale", "rests on an older ptc")
    assert states(ticket)["ptc"] == ("passed", "certified")
    make_built(ticket, "bfk", letter="b", hour=200, rests_on=[new])
    assert states(ticket)["bfk"] == ("passed", "certified")
    assert {one.built.label for one in ticket_consequences(ticket)} == labels - {"bfk"}


def test_a_ptc_alone_leaves_behind_what_the_adopted_set_has(ticket, scientist):
    ptc = up_to_ptc(ticket)
    for name in ("linearizer", "bfk", "cti"):
        make_built(ticket, name, hour=6, rests_on=[ptc])
    other = make.make_ticket(scientist, ticket.instrument, key="DM-2", tag="gainFixup")
    new = make_built(other, "ptc", hour=50, until="verification")
    # Nobody has adopted that set: it is in no chain that this ticket reads.
    assert consequences_of(new) == []

    ConstructionTicket.objects.filter(pk=ticket.pk).update(stage="reviewed")
    labels = {"flat-r", "flat-i", "linearizer", "bfk", "cti"}
    assert {one.built.label for one in consequences_of(new)} == labels
    request_certification(
        new, begin_tai=make.BEGIN, by=scientist, task=tasks.certify_calibration
    )
    event = AuditEvent.objects.get(action="ptc certified anew: to be rebuilt")
    assert (
        "cti.20261109a of DM-47447 was made with ptc.20261109a of DM-47447, "
        "not ptc.20261109a." in event.why
    )
    Certification.objects.filter(generation=new).update(status="succeeded")
    other.refresh_from_db()
    assert {one.built.label for one in graph_view(other).consequences} == labels

    # What it builds itself is found before the adopted one, and is made with the new.
    make_built(other, "bfk", hour=200, rests_on=[new])
    assert {one.built.label for one in ticket_consequences(other)} == labels - {"bfk"}
    # Once it is over, the board's later decisions are not its matter.
    ConstructionTicket.objects.filter(pk=other.pk).update(stage="withdrawn")
    other.refresh_from_db()
    assert ticket_consequences(other) == []


def test_products_that_rest_on_an_adopted_ptc_are_listed(ticket, scientist):
    ptc = up_to_ptc(ticket)
    ConstructionTicket.objects.filter(pk=ticket.pk).update(stage="reviewed")
    other = make.make_ticket(scientist, ticket.instrument, key="DM-2", tag="gainFixup")
    for name in ("flat:z_03", "bfk"):
        make_built(other, name, hour=50, rests_on=[ptc])
    assert ticket_consequences(other) == []
    new = make_built(other, "ptc", hour=51)
    found = {one.built.label: one for one in ticket_consequences(other)}
    assert set(found) == {"flat-z", "bfk", "flat-r", "flat-i"}
    assert found["bfk"].older == ptc.certifications.get().collection
    assert found["flat-z"].newer.collection == new.certifications.get().collection


def test_certifying_for_another_range_leaves_nothing_behind(ticket):
    bias = make_built(ticket, "bias", end_tai="2026-11-12T00:00:00")
    make_built(ticket, "dark_for_defects", hour=1, rests_on=[bias])
    assert consequences_of(bias) == []


def test_the_guard_names_the_filter_that_is_missing(ticket, scientist):
    up_to_ptc(ticket)
    chosen = pages.make_selection(ticket, calib_type="fringe")
    chosen.physical_filter, chosen.band = "z_03", "z"
    chosen.save()
    with pytest.raises(ConflictError, match="needs a flat in z_03 valid") as caught:
        request_generation(
            ticket, selection=chosen, by=scientist, task=tasks.generate_calibration
        )
    assert caught.value.details["missing"] == ["flat:z_03"]
    assert "2026-11-09 TAI" in str(caught.value)

    # Of the ptc's exposures, too, the filter counts, though it is made without one.
    chosen = pages.make_selection(ticket, calib_type="ptc")
    chosen.exposures = [e | {"physical_filter": "i_06"} for e in chosen.exposures]
    chosen.save()
    made = request_generation(
        ticket, selection=chosen, by=scientist, task=tasks.generate_calibration
    )
    assert "flat:i_06" in made.precursors
    assert "flat:r_03" not in made.precursors
    assert made.input_collections[0] == "LSSTComCam/calib/DM-47447"


def test_a_type_without_tests_is_certified_without(ticket, scientist):
    bias = make_built(ticket, "bias", until="generation")
    dark = make_built(ticket, "dark_for_defects", until="generation")
    with pytest.raises(ConflictError, match="is not verified"):
        request_certification(
            bias, begin_tai=make.BEGIN, by=scientist, task=tasks.certify_calibration
        )
    held = request_certification(
        dark, begin_tai=make.BEGIN, by=scientist, task=tasks.certify_calibration
    )
    assert held.collection.endswith("/defectDark.20261109a")
    with pytest.raises(ConflictError, match="no tests of a dark_for_defects"):
        request_verification(dark, by=scientist, task=tasks.verify_calibration)


def test_later_nights_suggest_the_validity_range(ticket):
    bias = make_built(ticket, "bias", until="verification")
    before = suggest_validity(bias)
    assert (before.begin_tai, before.end_tai) == ("2026-11-09T12:00:00", "")
    assert "not known" in before.sentence

    # C01 fails from the seventeenth on; C00 is bad from the start.
    make_tested(
        bias,
        failing=lambda e, amp, test: (
            amp == "C00" or (e >= 2026111700001 and test == "NOISE")
        ),
        tests=("MEAN", "NOISE"),
    )
    found = suggest_validity(bias)
    assert found.begin_tai == "2026-11-09T12:00:00"
    assert found.end_tai == "2026-11-17T20:00:01"
    assert "Exposure 2026111700001" in found.sentence
    spans = {one.test: one for one in found.spans}
    assert spans["MEAN"].end_tai is None
    assert spans["NOISE"].ended_by == 2026111700001
    assert {one.n_left_out for one in found.spans} == {1}
    # Advice ends nothing.
    bias.verifications.get().results.filter(test="NOISE").update(is_advisory=True)
    assert suggest_validity(bias).end_tai == ""


def test_a_night_that_holds_before_the_construction_begins_the_range(ticket):
    bias = make_built(ticket, "bias", until="verification")
    make_tested(bias, failing=lambda *_: False, days=(5,))
    assert suggest_validity(bias).begin_tai == "2026-11-05T12:00:00"
    bias.verifications.get().results.filter(exposure=2026110500000).update(passed=False)
    assert suggest_validity(bias).begin_tai == "2026-11-05T20:00:01"


def test_a_ticket_keeps_the_order_it_was_opened_with(
    ticket, paper_place, scientist, instrument, manager
):
    assert ticket.graph == "dmtn222"
    choose_graph(paper_place, instrument.name, graph="cp_pipe", by=manager)
    other = make.make_ticket(scientist, instrument, key="DM-2", tag="short")
    ticket.refresh_from_db()
    assert (ticket.graph, other.graph) == ("dmtn222", "cp_pipe")
    assert [n.type for n in graph_view(other).build_next] == ["biasBootstrap"]
    assert find_node(other, "fringe") is None
    with pytest.raises(InputError, match="'fringe' is not built for DM-2"):
        make.request_selection(
            other,
            calib_type="fringe",
            purpose="generation",
            where="day_obs=1",
            physical_filter="z_03",
            by=scientist,
            task=tasks.preview_selection,
        )
    # The longest name of the order in force counts.
    with pytest.raises(InputError, match="at most 9 characters"):
        make.make_ticket(scientist, instrument, key="DM-47448", tag="tenletters")


def test_each_order_has_its_pipelines(paper_place, instrument):
    ours = butler_settings(paper_place, instrument=instrument.name)
    today = butler_settings(paper_place, instrument=instrument.name, graph="cp_pipe")
    assert ours.pipelines["bias"].endswith("pipelines/cpBias.yaml")
    assert today.pipelines["bias"].endswith("pipelines/lsst/cpBias.yaml")
    assert "fringe" not in today.pipelines
    # What a site names for a camera comes before either.
    paper_place.butler = {
        "instruments": {instrument.name: {"pipelines": {"bias": "/site/cpBias.yaml"}}}
    }
    own = butler_settings(paper_place, instrument=instrument.name, graph="cp_pipe")
    assert own.pipelines["bias"] == "/site/cpBias.yaml"
    assert own.pipelines["dark"] == today.pipelines["dark"]


@pytest.mark.parametrize("graph", list(PIPELINES))
def test_every_pipeline_of_an_order_is_there(graph):
    for name, address in PIPELINES[graph].items():
        path = address.removeprefix("resource://calibrations/")
        assert (Path(calibrations.__file__).parent / path).is_file(), name


def test_the_order_is_chosen_for_one_camera_by_who_manages(
    paper_place, instrument, manager, scientist
):
    assert chosen_graph(paper_place, instrument.name).name == "dmtn222"
    with pytest.raises(ForbiddenError):
        choose_graph(paper_place, instrument.name, graph="cp_pipe", by=scientist)
    with pytest.raises(InputError, match="there are dmtn222, cp_pipe"):
        choose_graph(paper_place, instrument.name, graph="mine", by=manager)
    with pytest.raises(ConflictError, match="does not hold"):
        choose_graph(paper_place, "NoSuchCam", graph="cp_pipe", by=manager)

    paper_place.butler = {"instruments": {"LATISS": {"pipelines": {"bias": "x"}}}}
    paper_place.save()
    choose_graph(paper_place, instrument.name, graph="cp_pipe", by=manager)
    paper_place.refresh_from_db()
    assert paper_place.butler["instruments"] == {
        "LATISS": {"pipelines": {"bias": "x"}},
        "LSSTComCam": {"graph": "cp_pipe"},
    }
    assert chosen_graph(paper_place, "LATISS").name == "dmtn222"
    event = AuditEvent.objects.get(action="order of construction for LSSTComCam")
    assert (event.before, event.after, event.user) == ("dmtn222", "cp_pipe", manager)
    rows = camera_orders(scientist, Instrument.objects.all())
    found = {str(one.instrument): (one.graph.name, one.may_choose) for one in rows}
    assert found["LSSTComCam"] == ("cp_pipe", False)
    assert found["LATISS"] == ("dmtn222", False)


def test_who_chooses_while_the_settings_change_is_told(
    paper_place, manager, monkeypatch
):
    from calibrations.services import orders

    look = orders.chosen_graph

    def look_while_another_writes(repository, instrument):
        monkeypatch.setattr(orders, "chosen_graph", look)
        choose_graph(paper_place, "LATISS", graph="cp_pipe", by=manager)
        return look(repository, instrument)

    monkeypatch.setattr(orders, "chosen_graph", look_while_another_writes)
    with pytest.raises(ConflictError, match="at this moment"):
        choose_graph(paper_place, "LSSTComCam", graph="cp_pipe", by=manager)
    # The other's choice was made inside this one's transaction here, and goes with it;
    # what counts is that nothing was written over it.
    assert not AuditEvent.objects.filter(action__endswith="for LSSTComCam").exists()


def test_a_setting_that_names_no_order_is_refused_where_it_is_read(
    paper_place, scientist, instrument
):
    paper_place.butler = {"graph": "mine"}
    paper_place.save()
    with pytest.raises(InputError, match="no order of construction 'mine'"):
        make.make_ticket(scientist, instrument)
