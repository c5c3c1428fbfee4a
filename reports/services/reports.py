"""Asking for a verification report and building it."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from celery import Task
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import IntegrityError, transaction
from django.db.models import Max

from calibrations.domain.names import parse_name
from calibrations.models import (
    ConstructionTicket,
    Generation,
    StepStatus,
    Verification,
)
from calibrations.services.repositories import open_gateway
from reports.domain.stages import StagePlan, plan_stages
from reports.models import (
    ReportStatus,
    VerificationReport,
    VerificationReportQuerySet,
)
from reports.services.evidence import keep_folder, new_folder, read_sealed
from reports.services.gathering import StageEvidence, gather_stages
from reports.services.parts import keep_parts
from reports.services.pixels import keep_images
from reports.services.record import ReportRecord, build_record
from reports.services.summaries import Subject
from reports.services.writing import count_pictures, write_files
from taxicab.core.models import Job, JobStatus
from taxicab.core.roles import Action
from taxicab.core.services.audit import move, record
from taxicab.core.services.jobs import (
    JobCancelledError,
    JobRecorder,
    enqueue_job,
    follow_jobs,
)
from taxicab.core.services.permissions import check_may, readable_instruments
from taxicab.errors import ConflictError, InputError

__all__ = ["build_report", "readable_reports", "request_report", "write_report"]

KIND = "report"


def request_report(
    ticket: ConstructionTicket,
    *,
    verifications: Iterable[Verification | str],
    generations: Iterable[Generation | str] | None = None,
    by: User,
    task: Task,
) -> VerificationReport:
    """Ask for a report of verification and generation runs.

    Parameters
    ----------
    verifications
        Rows, or names of runs that were made without the portal.
    generations
        Likewise; by default those that were verified, with the newest generation of
        every other type and band of the ticket, whose verification is then missing
        and is said to be so.
    """
    check_may(by, Action.VERIFY, ticket.instrument)
    tests = _names(verifications)
    made = (
        _names(generations)
        if generations is not None
        else _default_generations(ticket, tests)
    )
    if not tests and not made:
        raise InputError(
            f"A report of {ticket.key} needs a generation or a verification run, and "
            "none was named. Generate and verify something first."
        )
    _check_collections(ticket, made, tests)
    return _open_report(ticket, made, tests, by, task)


def readable_reports(
    user: AbstractBaseUser | AnonymousUser,
) -> VerificationReportQuerySet:
    """Find the reports of instruments that somebody may read about."""
    readable = readable_instruments(user)
    return VerificationReport.objects.filter(ticket__instrument__in=readable)


def build_report(recorder: JobRecorder) -> None:
    """Build the report that a job asks for, keep its files and its summary."""
    report = VerificationReport.objects.select_related(
        "ticket__repository__facility", "ticket__owner", "ticket__instrument"
    ).get(pk=recorder.job.parameters["report"])
    ticket = report.ticket
    gateway = open_gateway(ticket.repository, recorder, instrument=ticket.instrument_id)
    plans = _plan(report.generation_collections, report.verification_collections)
    recorder.add_commands([_command(report, gateway.settings.root)])
    recorder.say("Reading the results and finding the images.")
    stages = gather_stages(gateway, plans)
    facts = build_record(ticket, plans, gateway)
    with new_folder(str(report.pk)) as folder:
        summary = write_report(ticket, stages, facts, folder, recorder=recorder)
        sha256 = keep_folder(folder)
    _finish(report, summary, stages, sha256, by=recorder.job.created_by)


@transaction.atomic
def _finish(
    report: VerificationReport,
    summary: dict[str, Any],
    stages: Sequence[StageEvidence],
    sha256: str,
    *,
    by: User | None,
) -> None:
    """Put the sealed evidence on record, whole or not at all."""
    sealed = read_sealed(sha256)
    keep_parts(report, sealed, order=[stage["key"] for stage in summary["stages"]])
    keep_images(report, stages, sealed)
    move(
        report,
        field="status",
        to=ReportStatus.READY,
        by=by,
        subject=("construction", report.ticket.key),
        why=f"report {report.version}: {summary['verdict_sentence']}",
        sha256=sha256,
        summary=summary,
    )


def write_report(
    ticket: ConstructionTicket,
    stages: Sequence[StageEvidence],
    facts: ReportRecord,
    folder: Path,
    *,
    recorder: JobRecorder | None = None,
) -> dict[str, Any]:
    """Write a report's files into an empty folder; returns its summary."""
    progress = _Progress(recorder, count_pictures(stages))
    return write_files(
        Subject.of(ticket),
        stages,
        facts,
        folder,
        say=progress.say,
        tick=progress.tick,
    )


class _Progress:
    """Counts pictures, and stops between two when somebody cancelled."""

    def __init__(self, recorder: JobRecorder | None, planned: int) -> None:
        self.recorder = recorder
        self.done = 0
        self.planned = planned

    def say(self, message: str) -> None:
        if self.recorder:
            self.recorder.say(message)

    def tick(self) -> None:
        self.done += 1
        if self.recorder is None:
            return
        if self.recorder.should_cancel():
            raise JobCancelledError("The report was cancelled before it was ready.")
        planned = max(self.planned, self.done)
        self.recorder.progress(planned=planned, done=self.done)


@follow_jobs(KIND)
def follow_report_job(job: Job) -> None:
    """Give a report the status that its job's amounts to; a ready one stays ready."""
    reports = VerificationReport.objects.filter(job=job)
    if job.status in {JobStatus.FAILED, JobStatus.CANCELLED}:
        reports.filter(status=ReportStatus.BUILDING).update(status=ReportStatus.FAILED)
    elif job.status in {JobStatus.QUEUED, JobStatus.RUNNING}:
        reports.filter(status=ReportStatus.FAILED).update(status=ReportStatus.BUILDING)


def _open_report(
    ticket: ConstructionTicket,
    generations: Sequence[str],
    verifications: Sequence[str],
    by: User,
    task: Task,
) -> VerificationReport:
    try:
        with transaction.atomic():
            last = ticket.reports.aggregate(last=Max("version"))["last"] or 0
            report = VerificationReport.objects.create(
                ticket=ticket,
                version=last + 1,
                generation_collections=list(generations),
                verification_collections=list(verifications),
                created_by=by,
            )
            report.verifications.set(
                Verification.objects.filter(collection__in=verifications)
            )
            report.job = enqueue_job(
                task,
                kind=KIND,
                title=f"Report {report.version} of {ticket.key}",
                subject=("construction", ticket.key),
                by=by,
                repository=ticket.repository,
                parameters={"report": report.pk},
            )
            report.save(update_fields=["job"])
            record(
                by=by,
                subject=("construction", ticket.key),
                action=f"report {report.version} asked for",
                after=ReportStatus.BUILDING,
                collections=[*verifications, *generations],
            )
            return report
    except IntegrityError as error:
        raise ConflictError(
            f"Somebody else asked for a report of {ticket.key} at the same time: look "
            "whether theirs is what you need, or ask again."
        ) from error


def _plan(generations: Sequence[str], verifications: Sequence[str]) -> list[StagePlan]:
    verified = dict(
        Verification.objects.filter(collection__in=verifications).values_list(
            "collection", "generation__collection"
        )
    )
    return plan_stages(generations, verifications, verified=verified)


def _check_collections(
    ticket: ConstructionTicket, generations: Sequence[str], verifications: Sequence[str]
) -> None:
    """Refuse runs of another camera, and what is no run of either kind."""
    _plan(generations, verifications)
    for name in (*generations, *verifications):
        camera = parse_name(name).instrument
        if camera != ticket.instrument_id:
            raise InputError(
                f"{name} is of {camera}; {ticket.key} is about {ticket.instrument_id}.",
                collection=name,
            )


def _command(report: VerificationReport, root: str) -> str:
    """Spell what Rubin's own tool would be asked: verification runs come first."""
    names = [*report.verification_collections, *report.generation_collections]
    words = ["cpv_report.py", "-r", root, "-O", "report"]
    return shlex.join([*words, *(word for name in names for word in ("-c", name))])


def _names(rows: Iterable[Generation | Verification | str]) -> list[str]:
    names = [row if isinstance(row, str) else row.collection for row in rows]
    return list(dict.fromkeys(names))


def _default_generations(
    ticket: ConstructionTicket, verifications: Sequence[str]
) -> list[str]:
    """Take the verified generations, and the newest one of what is left."""
    verified = Generation.objects.filter(verifications__collection__in=verifications)
    names = list(verified.order_by("pk").values_list("collection", flat=True))
    labels = {generation.label for generation in verified}
    others = ticket.generations.filter(status=StepStatus.SUCCEEDED).order_by("-pk")
    for generation in others:
        if generation.label not in labels:
            labels.add(generation.label)
            names.append(generation.collection)
    return list(dict.fromkeys(names))
