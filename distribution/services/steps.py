"""The steps of a deployment as the workers of a site take them.

A step that touches a repository runs on that repository's queue alone; what it needs
of another site came in the sealed export. Every step may be run again: it finds what
was done and does the rest.
"""

import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from django.db import transaction

from calibrations.butler.client import ButlerGateway
from calibrations.domain.names import tagged_name, ticket_chain
from calibrations.models import Certification, StepStatus
from calibrations.services.repositories import (
    expand_location,
    open_gateway,
    work_folder,
)
from distribution.domain import DeploymentStepStatus, StepKind, TargetStatus
from distribution.manifest import check_seal
from distribution.models import DeploymentStep, DeploymentTarget, DeploymentTicket
from distribution.services.progress import raise_revision, set_step, settle_target
from distribution.services.sealing import seal_export, sealed_folder
from distribution.transport import copy_sealed, run_command
from taxicab.core.models import Job, Repository, Transport
from taxicab.core.services.jobs import JobRecorder
from taxicab.errors import ConflictError, InputError

__all__ = ["SelfReviewFailedError", "put_back", "run_step"]


class SelfReviewFailedError(ConflictError):
    """The repository does not serve the set that was deployed there."""

    error = "self_review_failed"


@dataclass(frozen=True)
class Outcome:
    """What a step leaves: a sentence for people, values for pages."""

    sentence: str
    result: dict[str, Any] = field(default_factory=dict)


@dataclass
class Work:
    """A step at hand, on the worker that took it."""

    target: DeploymentTarget
    recorder: JobRecorder

    @property
    def deployment(self) -> DeploymentTicket:
        """The ticket."""
        return self.target.deployment

    @property
    def instrument(self) -> str:
        """Name of the camera."""
        return self.deployment.taxicab.construction.instrument_id

    @property
    def chain(self) -> str:
        """The chain of the set that is deployed."""
        return ticket_chain(self.instrument, self.deployment.taxicab.construction.key)

    @cached_property
    def gateway(self) -> ButlerGateway:
        """The target's repository."""
        return self.open(self.target.repository)

    def open(self, repository: Repository) -> ButlerGateway:
        """Open a repository of this worker's site."""
        return open_gateway(repository, self.recorder, instrument=self.instrument)

    @property
    def inbox(self) -> Path:
        """The folder that receives this export, as this worker's site sees it."""
        repository = self.target.repository
        if not repository.inbox:
            raise InputError(
                f"{repository} has no inbox for sealed exports: an administrator "
                "names a folder of its site."
            )
        return expand_location(repository.inbox) / self.deployment.key


def run_step(recorder: JobRecorder) -> None:
    """Take the step that a job is for; its status follows the job's."""
    step = DeploymentStep.objects.select_related(
        "target__repository__facility",
        "target__deployment__taxicab__construction__repository__facility",
    ).get(pk=recorder.job.parameters["step"])
    _check_asked_for(step, recorder.job)
    outcome = _ACTIONS[StepKind(step.kind)](Work(step.target, recorder))
    _keep(recorder, outcome)
    if outcome.result.get("status") == "failed":
        raise SelfReviewFailedError(outcome.sentence)


def _check_asked_for(step: DeploymentStep, job: Job) -> None:
    """Refuse a job that was run again by itself, where its step would not be."""
    target = step.target
    if step.job_id != job.pk:
        raise ConflictError(
            f"{job.title} was asked for again: the step has a later job, "
            f"which is {step.status}."
        )
    if target.status == TargetStatus.SKIPPED:
        raise ConflictError(
            f"{target.repository} is skipped ({target.skip_reason}): take it in again "
            "first."
        )


def _keep(recorder: JobRecorder, outcome: Outcome) -> None:
    recorder.say(outcome.sentence)
    recorder.log(outcome.sentence)
    Job.objects.filter(pk=recorder.job.pk).update(result=outcome.result)


def _export(work: Work) -> Outcome:
    origin = work.deployment.taxicab.construction.repository
    manifest = seal_export(
        work.deployment, work.open(origin), chain=work.chain, recorder=work.recorder
    )
    return Outcome(
        f"{len(manifest.files)} files are sealed, {manifest.size / 1e6:.1f} MB.",
        {
            "folder": str(sealed_folder(work.deployment)),
            "manifest_sha256": manifest.sha256,
            "files": len(manifest.files),
            "bytes": manifest.size,
        },
    )


def _transfer(work: Work) -> Outcome:
    """Bring the sealed folder to the target's inbox, as the origin can reach it."""
    source, destination = sealed_folder(work.deployment), work.inbox
    manifest = check_seal(
        source,
        manifest_sha256=work.deployment.manifest_sha256,
        advice="Nothing was sent; run Export and seal again.",
    )
    repository, recorder = work.target.repository, work.recorder
    if repository.transport == Transport.COMMAND:
        line = run_command(
            repository.transport_command,
            source=source,
            destination=destination,
            log=work_folder(
                "transfers", f"{work.deployment.key}-{repository.slug}.log"
            ),
            say=recorder.log,
            should_cancel=recorder.should_cancel,
        )
        recorder.add_commands([line])
        return Outcome("The transport command ended well.", {"command": line})
    recorder.add_commands([shlex.join(["cp", "-r", f"{source}/.", str(destination)])])
    copied = copy_sealed(
        source,
        destination,
        on_file=lambda done, planned: recorder.progress(planned=planned, done=done),
        should_cancel=recorder.should_cancel,
    )
    there = len(manifest.files) - copied
    return Outcome(
        f"{copied} files were copied, {there} were there already.",
        {"copied": copied, "present": there},
    )


def _import(work: Work) -> Outcome:
    """Compare what came with the manifest, and only then let the Butler have it."""
    check_seal(
        work.inbox,
        manifest_sha256=work.deployment.manifest_sha256,
        advice="Nothing was imported; run Transfer again.",
    )
    summary = work.gateway.import_collection(str(work.inbox))
    return Outcome(
        f"{summary.imported} datasets were imported, {summary.present} were there "
        f"already, {summary.repaired} files were repaired.",
        asdict(summary),
    )


def _prepend(work: Work) -> Outcome:
    chain = work.gateway.settings.default_chain
    change = work.gateway.prepend_chain(chain, work.chain)
    (held,) = work.gateway.collections(work.chain)
    return Outcome(
        f"{work.chain} ({held.n_datasets} datasets) is now first of {chain}."
        if change.changed
        else f"{work.chain} was in {chain} already: nothing moved.",
        {**asdict(change), "child": work.chain, "datasets": held.n_datasets},
    )


def _tag(work: Work) -> Outcome:
    key = work.deployment.taxicab.construction.key
    tagged = work.gateway.tag_collection(work.chain, tagged_name(work.instrument, key))
    return Outcome(
        f"Every dataset is tagged in {', '.join(tagged)}, so that the automatic "
        "clean-up leaves it.",
        {"collections": tagged},
    )


def _self_review(work: Work) -> Outcome:
    """Process one exposure and see which calibrations the repository gives it.

    Each try writes a RUN of its own, because the answer may differ from the last.
    """
    begin, end = _validity_range(work.deployment)
    key, job = work.deployment.key, work.recorder.job
    review = work.gateway.self_review(
        chain=work.gateway.settings.default_chain,
        ticket_chain=work.chain,
        run=f"{work.instrument}/self_review/{key}/{job.pk}",
        begin_tai=begin,
        end_tai=end,
        work_folder=str(work_folder("self_review", f"{key}-{job.pk}")),
    )
    return Outcome(review.reason, asdict(review))


def _validity_range(deployment: DeploymentTicket) -> tuple[str, str | None]:
    """Find the range in which everything certified under the ticket is valid."""
    construction = deployment.taxicab.construction
    ranges = Certification.objects.filter(
        ticket=construction, status=StepStatus.SUCCEEDED
    ).values_list("begin_tai", "end_tai")
    begins = [begin for begin, _ in ranges]
    ends = [end for _, end in ranges if end]
    if not begins or (ends and max(begins) >= min(ends)):
        raise InputError(
            f"Nothing certified under {construction.key} is valid all at one time: "
            "there is no exposure to review the set with."
        )
    return max(begins), min(ends, default=None)


_ACTIONS: dict[StepKind, Callable[[Work], Outcome]] = {
    StepKind.EXPORT: _export,
    StepKind.TRANSFER: _transfer,
    StepKind.IMPORT: _import,
    StepKind.PREPEND: _prepend,
    StepKind.TAG: _tag,
    StepKind.SELF_REVIEW: _self_review,
}


def put_back(recorder: JobRecorder) -> None:
    """Take a ticket's chain out of the default chain of the target's repository."""
    target = DeploymentTarget.objects.select_related(
        "repository__facility", "deployment__taxicab__construction"
    ).get(pk=recorder.job.parameters["target"])
    work = Work(target, recorder)
    chain = work.gateway.settings.default_chain
    change = work.gateway.remove_from_chain(chain, work.chain)
    _plan_again(target, recorder.job)
    _keep(
        recorder,
        Outcome(
            f"{work.chain} is no longer in {chain}."
            if change.changed
            else f"{work.chain} was not in {chain}: nothing moved.",
            asdict(change),
        ),
    )


@transaction.atomic
def _plan_again(target: DeploymentTarget, job: Job) -> None:
    """Let what depends on the chain be done again, when somebody asks for it."""
    raise_revision(target.deployment)
    undone = target.steps.filter(kind__in=(StepKind.PREPEND, StepKind.SELF_REVIEW))
    # One that somebody asked for meanwhile comes after this, and stays.
    moving = (DeploymentStepStatus.QUEUED, DeploymentStepStatus.RUNNING)
    for step in undone.exclude(status__in=(DeploymentStepStatus.PLANNED, *moving)):
        set_step(
            step,
            DeploymentStepStatus.PLANNED,
            by=job.created_by,
            message=f"Rolled back: {job.parameters['reason']}",
        )
    settle_target(target, by=job.created_by)
