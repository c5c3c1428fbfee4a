"""Where the types of an order are drawn."""

import re

import pytest

from calibrations.domain.graph import GRAPHS, ancestors, find_graph
from calibrations.domain.layout import CELL, lay_out


@pytest.mark.parametrize("graph", list(GRAPHS.values()), ids=list(GRAPHS))
def test_lines_go_to_the_right_and_lose_no_need(graph):
    layout = lay_out(graph)
    columns = {t: n for n, level in enumerate(layout.levels) for t in level}
    assert set(columns) == set(graph.types)
    reached = {t: set() for t in graph.types}
    for target in graph.types:
        for edge in layout.edges:
            if edge.target == target:
                reached[target] |= {edge.source} | reached[edge.source]
    for type_ in graph.types:
        assert reached[type_] == set(ancestors(graph, type_))
    for edge in layout.edges:
        x, *_, x_end, _ = map(int, re.findall(r"\d+", edge.path))
        assert 0 <= x < x_end <= layout.width
        assert columns[edge.source] < columns[edge.target]


def test_needs_that_follow_from_others_have_no_line():
    edges = {(str(e.source), str(e.target)) for e in lay_out(find_graph("")).edges}
    assert ("dark", "flat") in edges
    assert ("bias", "flat") not in edges


def test_levels_stand_about_the_middle():
    layout = lay_out(find_graph("dmtn222"))
    assert (layout.width, layout.height) == (7 * CELL, 3 * CELL)
    # From the bias in the middle to two that stand evenly above and below it.
    ends = [e.path.split()[-1] for e in layout.edges if e.source == "bias"]
    assert ends == [str(layout.height // 2 - CELL // 2), str(200)]
