"""Which calibration is found when: as a repository is, and as it would be.

Standard library. A chain is searched in order: the first collection that has a
calibration for an instant wins, and shadows those after it. Instants are TAI as
`parse_tai` writes them, ranges half-open, None open.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

__all__ = [
    "Certified",
    "Change",
    "Lane",
    "Outcome",
    "Stretch",
    "find_serving",
    "lay_out",
]

Instant = str | None


@dataclass(frozen=True)
class Certified:
    """One type, filter and range in one collection, with the detectors it has."""

    type: str
    filter: str
    """Empty where the type has none."""
    begin: Instant
    end: Instant
    collection: str
    run: str
    detectors: tuple[int, ...]

    def covers(self, instant: Instant) -> bool:
        """Whether an instant is in the range; None is before everything."""
        if instant is None:
            return self.begin is None
        return (self.begin is None or self.begin <= instant) and (
            self.end is None or instant < self.end
        )


class Change(StrEnum):
    """What a stretch of time would see."""

    SAME = "same"
    REPLACED = "replaced"
    FILLED = "filled"
    """Nothing is found now; something would be."""
    GAP = "gap"
    """Nothing is found, now or then."""
    LOST = "lost"
    """Something is found now; nothing would be."""


@dataclass(frozen=True)
class Outcome:
    """What some detectors find, now and then; empty: nothing."""

    now: str
    then: str
    detectors: tuple[int, ...]

    @property
    def change(self) -> Change:
        """What that amounts to."""
        if self.now == self.then:
            return Change.SAME if self.now else Change.GAP
        if not self.now:
            return Change.FILLED
        return Change.REPLACED if self.then else Change.LOST


@dataclass(frozen=True)
class Stretch:
    """A time over which every detector finds the same."""

    begin: Instant
    end: Instant
    outcomes: tuple[Outcome, ...]
    """Most detectors first."""
    shadowed: tuple[str, ...]
    """Collections that have a calibration then which no detector would find."""

    @property
    def is_changed(self) -> bool:
        """Whether any detector would find something else."""
        return any(one.now != one.then for one in self.outcomes)


@dataclass(frozen=True)
class Lane:
    """All that is certified of one type and filter, over time."""

    type: str
    filter: str
    rows: tuple[Certified, ...]
    """As the repository would be, in order of search."""
    stretches: tuple[Stretch, ...]


def lay_out(now: Sequence[Certified], then: Sequence[Certified]) -> list[Lane]:
    """Lay out every type and filter over time.

    Parameters
    ----------
    now, then
        What the chain has and would have, in order of search.
    """
    before, after = _by_lane(now), _by_lane(then)
    return [
        Lane(
            type=type_,
            filter=filter_,
            rows=tuple(after.get((type_, filter_), ())),
            stretches=_stretches(
                before.get((type_, filter_), []), after.get((type_, filter_), [])
            ),
        )
        for type_, filter_ in sorted({*before, *after})
    ]


def find_serving(
    rows: Iterable[Certified], detector: int, instant: Instant
) -> Certified | None:
    """Find what a detector gets of one type and filter at an instant."""
    for row in rows:
        if detector in row.detectors and row.covers(instant):
            return row
    return None


def _by_lane(rows: Iterable[Certified]) -> dict[tuple[str, str], list[Certified]]:
    lanes: dict[tuple[str, str], list[Certified]] = defaultdict(list)
    for row in rows:
        lanes[(row.type, row.filter)].append(row)
    return lanes


_Held = list[tuple[Certified, frozenset[int]]]
"""Rows in the order of search, each with its detectors as a set."""


def _stretches(now: list[Certified], then: list[Certified]) -> tuple[Stretch, ...]:
    """Cut time wherever a range begins or ends, and join what is alike."""
    rows = (*now, *then)
    cuts = {edge for row in rows for edge in (row.begin, row.end) if edge is not None}
    edges: list[Instant] = [None, *sorted(cuts), None]
    detectors = frozenset(d for row in rows for d in row.detectors)
    before: _Held = [(row, frozenset(row.detectors)) for row in now]
    after: _Held = [(row, frozenset(row.detectors)) for row in then]
    found: list[Stretch] = []
    for begin, end in pairwise(edges):
        outcomes = _outcomes(
            _serve(before, detectors, begin), _serve(after, detectors, begin)
        )
        seen = {one.then for one in outcomes}
        covering = (row.collection for row in then if row.covers(begin))
        shadowed = tuple(c for c in dict.fromkeys(covering) if c not in seen)
        if found and (found[-1].outcomes, found[-1].shadowed) == (outcomes, shadowed):
            begin = found.pop().begin
        found.append(Stretch(begin, end, outcomes, shadowed))
    return tuple(found)


def _serve(
    rows: _Held, detectors: frozenset[int], instant: Instant
) -> dict[str, frozenset[int]]:
    """Give the detectors that each collection serves; under ``""`` those of none."""
    found: dict[str, frozenset[int]] = {}
    left = detectors
    for row, ids in rows:
        if row.covers(instant) and (served := left & ids):
            found[row.collection] = found.get(row.collection, frozenset()) | served
            left -= served
    return found | {"": left} if left else found


def _outcomes(
    now: dict[str, frozenset[int]], then: dict[str, frozenset[int]]
) -> tuple[Outcome, ...]:
    found = [
        Outcome(one, other, tuple(sorted(shared)))
        for one, ids in now.items()
        for other, others in then.items()
        if (shared := ids & others)
    ]
    return tuple(sorted(found, key=lambda o: (-len(o.detectors), o.now, o.then)))
