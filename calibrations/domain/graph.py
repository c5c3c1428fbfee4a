"""The orders in which calibrations are built, as data, and what follows from them.

A type needs its precursors certified before it is generated. Two orders are known:
DMTN-222's figure 2, and the one that Rubin's ``cp_pipe`` works in today, which begins
with bootstraps and makes the linearizer before the photon transfer curve, and that
before the bias. Standard library only.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from calibrations.domain.specifications import (
    SPECIFICATIONS,
    CalibrationType,
    Specification,
    specification,
)

__all__ = [
    "DEFAULT_GRAPH",
    "GRAPHS",
    "SPECIFICATIONS",
    "CalibrationType",
    "Graph",
    "Held",
    "Specification",
    "ancestors",
    "build_order",
    "descendants",
    "find_graph",
    "missing_precursors",
    "needed",
    "plan",
    "ready_to_build",
    "specification",
]

Type = CalibrationType


@dataclass(frozen=True)
class Held:
    """A calibration that is there, or is needed: a type, in a filter where it has one.

    Without a filter, a type that is made per filter is meant in any one.
    """

    type: CalibrationType
    physical_filter: str = ""

    def __str__(self) -> str:
        where = f" in {self.physical_filter}" if self.physical_filter else ""
        return f"{self.type}{where}"

    @property
    def key(self) -> str:
        """Both parts in one word, as records keep them: ``flat:r_03``."""
        tail = f":{self.physical_filter}" if self.physical_filter else ""
        return f"{self.type}{tail}"

    @classmethod
    def parse(cls, key: str) -> "Held":
        """Read what `key` gives."""
        type_, _, physical_filter = key.partition(":")
        return cls(CalibrationType(type_), physical_filter)


@dataclass(frozen=True)
class Graph:
    """One order of construction."""

    name: str
    title: str
    precursors: Mapping[CalibrationType, tuple[CalibrationType, ...]]
    """What each type needs, in the order of construction."""
    uses: Mapping[CalibrationType, tuple[CalibrationType, ...]] = field(
        default_factory=dict
    )
    """What each type is made with where it is there, and without where it is not."""
    any_filter: frozenset[CalibrationType] = frozenset()
    """Types that need no more than one filter of a precursor that has filters."""

    @property
    def types(self) -> tuple[CalibrationType, ...]:
        """All types of the order."""
        return tuple(self.precursors)

    def __contains__(self, type_: object) -> bool:
        return type_ in self.precursors


_DMTN_222 = Graph(
    name="dmtn222",
    title="DMTN-222, figure 2",
    precursors={
        Type.BIAS: (),
        Type.DARK_FOR_DEFECTS: (Type.BIAS,),
        Type.FLAT_FOR_DEFECTS: (Type.BIAS,),
        Type.DEFECTS: (Type.BIAS, Type.DARK_FOR_DEFECTS, Type.FLAT_FOR_DEFECTS),
        Type.DARK: (Type.BIAS, Type.DEFECTS),
        Type.FLAT: (Type.BIAS, Type.DARK, Type.DEFECTS),
        Type.PTC: (Type.BIAS, Type.DARK, Type.FLAT, Type.DEFECTS),
        Type.CROSSTALK: (Type.BIAS, Type.DARK, Type.FLAT, Type.DEFECTS),
        Type.FRINGE: (Type.BIAS, Type.DARK, Type.FLAT, Type.DEFECTS),
        Type.LINEARIZER: (Type.PTC,),
        Type.BFK: (Type.PTC,),
        Type.CTI: (Type.PTC,),
    },
    # The gains that scale amplifiers against one another, in a flat and in the ratio of
    # a ghost to its source, are a ptc's once there is one, and the camera's before; a
    # bias or dark is rescaled by the gains in its header.
    uses={Type.FLAT: (Type.PTC,), Type.CROSSTALK: (Type.PTC,)},
    any_filter=frozenset({Type.DEFECTS}),
)

# The crosstalk that the early steps subtract is the observatory's own, until one is
# measured: it is used, not needed, or nothing could ever begin.
_WITH_CROSSTALK = (
    Type.BIAS_BOOTSTRAP,
    Type.DARK_BOOTSTRAP,
    Type.FLAT_BOOTSTRAP,
    Type.LINEARIZER,
    Type.CTI,
    Type.PTC,
    Type.BFK,
    Type.BIAS,
    Type.DARK,
    Type.FLAT,
)
_CP_PIPE = Graph(
    name="cp_pipe",
    title="cp_pipe, as its pipelines are today",
    precursors={
        Type.BIAS_BOOTSTRAP: (),
        Type.DARK_BOOTSTRAP: (Type.BIAS_BOOTSTRAP,),
        Type.FLAT_BOOTSTRAP: (Type.BIAS_BOOTSTRAP, Type.DARK_BOOTSTRAP),
        Type.DEFECTS: (Type.BIAS_BOOTSTRAP, Type.DARK_BOOTSTRAP, Type.FLAT_BOOTSTRAP),
        Type.LINEARIZER: (Type.DEFECTS,),
        Type.CTI: (Type.LINEARIZER, Type.DEFECTS),
        Type.PTC: (Type.LINEARIZER, Type.CTI, Type.DEFECTS),
        Type.BFK: (Type.LINEARIZER, Type.CTI, Type.DEFECTS),
        Type.BIAS: (Type.PTC, Type.LINEARIZER),
        Type.DARK: (Type.PTC, Type.LINEARIZER, Type.BIAS, Type.DEFECTS),
        Type.FLAT: (Type.PTC, Type.LINEARIZER, Type.CTI, Type.BIAS, Type.DARK),
        # Last, or half of a set would have what is measured here subtracted.
        Type.CROSSTALK: (Type.PTC,),
    },
    uses={
        **dict.fromkeys(_WITH_CROSSTALK, (Type.CROSSTALK,)),
        Type.CROSSTALK: (Type.BIAS, Type.DARK, Type.DEFECTS),
    },
    any_filter=frozenset({Type.DEFECTS}),
)

GRAPHS: Mapping[str, Graph] = {one.name: one for one in (_DMTN_222, _CP_PIPE)}
DEFAULT_GRAPH = _DMTN_222.name


def find_graph(name: str) -> Graph:
    """Find an order of construction, or raise `LookupError` naming those there are."""
    try:
        return GRAPHS[name or DEFAULT_GRAPH]
    except KeyError:
        raise LookupError(
            f"There is no order of construction {name!r}; there are "
            f"{', '.join(GRAPHS)}."
        ) from None


def plan(
    graph: Graph,
    wanted: Iterable[CalibrationType | str] | None = None,
    present: Collection[CalibrationType | str] = (),
) -> tuple[tuple[CalibrationType, ...], ...]:
    """Tell what to build: levels in order, whose types can be built side by side.

    Parameters
    ----------
    wanted
        Types to end with; by default all that the graph has.
    present
        Types that are there already and need not be built.
    """
    there = {CalibrationType(one) for one in present}
    targets = [CalibrationType(one) for one in wanted] if wanted else graph.types
    to_build = {
        one
        for target in targets
        for one in (target, *_missing_before(graph, target, there))
        if one not in there
    }
    levels: dict[CalibrationType, int] = {}
    for one in graph.types:  # comes after what it needs
        if one in to_build:
            before = [levels[p] for p in graph.precursors[one] if p in to_build]
            levels[one] = max(before, default=-1) + 1
    return tuple(
        tuple(one for one, level in levels.items() if level == number)
        for number in range(max(levels.values(), default=-1) + 1)
    )


def build_order(
    types: Iterable[CalibrationType | str], graph: Graph = _DMTN_222
) -> list[CalibrationType]:
    """Sort types so that each comes after those it needs, whichever are given."""
    wanted = {CalibrationType(one) for one in types}
    outside = [one for one in CalibrationType if one in wanted and one not in graph]
    return [one for one in graph.types if one in wanted] + outside


def needed(
    graph: Graph, type_: CalibrationType | str, physical_filters: Iterable[str] = ()
) -> list[Held]:
    """List the calibrations that a type needs for exposures in these filters.

    A precursor that is made per filter is needed in each of them, but for types that
    look at one of its filters only (defects).
    """
    type_ = CalibrationType(type_)
    filters = sorted(set(physical_filters)) or [""]
    found: list[Held] = []
    for precursor in graph.precursors.get(type_, ()):
        if specification(precursor).is_per_filter and type_ not in graph.any_filter:
            found += [Held(precursor, one) for one in filters]
        else:
            found.append(Held(precursor))
    return found


def missing_precursors(
    graph: Graph,
    type_: CalibrationType | str,
    present: Collection[Held],
    physical_filters: Iterable[str] = (),
) -> list[Held]:
    """Tell which calibrations must still be there before a type can be generated."""
    any_of = {one.type for one in present}
    exact = {(one.type, one.physical_filter) for one in present}
    return [
        one
        for one in needed(graph, type_, physical_filters)
        if (one.type, one.physical_filter) not in exact
        and (one.physical_filter or one.type not in any_of)
    ]


def ready_to_build(
    graph: Graph, present: Collection[CalibrationType | str]
) -> list[CalibrationType]:
    """List the types, not present themselves, whose precursors all are."""
    there = {CalibrationType(one) for one in present}
    return [
        one
        for one, precursors in graph.precursors.items()
        if one not in there and there.issuperset(precursors)
    ]


def ancestors(
    graph: Graph, type_: CalibrationType | str
) -> tuple[CalibrationType, ...]:
    """List all that a type rests on, through others too, in order."""
    found: set[CalibrationType] = set()
    waiting = list(graph.precursors.get(CalibrationType(type_), ()))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += graph.precursors[one]
    return tuple(one for one in graph.types if one in found)


def descendants(
    graph: Graph, type_: CalibrationType | str
) -> tuple[CalibrationType, ...]:
    """List all that rest on a type, through others too, in order."""
    return tuple(one for one in graph.types if type_ in ancestors(graph, one))


def _missing_before(
    graph: Graph, type_: CalibrationType, present: set[CalibrationType]
) -> set[CalibrationType]:
    """Find what must be built before a type; what is present needs nothing more."""
    found: set[CalibrationType] = set()
    for precursor in graph.precursors[type_]:
        if precursor not in present:
            found |= {precursor, *_missing_before(graph, precursor, present)}
    return found
