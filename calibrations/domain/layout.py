"""Where the types of an order are drawn: columns that can be built side by side.

Plain numbers in cells of 100 by 100; what is drawn with them is the page's affair.
Standard library only.
"""

from dataclasses import dataclass

from calibrations.domain.graph import CalibrationType, Graph, ancestors, plan

__all__ = ["CELL", "Edge", "Layout", "lay_out"]

CELL = 100
REACH = 38
"""From the middle of a cell to where a line leaves it: a little inside its box."""


@dataclass(frozen=True)
class Edge:
    """A line from a type to one that needs it."""

    source: CalibrationType
    target: CalibrationType
    path: str
    """As SVG draws it."""


@dataclass(frozen=True)
class Layout:
    """An order as a picture."""

    levels: tuple[tuple[CalibrationType, ...], ...]
    edges: tuple[Edge, ...]
    width: int
    height: int


def lay_out(graph: Graph) -> Layout:
    """Place the types of a level in a column, about the middle.

    A need that follows from others (flat needs dark, and dark the bias) has no line of
    its own: with all of them, no eye could follow any.
    """
    levels = plan(graph)
    height = CELL * max((len(level) for level in levels), default=1)
    places = {
        type_: (
            CELL * (2 * column + 1) // 2,
            height // 2 + CELL * (2 * row - len(level) + 1) // 2,
        )
        for column, level in enumerate(levels)
        for row, type_ in enumerate(level)
    }
    edges = tuple(
        Edge(source, target, _curve(places[source], places[target]))
        for target in graph.types
        for source in _not_implied(graph, target)
    )
    return Layout(levels, edges, CELL * len(levels), height)


def _not_implied(graph: Graph, type_: CalibrationType) -> list[CalibrationType]:
    """List the needs of a type that no other of its needs has already."""
    needs = graph.precursors[type_]
    implied = {one for need in needs for one in ancestors(graph, need)}
    return [one for one in needs if one not in implied]


def _curve(begin: tuple[int, int], end: tuple[int, int]) -> str:
    x, y, x_end, y_end = begin[0] + REACH, begin[1], end[0] - REACH, end[1]
    middle = (x + x_end) // 2
    return f"M{x} {y}C{middle} {y} {middle} {y_end} {x_end} {y_end}"
