"""What a new calibration leaves behind: those that rest on an older one.

A gain that changes forces the linearizer, the brighter-fatter kernel and the CTI to be
rebuilt (DMTN-222, Generation); the same holds for anything made with something that
was since replaced. What it was made with may be the ticket's own, another ticket's that
the board adopted, or a curated one: the record of its generation says which.

A flat of figure 2 is made before the first photon transfer curve, with the camera's
gains. That first curve leaves no flat behind: whatever is divided by a flat scales its
amplifiers by the gains in its header, and a set made in order is a whole one. Every
later curve does, as it does of flats made with the gains of a curve.

Pure functions of plain data: the standard library only.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from calibrations.domain.graph import Graph, Held
from calibrations.domain.names import BadNameError, parse_name
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
    """Since when it is found; one of another ticket: since that was adopted."""
    valid: ValidityRange
    rests_on: Mapping[str, str] = field(default_factory=dict)
    """Collections that it was made with, by `Held.key`; empty: not on record."""
    is_adopted: bool = False
    """Of another ticket, which the board adopted: the ticket's own come before it."""


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
        home = _ticket_of(self.newer.collection)
        built, newer = _call(self.built.collection, home), _call(self.newer.collection)
        if self.through is not None:
            return (
                f"{built} was made with {_call(self.through.collection, home)}, which "
                f"rests on an older {self.newer.label} than {newer}."
            )
        if self.older:
            return f"{built} was made with {_call(self.older, home)}, not {newer}."
        if self.built.rests_on:
            return f"{built} was made with no {self.newer.label}, before {newer}."
        return f"{built} was made with an older one than {newer}."


def _call(collection: str, home: str | None = None) -> str:
    """Name a collection as people do: its tail, and the ticket if it is another."""
    tail, ticket = collection.rsplit("/", 1)[-1], _ticket_of(collection)
    return f"{tail} of {ticket}" if home and ticket and ticket != home else tail


def _ticket_of(collection: str) -> str | None:
    try:
        return parse_name(collection).ticket
    except BadNameError:
        return None  # a site's own, or one that no ticket made


def find_consequences(graph: Graph, certified: Iterable[Built]) -> list[Consequence]:
    """List the calibrations to be rebuilt, in the order of construction.

    One that rests directly on something older comes with that; one that rests on such
    a calibration comes too, with what lies between. What another ticket made is listed
    where the ticket's own leaves it behind: nobody else knows of both.
    """
    everything = list(certified)
    alike: dict[Held, list[Built]] = defaultdict(list)
    for one in everything:
        alike[one.held].append(one)
    current = [one for one in everything if not _is_hidden(one, alike[one.held])]
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
    if new.is_adopted and (one.is_adopted or _rests_on_own(one, new.held, everything)):
        return False
    if _closes_circle(graph, new, one):
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


def _closes_circle(graph: Graph, new: Built, one: Built) -> bool:
    """Whether what comes first in the order was made with one of what comes later.

    A flat made with the gains of a new ptc is newer than the one that this ptc was made
    with: without an end to it, each would be rebuilt after the other.
    """
    places = graph.types
    return new.rests_on.get(one.held.key) == one.collection and places.index(
        new.held.type
    ) < places.index(one.held.type)


def _rests_on_own(one: Built, held: Held, everything: Iterable[Built]) -> bool:
    """Whether one was made with what its own ticket has, which is found first."""
    used = one.rests_on.get(held.key)
    return any(
        other.collection == used and not other.is_adopted for other in everything
    )


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


def _is_hidden(one: Built, alike: Iterable[Built]) -> bool:
    """Whether another of the same kind is found before it, wherever one is."""
    return any(
        _comes_before(other, one) and _covers(other.valid, one.valid) for other in alike
    )


def _comes_before(other: Built, one: Built) -> bool:
    if other.is_adopted != one.is_adopted:
        return one.is_adopted
    return other.certified_at > one.certified_at


def _covers(outer: ValidityRange, inner: ValidityRange) -> bool:
    begins = outer.begin is None or (
        inner.begin is not None and outer.begin <= inner.begin
    )
    ends = outer.end is None or (inner.end is not None and inner.end <= outer.end)
    return begins and ends
