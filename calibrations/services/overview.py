"""A ticket at a glance: where each type of calibration stands, for pages and lists."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Prefetch, Q, prefetch_related_objects

from calibrations.domain.graph import CalibrationType, Specification, specification
from calibrations.models import (
    Certification,
    ConstructionTicket,
    Generation,
    StepStatus,
    Verification,
)
from calibrations.services.steps import last_job
from taxicab.core.models import Job

__all__ = [
    "NODES",
    "Attempt",
    "TypeNode",
    "describe_attempt",
    "find_node",
    "type_nodes",
]


REMOVED = StepStatus.REMOVED

_JOBS = ("jobs", "verifications__jobs", "certifications__jobs")
NODES = tuple(
    Prefetch(f"generations__{path}", queryset=Job.objects.listed()) for path in _JOBS
)
"""What lists of tickets prefetch, so that their nodes cost no query of their own."""


@dataclass(frozen=True)
class TypeNode:
    """One type in the graph of a ticket, with its latest attempt."""

    specification: Specification
    generation: Generation | None
    verification: Verification | None
    certification: Certification | None
    missing: tuple[str, ...]
    """Types that must be certified first."""
    job: Job | None
    """The job that works on it now."""
    is_current: bool
    """Whether its newest step belongs to the ticket's iteration."""

    @property
    def type(self) -> str:
        """The type's name."""
        return str(self.specification.type)

    @property
    def state(self) -> str:
        """The state people see: that of the furthest step, unless one failed."""
        steps = (self.certification, self.verification, self.generation)
        for step in steps:
            if step is not None and step.status != StepStatus.SUCCEEDED:
                return str(step.status)
        if self.certification is not None:
            return "passed"
        return "waiting"

    @property
    def word(self) -> str:
        """What has been reached, in a word or two."""
        for name, step in (
            ("certification", self.certification),
            ("verification", self.verification),
            ("generation", self.generation),
        ):
            if step is not None and step.status != StepStatus.SUCCEEDED:
                return f"{name} {step.status}"
        if self.certification is not None:
            return "certified"
        if self.verification is not None:
            return "verified"
        if self.generation is not None:
            return "generated"
        return "needs " + " and ".join(self.missing) if self.missing else "to be made"


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


def type_nodes(ticket: ConstructionTicket) -> list[TypeNode]:
    """Give the types in the order of construction, each with where it stands."""
    prefetch_related_objects([ticket], *NODES)
    generations = [g for g in ticket.generations.all() if g.status != REMOVED]
    certified = {
        generation.calib_type
        for generation in ticket.generations.all()
        for one in generation.certifications.all()
        if one.status == StepStatus.SUCCEEDED
    }
    return [_node(ticket, t, generations, certified) for t in CalibrationType]


def find_node(ticket: ConstructionTicket, calib_type: str) -> TypeNode | None:
    """Find one type of a ticket."""
    return next((n for n in type_nodes(ticket) if n.type == calib_type), None)


def _node(
    ticket: ConstructionTicket,
    type_: CalibrationType,
    generations: Iterable[Generation],
    certified: set[str],
) -> TypeNode:
    found = specification(type_)
    generation = next((g for g in generations if g.calib_type == type_), None)
    verification = certification = None
    if generation is not None:
        verification = next(iter(generation.verifications.all()), None)
        certification = next(iter(generation.certifications.all()), None)
    jobs = [
        job
        for step in (certification, verification, generation)
        if step is not None
        for job in step.jobs.all()
        if not job.is_over
    ]
    return TypeNode(
        specification=found,
        generation=generation,
        verification=verification,
        certification=certification,
        missing=tuple(str(t) for t in found.precursors if t not in certified),
        job=next(iter(jobs), None),
        is_current=generation is not None and generation.iteration == ticket.iteration,
    )
