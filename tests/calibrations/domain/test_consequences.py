"""What is to be rebuilt after something was certified anew."""

import datetime

import pytest

from calibrations.domain.consequences import Built, find_consequences
from calibrations.domain.graph import Held, find_graph
from calibrations.domain.validity import ValidityRange

DMTN_222, CP_PIPE = find_graph("dmtn222"), find_graph("cp_pipe")
ALWAYS = ValidityRange(None, None)


def at(hour):
    """An instant; things are made at whole hours and certified half an hour later."""
    return datetime.datetime(2026, 11, 9, tzinfo=datetime.UTC) + datetime.timedelta(
        hours=hour
    )


def make(key, hour, *rests_on, letter="a", valid=ALWAYS):
    """Something made at an hour, with what it was made with as ``key=collection``."""
    held = Held.parse(key)
    return Built(
        held=held,
        label=str(held.type),
        collection=f"{key}.{letter}",
        made_at=at(hour),
        certified_at=at(hour + 0.5),
        valid=valid,
        rests_on=dict(one.split("=") for one in rests_on),
    )


def found(graph, *built):
    return {one.built.collection: one for one in find_consequences(graph, built)}


BIAS = make("bias", 0)
DEFECTS = make("defects", 1, "bias=bias.a")
DARK = make("dark", 2, "bias=bias.a", "defects=defects.a")
FLAT = make("flat:r", 3, "bias=bias.a", "dark=dark.a", "defects=defects.a")
PTC = make("ptc", 4, "bias=bias.a", "dark=dark.a", "flat:r=flat:r.a")
AFTER = [make(name, 5, "ptc=ptc.a") for name in ("linearizer", "bfk", "cti")]
SET = [BIAS, DEFECTS, DARK, FLAT, PTC, *AFTER]


def test_a_set_made_in_order_has_nothing_to_rebuild():
    assert found(DMTN_222, *SET) == {}
    # The first ptc replaces no gains: the flat it was made with stands.
    assert found(DMTN_222, *SET[:5]) == {}


def test_a_new_ptc_lists_linearizer_bfk_cti_and_flats():
    new = make("ptc", 6, "bias=bias.a", "dark=dark.a", "flat:r=flat:r.a", letter="b")
    consequences = found(DMTN_222, *SET, new)
    assert set(consequences) == {"flat:r.a", "linearizer.a", "bfk.a", "cti.a"}
    assert consequences["bfk.a"].sentence == "bfk.a was made with ptc.a, not ptc.b."
    assert "an older one than ptc.b" in consequences["flat:r.a"].sentence


def test_what_is_rebuilt_leaves_the_list():
    new = make("ptc", 6, "flat:r=flat:r.a", letter="b")
    rebuilt = make("bfk", 7, "ptc=ptc.b", letter="b")
    assert set(found(DMTN_222, *SET, new, rebuilt)) == {
        "flat:r.a",
        "linearizer.a",
        "cti.a",
    }


def test_what_rests_on_the_new_one_already_does_not_come():
    # Made while the new ptc was certified, with the old one: it comes; after: not.
    new = make("ptc", 6, letter="b")
    early = make("bfk", 6.2, "ptc=ptc.a", letter="b")
    assert "bfk.b" in found(DMTN_222, *SET, new, early)


def test_a_consequence_goes_through_what_lies_between():
    new = make("bias", 6, letter="b")
    consequences = found(DMTN_222, *SET, new)
    assert set(consequences) == {one.collection for one in SET[1:]}
    assert consequences["dark.a"].through is None
    assert consequences["cti.a"].through.collection == "ptc.a"
    assert consequences["cti.a"].sentence == (
        "cti.a was made with ptc.a, which rests on an older bias than bias.b."
    )


def test_gains_before_the_bias_concern_the_bias_too():
    made = [
        make("ptc", 0),
        make("linearizer", -1),
        make("bias", 1, "ptc=ptc.a", "linearizer=linearizer.a"),
        make("bfk", 2, "linearizer=linearizer.a"),
    ]
    consequences = found(CP_PIPE, *made, make("ptc", 3, letter="b"))
    # The kernel has a photon transfer curve of its own in this order.
    assert set(consequences) == {"bias.a"}


def test_only_the_flat_of_the_same_filter_matters():
    new = make("flat:i", 6, "bias=bias.a", letter="b")
    assert found(DMTN_222, *SET, make("flat:i", 3.2), new) == {}
    new = make("flat:r", 6, "bias=bias.a", letter="b")
    assert set(found(DMTN_222, *SET, new)) == {
        "ptc.a",
        "linearizer.a",
        "bfk.a",
        "cti.a",
    }


@pytest.mark.parametrize(
    ("begin", "end", "concerned"),
    [
        ("2026-12-01T00:00:00", None, False),
        ("2026-11-20T00:00:00", None, True),
        (None, "2026-11-09T00:00:00", False),
    ],
)
def test_ranges_that_do_not_meet_do_not_concern_one_another(begin, end, concerned):
    held = ValidityRange("2026-11-09T00:00:00", "2026-12-01T00:00:00")
    old = make("ptc", 4, valid=held)
    bfk = make("bfk", 5, "ptc=ptc.a", valid=held)
    new = make("ptc", 6, letter="b", valid=ValidityRange(begin, end))
    assert bool(found(DMTN_222, old, bfk, new)) is concerned


def test_what_a_newer_one_hides_is_not_rebuilt():
    newer = make("bfk", 5.6, "ptc=ptc.a", letter="b")
    new = make("ptc", 6, letter="b")
    assert set(found(DMTN_222, PTC, AFTER[1], newer, new)) == {"bfk.b"}


def test_the_same_calibration_certified_for_another_range_changes_nothing():
    again = make("ptc", 4, valid=ValidityRange("2026-12-01T00:00:00"))
    again = Built(**{**again.__dict__, "certified_at": at(8)})
    assert found(DMTN_222, *SET, again) == {}


def test_without_a_record_of_what_it_rests_on_the_dates_decide():
    bfk = make("bfk", 5)
    (consequence,) = found(DMTN_222, PTC, bfk, make("ptc", 6, letter="b")).values()
    assert consequence.sentence == "bfk.a was made with an older one than ptc.b."
    # Two flats of two filters, though, cannot be of one another.
    fringe = make("fringe:z", 5)
    assert found(DMTN_222, fringe, make("flat:r", 6)) == {}
    assert set(found(DMTN_222, fringe, make("flat:z", 6))) == {"fringe:z.a"}
