"""What is to be rebuilt after something was certified anew."""

import dataclasses
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


def make(key, hour, *rests_on, letter="a", valid=ALWAYS, adopted=None):
    """Something made at an hour, with what it was made with as ``key=collection``.

    Of another ticket, it is found since the hour when that was adopted.
    """
    held = Held.parse(key)
    return Built(
        held=held,
        label=str(held.type),
        collection=f"{key}.{letter}",
        made_at=at(hour),
        certified_at=at(hour + 0.5 if adopted is None else adopted),
        valid=valid,
        rests_on=dict(one.split("=") for one in rests_on),
        is_adopted=adopted is not None,
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
    assert consequences["flat:r.a"].sentence == (
        "flat:r.a was made with no ptc, before ptc.b."
    )


@pytest.mark.parametrize(
    "older",
    ["LSSTComCam/calib/DM-1/gains/ptc.20251109a", "LSSTComCam/calib/DM-9/curated"],
    ids=["another ticket's", "curated"],
)
def test_an_older_ptc_need_not_be_the_tickets_own(older):
    name = "LSSTComCam/calib/DM-9/gains/{}.20261109a".format
    old = f"ptc={older}"
    made = [make(one, 1, old) for one in ("flat:r", "crosstalk", "bfk", "cti")]
    new = dataclasses.replace(make("ptc", 6), collection=name("ptc"))
    consequences = found(DMTN_222, *made, new)
    assert set(consequences) == {"flat:r.a", "crosstalk.a", "bfk.a", "cti.a"}
    assert {one.older for one in consequences.values()} == {older}
    called = "ptc.20251109a of DM-1" if "DM-1" in older else "curated"
    assert consequences["cti.a"].sentence == (
        f"cti.a was made with {called}, not ptc.20261109a."
    )


def test_a_new_ptc_leaves_behind_what_other_tickets_made():
    adopted = [dataclasses.replace(one, is_adopted=True) for one in SET]
    new = make("ptc", 6, "flat:r=flat:r.a", letter="b")
    # Only its linearizer is rebuilt with it; the rest stays in the default chain.
    own = make("linearizer", 7, "ptc=ptc.b", letter="b")
    consequences = found(DMTN_222, *adopted, new, own)
    assert set(consequences) == {"flat:r.a", "bfk.a", "cti.a"}
    # A ticket that measures no gains leaves nothing behind.
    assert found(DMTN_222, *adopted, make("fringe:r", 6, "flat:r=flat:r.a")) == {}


def test_a_set_that_is_adopted_meanwhile_counts_since_then():
    old = make("ptc", 0, adopted=1)
    bfk = make("bfk", 5, "ptc=ptc.a")
    newer = make("ptc", 2, letter="b", adopted=6)
    assert set(found(DMTN_222, old, bfk, newer)) == {"bfk.a"}
    # The ticket's own ptc is found first, whatever the board adopts.
    own = make("ptc", 4, letter="c")
    resting = make("bfk", 5, "ptc=ptc.c")
    assert found(DMTN_222, old, own, resting, newer) == {}


def test_a_flat_made_with_the_new_gains_does_not_ask_for_the_ptc_again():
    new = make("ptc", 6, "flat:r=flat:r.a", letter="b")
    flat = make("flat:r", 7, "bias=bias.a", "dark=dark.a", "ptc=ptc.b", letter="b")
    rebuilt = [
        make(name, 8, "ptc=ptc.b", letter="b") for name in ("linearizer", "bfk", "cti")
    ]
    assert found(DMTN_222, *SET, new, flat, *rebuilt) == {}
    # A flat with other gains than this ptc's does.
    other = make("flat:r", 7, "bias=bias.a", "dark=dark.a", letter="b")
    assert "ptc.b" in found(DMTN_222, *SET, new, other)


def test_crosstalk_measured_anew_is_subtracted_anew_and_there_it_ends():
    made = [
        make("ptc", 0),
        make("bias", 1, "ptc=ptc.a"),
        make("crosstalk", 2, "ptc=ptc.a", "bias=bias.a"),
    ]
    # The first one replaces none that could have been subtracted.
    assert found(CP_PIPE, *made) == {}
    new = make("crosstalk", 3, "ptc=ptc.a", "bias=bias.a", letter="b")
    assert set(found(CP_PIPE, *made, new)) == {"ptc.a", "bias.a"}
    again = [
        make("ptc", 4, "crosstalk=crosstalk.b", letter="b"),
        make("bias", 5, "ptc=ptc.b", "crosstalk=crosstalk.b", letter="b"),
    ]
    assert found(CP_PIPE, *made, new, *again) == {}


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
