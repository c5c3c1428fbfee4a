"""What the pipelines of an order apply is what its graph says that they do."""

import itertools

import pytest
from lsst.pipe.base import Pipeline

from calibrations.domain.graph import (
    GRAPHS,
    CalibrationType,
    ancestors,
    specification,
)
from calibrations.services.orders import PIPELINES

KINDS = set(map(str, CalibrationType))
EVERY_TYPE = [(g, t) for g in GRAPHS.values() for t in g.types]
NAMES = [f"{g.name}-{t}" for g, t in EVERY_TYPE]


def applied(address):
    """Calibrations that a pipeline reads: which it must have, and which it may."""
    must, may = set(), set()
    for node in Pipeline.from_uri(address).to_graph().tasks.values():
        edges = itertools.chain(node.inputs.values(), node.prerequisite_inputs.values())
        found = {edge.parent_dataset_type_name for edge in edges} & KINDS
        optional = found & set(getattr(node.config, "appliesIfThere", ()))
        may |= optional
        must |= found - optional
    return must, may - must


@pytest.mark.parametrize(("graph", "type_"), EVERY_TYPE, ids=NAMES)
def test_a_type_is_made_with_what_its_graph_says(graph, type_):
    must, may = applied(PIPELINES[graph.name][str(type_)])
    # What is required is certified before: needed by it, or by what it needs.
    assert must <= set(map(str, ancestors(graph, type_)))
    # What it takes where it is there is on record as such, so that a newer one of it
    # tells on what was made with the older.
    assert may == {str(one) for one in graph.uses.get(type_, ())}


@pytest.mark.parametrize(
    ("graph", "type_"),
    [(g, t) for g, t in EVERY_TYPE if specification(t).is_verified],
    ids=[n for n, (_, t) in zip(NAMES, EVERY_TYPE, strict=True)
         if specification(t).is_verified],
)  # fmt: skip
def test_a_type_is_tested_with_what_is_there_by_then(graph, type_):
    must, _ = applied(PIPELINES[graph.name][specification(type_).verification])
    assert must <= {str(type_), *map(str, ancestors(graph, type_))}
    # Flats are judged with what they were measured with.
    if graph.name == "cp_pipe" and type_ in {CalibrationType.PTC, CalibrationType.BFK}:
        assert must >= {"linearizer", "cti", "defects"}
