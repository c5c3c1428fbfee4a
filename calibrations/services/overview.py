"""A ticket at a glance: where each type of calibration stands, for pages and lists."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count, Prefetch, Q, prefetch_related_objects

from calibrations.domain.consequences import Consequence
from calibrations.domain.graph import (
    CalibrationType,
    Held,
    Specification,
    find_graph,
    specification,
)
from calibrations.models import (
    Certification,
    ConstructionTicket,
    Generation,
    Selection,
    StepStatus,
    Verification,
)
from calibrations.services.consequences import AdoptedSets, ticket_consequences
from calibrations.services.steps import last_job
from taxicab.core.models import Job

__all__ = [
    "NODES",
    "Attempt",
    "NodePart",
    "TypeNode",
    "describe_attempt",
    "find_node",
    "known_certifications",
    "type_nodes",
]


REMOVED = StepStatus.REMOVED

_JOBS = ("jobs", "verifications__jobs", "certifications__jobs")
NODES = (
    *(
        Prefetch(f"generations__{path}", queryset=Job.objects.listed())
        for path in _JOBS
    ),
    # Without the exposures of each, which are long.
    Prefetch(
        "selections",
        queryset=Selection.objects.only("ticket", "precursors"),
        to_attr="looked_up",
    ),
)
"""What lists of tickets prefetch, so that their nodes cost no query of their own."""


@dataclass(frozen=True)
class NodePart:
    """The latest attempt at a type, in one filter where it has filters."""

    generation: Generation
    verification: Verification | None
    certification: Certification | None
    job: Job | None
    """The job that works on it now."""
    is_current: bool
    """Whether it belongs to the ticket's iteration."""
    consequence: Consequence | None
    """Why it is to be rebuilt, if it is."""

    @property
    def letter(self) -> str:
        """Letter of the attempt."""
        return self.generation.rerun[-1:]

    @property
    def _unfinished(self) -> tuple[str, str] | None:
        for name, step in (
            ("certification", self.certification),
            ("verification", self.verification),
            ("generation", self.generation),
        ):
            if step is not None and step.status != StepStatus.SUCCEEDED:
                return name, str(step.status)
        return None

    @property
    def state(self) -> str:
        """The state people see: that of the furthest step, unless one failed."""
        if self._unfinished:
            return self._unfinished[1]
        if self.certification is None:
            return "waiting"
        return "stale" if self.consequence else "passed"

    @property
    def word(self) -> str:
        """What has been reached, in a word or two."""
        if self._unfinished:
            return " ".join(self._unfinished)
        if self.consequence is not None:
            return f"rests on an older {self.consequence.newer.held.type}"
        if self.certification is not None:
            return "certified"
        return "verified" if self.verification is not None else "generated"


@dataclass(frozen=True)
class TypeNode:
    """One type in the graph of a ticket, with its latest attempts."""

    specification: Specification
    parts: tuple[NodePart, ...]
    """One, or one a filter; empty: never attempted."""
    needs: tuple[str, ...]
    """Types that it needs."""
    missing: tuple[str, ...]
    """Types that must be certified first."""

    @property
    def type(self) -> str:
        """The type's name."""
        return str(self.specification.type)

    @property
    def worst(self) -> NodePart | None:
        """The part that wants attention first."""
        return min(
            self.parts,
            key=lambda part: (
                _URGENCY.index(part.state) if part.state in _URGENCY else len(_URGENCY)
            ),
            default=None,
        )

    @property
    def state(self) -> str:
        """The state people see: passed once every filter's is."""
        return self.worst.state if self.worst else "waiting"

    @property
    def word(self) -> str:
        """What has been reached, in a word or two."""
        if self.worst is not None:
            return self.worst.word
        return "needs " + " and ".join(self.missing) if self.missing else "to be made"

    @property
    def waits_for(self) -> str:
        """The first type that it waits for; empty when it waits for none."""
        return self.missing[0] if self.missing and not self.parts else ""

    @property
    def job(self) -> Job | None:
        """The job that works on it now."""
        return next((part.job for part in self.parts if part.job), None)

    @property
    def is_certified(self) -> bool:
        """Whether some attempt at it is certified."""
        return any(
            part.certification is not None
            and part.certification.status == StepStatus.SUCCEEDED
            for part in self.parts
        )

    @property
    def can_be_built(self) -> bool:
        """Whether it waits for nothing but somebody to begin."""
        return not self.parts and not self.missing


_URGENCY = (
    "failed",
    "cancelled",
    "running",
    "queued",
    "stale",
    "waiting",
    "removed",
    "passed",
)


@dataclass(frozen=True)
class Attempt:
    """One generation with everything that hangs on it."""

    generation: Generation
    job: Job | None
    verifications: list[tuple[Verification, Job | None, int, int]]
    """Each with its last job, its number of results and of failures."""
    certifications: list[tuple[Certification, Job | None]]


def describe_attempt(generation: Generation) -> Attempt:
    """Collect what hangs on a generation."""
    verifications = generation.verifications.order_by("-pk").annotate(
        n_results=Count("results"),
        n_failed=Count("results", filter=Q(results__passed=False)),
    )
    return Attempt(
        generation,
        last_job(generation),
        [(v, last_job(v), v.n_results, v.n_failed) for v in verifications],
        [(c, last_job(c)) for c in generation.certifications.order_by("-pk")],
    )


def type_nodes(
    ticket: ConstructionTicket, adopted: AdoptedSets | None = None
) -> list[TypeNode]:
    """Give the types in the order of construction, each with where it stands.

    Parameters
    ----------
    adopted
        What `adopted_sets` gives, where it was read for several tickets.
    """
    prefetch_related_objects([ticket], *NODES)
    graph = find_graph(ticket.graph)
    generations = [g for g in ticket.generations.all() if g.status != REMOVED]
    certifications = known_certifications(ticket)
    held = {
        one.generation.calib_type
        for one in certifications
        if one.status == StepStatus.SUCCEEDED
    }
    held |= {
        Held.parse(key).type for s in ticket.selections.all() for key in s.precursors
    }
    behind = {
        one.built.collection: one
        for one in ticket_consequences(ticket, certifications, adopted)
    }
    return [
        TypeNode(
            specification=specification(type_),
            parts=_parts(ticket, type_, generations, behind),
            needs=tuple(str(one) for one in graph.precursors[type_]),
            missing=tuple(str(p) for p in graph.precursors[type_] if p not in held),
        )
        for type_ in graph.types
    ]


def find_node(ticket: ConstructionTicket, calib_type: str) -> TypeNode | None:
    """Find one type of a ticket."""
    return next((n for n in type_nodes(ticket) if n.type == calib_type), None)


def known_certifications(ticket: ConstructionTicket) -> list[Certification]:
    """List a ticket's certifications from what was read with its generations."""
    return [
        _of(one, generation)
        for generation in ticket.generations.all()
        for one in generation.certifications.all()
    ]


def _of(certification: Certification, generation: Generation) -> Certification:
    """Put the generation at hand on its certification, which would ask for it again."""
    certification.generation = generation
    return certification


def _parts(
    ticket: ConstructionTicket,
    type_: CalibrationType,
    generations: Iterable[Generation],
    behind: Mapping[str, Consequence],
) -> tuple[NodePart, ...]:
    """Take the latest attempt in each filter, in the order of the filters' names."""
    latest: dict[str, Generation] = {}
    for one in generations:  # newest first
        if one.calib_type == type_:
            latest.setdefault(one.physical_filter or one.band, one)
    return tuple(_part(ticket, latest[name], behind) for name in sorted(latest))


def _part(
    ticket: ConstructionTicket,
    generation: Generation,
    behind: Mapping[str, Consequence],
) -> NodePart:
    verification = next(iter(generation.verifications.all()), None)
    certification = next(iter(generation.certifications.all()), None)
    jobs = [
        job
        for step in (certification, verification, generation)
        if step is not None
        for job in step.jobs.all()
        if not job.is_over
    ]
    return NodePart(
        generation=generation,
        verification=verification,
        certification=certification,
        job=next(iter(jobs), None),
        is_current=generation.iteration == ticket.iteration,
        consequence=behind.get(certification.collection) if certification else None,
    )
