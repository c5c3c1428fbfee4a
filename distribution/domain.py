"""The deployment plan and its states, as pure functions: plain Python, no Django."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "DeploymentStage",
    "DeploymentStepStatus",
    "PlannedTarget",
    "StepKind",
    "TargetRepository",
    "TargetStatus",
    "find_difference",
    "find_next_step",
    "find_stage",
    "find_target_status",
    "plan_deployment",
]


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


class DeploymentStage(StrEnum):
    """Where a deployment ticket stands."""

    FILED = "filed"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        """The stage as people read it."""
        return self.value.capitalize()

    @property
    def is_started(self) -> bool:
        """Whether its steps may be taken."""
        return self in {DeploymentStage.DEPLOYING, DeploymentStage.DEPLOYED}


class TargetStatus(StrEnum):
    """What a repository has of a deployment."""

    PLANNED = "planned"
    RUNNING = "running"
    WAITING = "waiting"
    """Activated; the self-review has no exposure in the validity range yet."""
    DEPLOYED = "deployed"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def label(self) -> str:
        """The status as people read it."""
        return self.value


class DeploymentStepStatus(StrEnum):
    """Where a step at a target stands."""

    PLANNED = "planned"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    WAITING = "waiting"
    FAILED = "failed"

    @property
    def label(self) -> str:
        """The status as people read it."""
        return self.value

    @property
    def is_moving(self) -> bool:
        """Whether a worker has it or will take it."""
        return self in {DeploymentStepStatus.QUEUED, DeploymentStepStatus.RUNNING}


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


def find_next_step(statuses: Sequence[DeploymentStepStatus]) -> int | None:
    """Find the step to take next, by its place; none while one is taken.

    A step is next when all before it succeeded. One that failed or waits is next too:
    it is asked for when something before it was done again.
    """
    if any(status.is_moving for status in statuses):
        return None
    for place, status in enumerate(statuses):
        if status is not DeploymentStepStatus.SUCCEEDED:
            return place
    return None


def find_target_status(statuses: Sequence[DeploymentStepStatus]) -> TargetStatus:
    """Tell what a repository has, from the states of its steps."""
    if any(status.is_moving for status in statuses):
        return TargetStatus.RUNNING
    if DeploymentStepStatus.FAILED in statuses:
        return TargetStatus.FAILED
    if DeploymentStepStatus.PLANNED in statuses:
        return TargetStatus.PLANNED
    if DeploymentStepStatus.WAITING in statuses:
        return TargetStatus.WAITING
    return TargetStatus.DEPLOYED


def find_stage(
    stage: DeploymentStage, targets: Sequence[TargetStatus]
) -> DeploymentStage:
    """Tell where a started deployment stands, from the states of its targets.

    It is deployed when every target that is not skipped is, and stays so while a
    step is only taken again; it is not when a target failed, waits or was put back.
    """
    if not stage.is_started:
        return stage
    kept = {target for target in targets if target is not TargetStatus.SKIPPED}
    if kept == {TargetStatus.DEPLOYED}:
        return DeploymentStage.DEPLOYED
    if kept and kept <= {TargetStatus.DEPLOYED, TargetStatus.RUNNING}:
        return stage
    return DeploymentStage.DEPLOYING


def find_difference(status: TargetStatus | None, *, is_served: bool) -> str:
    """Say how a repository differs from what the portal did there; empty if it agrees.

    Parameters
    ----------
    status
        What a deployment left there; `None` where it has no part in one. While
        something runs there, or failed on the way, either may be.
    is_served
        Whether its default chain holds the set, as its own workers saw after that.
    """
    if status in {TargetStatus.RUNNING, TargetStatus.FAILED}:
        return ""
    is_expected = status in {TargetStatus.DEPLOYED, TargetStatus.WAITING}
    if is_expected and not is_served:
        return "its default chain does not hold the set any more"
    if is_served and not is_expected:
        return "its default chain holds the set, which the portal did not put there"
    return ""
