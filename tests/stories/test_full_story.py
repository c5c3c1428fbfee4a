"""What the full story ends with; the story itself takes half an hour."""

from calibrations.domain.graph import find_graph
from taxicab.demo.full_story import EVERYTHING, Line, full_table


def test_everything_is_every_type_of_the_graph():
    assert {one.type for one in EVERYTHING} == set(find_graph("dmtn222").types)


def test_the_table_has_a_line_for_each_type():
    lines = [
        Line("LSSTComCam", "bias", 9, 13680, 8, 61.4),
        Line("LSSTCam", "dark", 205, 80400, 0, 400.0),
    ]
    head, rule, first, second = full_table(lines).splitlines()
    assert head.split() == [
        "camera",
        "type",
        "datasets",
        "results",
        "failed",
        "seconds",
    ]
    assert set(rule) == {"─", " "}
    assert first.split() == ["LSSTComCam", "bias", "9", "13680", "8", "61"]
    assert second.split() == ["LSSTCam", "dark", "205", "80400", "0", "400"]
