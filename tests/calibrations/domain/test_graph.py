import itertools

import pytest

from calibrations.domain.graph import (
    CalibrationType,
    build_order,
    missing_precursors,
    specification,
)

BIAS, DARK, FLAT = CalibrationType


@pytest.mark.parametrize("types", list(itertools.permutations(CalibrationType)))
def test_a_type_comes_after_those_it_needs(types):
    assert build_order(types) == [BIAS, DARK, FLAT]


def test_only_what_is_asked_for_is_ordered():
    assert build_order(["flat", "bias"]) == [BIAS, FLAT]
    assert build_order([]) == []


@pytest.mark.parametrize(
    ("type_", "certified", "missing"),
    [
        ("bias", [], []),
        ("dark", [], [BIAS]),
        ("dark", ["bias"], []),
        ("flat", [], [BIAS, DARK]),
        ("flat", ["dark"], [BIAS]),
        ("flat", ["bias", "dark", "flat"], []),
    ],
)
def test_precursors_are_those_of_figure_2(type_, certified, missing):
    assert missing_precursors(type_, certified) == missing


def test_only_a_flat_is_of_one_filter():
    assert [t for t in CalibrationType if specification(t).is_per_filter] == [FLAT]


def test_an_unknown_type_is_refused():
    with pytest.raises(ValueError, match="fringe"):
        specification("fringe")
