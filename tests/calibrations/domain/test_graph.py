"""Both orders of construction, and what follows from them."""

import itertools

import pytest

from calibrations.domain.graph import (
    GRAPHS,
    CalibrationType,
    Held,
    ancestors,
    build_order,
    descendants,
    find_graph,
    missing_precursors,
    needed,
    plan,
    ready_to_build,
    specification,
)

DMTN_222, CP_PIPE = find_graph("dmtn222"), find_graph("cp_pipe")
R, I = "r_03", "i_06"  # noqa: E741 - the band is called so

FIGURE_2 = {
    "bias": "",
    "dark_for_defects": "bias",
    "flat_for_defects": "bias",
    "defects": "bias dark_for_defects flat_for_defects",
    "dark": "bias defects",
    "flat": "bias dark defects",
    "ptc": "bias dark flat defects",
    "fringe": "bias dark flat defects",
    "crosstalk": "bias dark flat defects",
    "linearizer": "ptc",
    "bfk": "ptc",
    "cti": "ptc",
}
# The second table of the facts; what only curated calibrations serve is left out.
TODAY = {
    "biasBootstrap": "",
    "darkBootstrap": "biasBootstrap",
    "flatBootstrap": "biasBootstrap darkBootstrap",
    "defects": "biasBootstrap darkBootstrap flatBootstrap",
    "linearizer": "defects",
    "cti": "linearizer defects",
    "ptc": "linearizer cti defects",
    "bfk": "linearizer cti defects",
    "bias": "ptc linearizer",
    "dark": "ptc linearizer bias defects",
    "flat": "ptc linearizer cti bias dark",
    "crosstalk": "ptc",
}


@pytest.mark.parametrize(
    ("graph", "table"), [(DMTN_222, FIGURE_2), (CP_PIPE, TODAY)], ids=["222", "cp_pipe"]
)
def test_precursors_are_those_of_the_sources(graph, table):
    found = {str(t): set(map(str, p)) for t, p in graph.precursors.items()}
    assert found == {name: set(needs.split()) for name, needs in table.items()}


@pytest.mark.parametrize("graph", list(GRAPHS.values()), ids=list(GRAPHS))
def test_each_type_is_listed_after_those_it_needs(graph):
    for place, type_ in enumerate(graph.types):
        assert set(graph.precursors[type_]) <= set(graph.types[:place])


def test_the_types_are_those_of_both_orders():
    assert {*DMTN_222.types, *CP_PIPE.types} == set(CalibrationType)


def test_the_plan_of_figure_2():
    assert [set(map(str, level)) for level in plan(DMTN_222)] == [
        {"bias"},
        {"dark_for_defects", "flat_for_defects"},
        {"defects"},
        {"dark"},
        {"flat"},
        {"ptc", "crosstalk", "fringe"},
        {"linearizer", "bfk", "cti"},
    ]


def test_the_plan_of_today_begins_with_bootstraps_and_ends_with_the_flat():
    levels = [set(map(str, level)) for level in plan(CP_PIPE)]
    assert levels[:3] == [{"biasBootstrap"}, {"darkBootstrap"}, {"flatBootstrap"}]
    places = {name: n for n, level in enumerate(levels) for name in level}
    assert places["linearizer"] < places["ptc"] < places["bias"] < places["flat"]
    # The kernel has its own photon transfer curve, so it runs beside ptc.
    assert places["bfk"] == places["ptc"]


@pytest.mark.parametrize("graph", list(GRAPHS.values()), ids=list(GRAPHS))
def test_no_level_holds_a_type_and_one_that_it_rests_on(graph):
    for level in plan(graph):
        for one, other in itertools.permutations(level, 2):
            assert one not in ancestors(graph, other)


def test_a_plan_for_some_types_brings_what_they_need_and_no_more():
    assert plan(DMTN_222, ["dark"]) == plan(DMTN_222, ["dark", "defects"])
    built = {str(t) for level in plan(DMTN_222, ["dark"]) for t in level}
    assert built == {"bias", "dark_for_defects", "flat_for_defects", "defects", "dark"}


def test_what_is_there_is_not_built_and_needs_nothing():
    # Curated defects spare what defects are made from.
    levels = plan(DMTN_222, ["dark"], present=["defects"])
    assert [list(map(str, level)) for level in levels] == [["bias"], ["dark"]]
    assert plan(DMTN_222, ["bias"], present=["bias"]) == ()


def test_what_can_be_built_now():
    assert ready_to_build(DMTN_222, []) == ["bias"]
    assert ready_to_build(DMTN_222, ["bias"]) == [
        "dark_for_defects",
        "flat_for_defects",
    ]
    # Parallel branches: three at once after ptc.
    there = [t for t in DMTN_222.types if t not in {"linearizer", "bfk", "cti"}]
    assert ready_to_build(DMTN_222, there) == ["linearizer", "bfk", "cti"]


@pytest.mark.parametrize(
    ("type_", "present", "missing"),
    [
        ("bias", [], []),
        ("dark", [], ["bias", "defects"]),
        ("dark", ["bias"], ["defects"]),
        ("dark", ["bias", "defects"], []),
        ("flat", ["dark"], ["bias", "defects"]),
        ("linearizer", ["bias", "dark", "defects"], ["ptc"]),
        ("defects", ["bias", "dark_for_defects"], ["flat_for_defects"]),
        # One filter is enough to find defects on, whichever it is.
        ("defects", ["bias", "dark_for_defects", "flat_for_defects:i_06"], []),
    ],
)
def test_the_guard_names_what_is_missing(type_, present, missing):
    held = [Held.parse(key) for key in present]
    found = missing_precursors(DMTN_222, type_, held, [R])
    assert [str(one) for one in found] == missing


def test_a_flat_is_needed_in_each_filter_of_the_exposures():
    held = [Held.parse(key) for key in ("bias", "dark", "defects", f"flat:{I}")]
    assert missing_precursors(DMTN_222, "ptc", held, [I]) == []
    (missing,) = missing_precursors(DMTN_222, "ptc", held, [R, I])
    assert str(missing) == "flat in r_03"
    assert Held(CalibrationType.FLAT, R) in needed(DMTN_222, "fringe", [R])
    # A flat of no known filter is not taken for one of r.
    held = [Held.parse(key) for key in ("bias", "dark", "defects", "flat")]
    assert missing_precursors(DMTN_222, "ptc", held, [R]) == [missing]


def test_descendants_go_through_others():
    assert set(descendants(DMTN_222, "ptc")) == {"linearizer", "bfk", "cti"}
    assert set(descendants(DMTN_222, "flat")) == {
        "ptc",
        "crosstalk",
        "fringe",
        "linearizer",
        "bfk",
        "cti",
    }
    assert set(ancestors(CP_PIPE, "flat")) == set(TODAY) - {"flat", "bfk", "crosstalk"}


@pytest.mark.parametrize("types", [*itertools.permutations(["bias", "dark", "flat"])])
def test_a_type_comes_after_those_it_needs(types):
    assert build_order(types) == ["bias", "dark", "flat"]


def test_only_what_is_asked_for_is_ordered():
    assert build_order(["flat", "bias"]) == ["bias", "flat"]
    assert build_order(["bias", "ptc"], CP_PIPE) == ["ptc", "bias"]
    assert build_order([]) == []
    # What an order does not have comes last rather than being lost.
    assert build_order(["fringe", "bias"], CP_PIPE) == ["bias", "fringe"]


def test_what_is_made_for_a_filter():
    per_filter = {str(t) for t in CalibrationType if specification(t).is_per_filter}
    assert per_filter == {"flat", "flat_for_defects", "flatBootstrap", "fringe"}


def test_what_only_serves_to_make_others_has_no_tests():
    untested = {str(t) for t in CalibrationType if not specification(t).is_verified}
    assert untested == {
        "biasBootstrap",
        "darkBootstrap",
        "flatBootstrap",
        "dark_for_defects",
        "flat_for_defects",
    }


def test_a_photon_transfer_curve_takes_about_a_hundred_pairs():
    found = specification("ptc")
    assert found.is_paired
    assert found.inputs == "about 100 pairs"
    assert specification("bias").inputs == "15 to 20 exposures"


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="brighterFatter"):
        specification("brighterFatter")
    with pytest.raises(LookupError, match="there are dmtn222, cp_pipe"):
        find_graph("mine")
    assert find_graph("") is DMTN_222


@pytest.mark.parametrize("held", [Held.parse("bias"), Held.parse("flat:r_03")])
def test_a_key_is_read_as_written(held):
    assert Held.parse(held.key) == held
