"""What a new calibration leaves behind: those that rest on an older one.

A gain that changes forces the linearizer, the brighter-fatter kernel and the CTI to be
rebuilt (DMTN-222, Generation); the same holds for anything made with something that
was since replaced. Pure functions of plain data: the standard library only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from calibrations.domain.graph import Graph, Held
from calibrations.domain.validity import ValidityRange

__all__ = ["Built", "Consequence", "find_consequences"]


@dataclass(frozen=True)
class Built:
    """A certified calibration, or one about to be certified."""

    held: Held
    label: str
    """As people call it: ``flat-r``."""
    collection: str
    made_at: datetime
    """When it was asked for: what was certified later is not in it."""
    certified_at: datetime
    valid: ValidityRange
    rests_on: Mapping[str, str] = field(default_factory=dict)
    """Collections that it was made with, by `Held.key`; empty: not on record."""


@dataclass(frozen=True)
class Consequence:
    """A certified calibration that rests on an older one than there is now."""

    built: Built
    newer: Built
    """What replaced the one that it rests on."""
    older: str
    """Collection that it was made with; empty where that is not on record."""
    through: Built | None = None
    """The one between them that has to be rebuilt first."""

    @property
    def sentence(self) -> str:
        """What happened, in words."""
        built, newer = _tail(self.built.collection), _tail(self.newer.collection)
        if self.through is not None:
            return (
                f"{built} was made with {_tail(self.through.collection)}, which rests "
                f"on an older {self.newer.label} than {newer}."
            )
        before = f"{_tail(self.older)}, not " if self.older else "an older one than "
        return f"{built} was made with {before}{newer}."


def _tail(collection: str) -> str:
    """Name a collection without what all of a ticket begin with."""
    return collection.rsplit("/", 1)[-1]


def find_consequences(graph: Graph, certified: Iterable[Built]) -> list[Consequence]:
    """List the calibrations to be rebuilt, in the order of construction.

    One that rests directly on something older comes with that; one that rests on such
    a calibration comes too, with what lies between.
    """
    everything = list(certified)
    current = [one for one in everything if not _is_hidden(one, everything)]
    found: dict[int, Consequence] = {}
    # In the order of the graph, those that lie between are found before they are used.
    places = {type_: place for place, type_ in enumerate(graph.types)}
    in_order = sorted(
        range(len(current)), key=lambda i: places.get(current[i].held.type, -1)
    )
    for index in in_order:
        one = current[index]
        consequence = _direct(graph, one, current, everything) or _indirect(
            graph, one, list(found.values())
        )
        if consequence is not None:
            found[index] = consequence
    return list(found.values())


def _direct(
    graph: Graph, one: Built, current: Sequence[Built], everything: Sequence[Built]
) -> Consequence | None:
    newer = [new for new in current if _outdates(graph, new, one, everything)]
    if not newer:
        return None
    newest = max(newer, key=lambda new: new.certified_at)
    return Consequence(one, newest, one.rests_on.get(newest.held.key, ""))


def _indirect(
    graph: Graph, one: Built, before: Sequence[Consequence]
) -> Consequence | None:
    for other in before:
        between = other.built
        needs = graph.precursors.get(between.held.type, ())
        if other.through is None and other.newer.held.type not in needs:
            # What it merely uses may itself rest on it (a flat on the gains of the ptc
            # that was made with it): what follows is listed once it is rebuilt.
            continue
        if between.held.type not in graph.precursors.get(one.held.type, ()):
            continue
        if one.rests_on:
            rests = between.collection in one.rests_on.values()
        else:
            rests = between.certified_at <= one.made_at and _fits(between, one)
        # What was made since has the newer one in it by another way.
        if rests and one.made_at < other.newer.certified_at:
            return Consequence(one, other.newer, other.older, between)
    return None


def _outdates(
    graph: Graph, new: Built, one: Built, everything: Sequence[Built]
) -> bool:
    """Whether one was made before something that it would now be made with."""
    needs = graph.precursors.get(one.held.type, ())
    uses = graph.uses.get(one.held.type, ())
    if new.held.type not in {*needs, *uses}:
        return False
    if new.certified_at <= one.made_at or not new.valid.overlaps(one.valid):
        return False
    if any(
        old.collection == new.collection and old.certified_at <= one.made_at
        for old in everything
    ):
        return False  # the same was there: it is certified for another range only
    if new.held.key in one.rests_on:
        return one.rests_on[new.held.key] != new.collection
    if new.held.type in uses:
        # Made without any: only a change of it is a consequence, not the first.
        return any(_precedes(old, new) for old in everything)
    return not one.rests_on and _fits(new, one)


def _precedes(old: Built, new: Built) -> bool:
    return (
        old.held == new.held
        and old.certified_at < new.certified_at
        and old.collection != new.collection
        and old.valid.overlaps(new.valid)
    )


def _fits(precursor: Built, one: Built) -> bool:
    """Whether the filters do not speak against one being made with the other."""
    first, second = precursor.held.physical_filter, one.held.physical_filter
    return not (first and second) or first == second


def _is_hidden(one: Built, everything: Iterable[Built]) -> bool:
    """Whether a newer calibration of the same kind is found wherever one is."""
    return any(
        other.held == one.held
        and other.certified_at > one.certified_at
        and _covers(other.valid, one.valid)
        for other in everything
    )


def _covers(outer: ValidityRange, inner: ValidityRange) -> bool:
    begins = outer.begin is None or (
        inner.begin is not None and outer.begin <= inner.begin
    )
    ends = outer.end is None or (inner.end is not None and inner.end <= outer.end)
    return begins and ends
