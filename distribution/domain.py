"""The deployment plan, as a pure function: plain Python, no Django."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["PlannedTarget", "StepKind", "TargetRepository", "plan_deployment"]


class StepKind(StrEnum):
    """What is done for a target, in the order of the plan."""

    EXPORT = "export"
    TRANSFER = "transfer"
    IMPORT = "import"
    PREPEND = "prepend"
    TAG = "tag"
    SELF_REVIEW = "self_review"

    @property
    def label(self) -> str:
        """The step as people read it."""
        return {
            "export": "Export and seal",
            "transfer": "Transfer",
            "import": "Check and import",
            "prepend": "Prepend",
            "tag": "Tag",
            "self_review": "Self-review",
        }[self.value]

    @property
    def runs_at_origin(self) -> bool:
        """Whether the origin's workers take it: what leaves, leaves from there."""
        return self in {StepKind.EXPORT, StepKind.TRANSFER}


@dataclass(frozen=True)
class TargetRepository:
    """What the plan needs to know of a repository."""

    pk: int
    is_build: bool
    is_cleaned: bool
    is_connected: bool
    holds_instrument: bool


@dataclass(frozen=True)
class PlannedTarget:
    """A repository and its steps, in order."""

    pk: int
    is_origin: bool
    steps: tuple[StepKind, ...]


def plan_deployment(repositories: Sequence[TargetRepository]) -> list[PlannedTarget]:
    """Plan the steps at every connected repository that holds the camera.

    The origin comes first: it only prepends, the others receive the sealed export.
    Datasets are tagged where a repository is cleaned automatically.
    """
    targets = [r for r in repositories if r.is_connected and r.holds_instrument]
    targets.sort(key=lambda r: (not r.is_build, r.pk))
    return [PlannedTarget(r.pk, r.is_build, _steps(r)) for r in targets]


def _steps(repository: TargetRepository) -> tuple[StepKind, ...]:
    steps = [StepKind.PREPEND]
    if not repository.is_build:
        steps = [StepKind.EXPORT, StepKind.TRANSFER, StepKind.IMPORT, *steps]
    if repository.is_cleaned:
        steps.append(StepKind.TAG)
    return (*steps, StepKind.SELF_REVIEW)
