"""Which images a report is about, what each is compared with, and their tiles."""

from collections.abc import Iterable, Sequence
from typing import Any

from celery import Task
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import transaction

from calibrations.models import ConstructionStage
from reports.models import (
    WHOLE_PLANE,
    ImageRank,
    ReportImage,
    ReportStatus,
    VerificationReport,
)
from reports.services.bindings import read_hashes
from reports.services.evidence import SealedPart
from reports.services.gathering import StageEvidence
from reports.services.tile_making import hash_image, make_tiles
from taxicab.core.domain.queues import tiles_queue
from taxicab.core.models import Job, JobStatus
from taxicab.core.services.jobs import (
    JobCancelledError,
    JobRecorder,
    enqueue_job,
)
from taxicab.core.services.permissions import readable_instruments
from taxicab.errors import ConflictError, NotFoundError, TaxicabError

__all__ = [
    "comparable_images",
    "default_comparison",
    "find_image",
    "find_tiles",
    "keep_images",
    "make_report_tiles",
    "queue_first_tiles",
    "request_tiles",
    "running_tiles",
]

KIND = "tiles"

_MOVING = (JobStatus.QUEUED, JobStatus.RUNNING)


@transaction.atomic
def keep_images(
    report: VerificationReport,
    stages: Iterable[StageEvidence],
    sealed: Iterable[SealedPart],
) -> None:
    """Put on record what the stages have of images, in place of what was.

    Each is bound to the hash that its sealed part names (`reports.services.bindings`).
    """
    hashes = {part.key: read_hashes(part.sha256) for part in sealed}
    report.images.all().delete()
    ReportImage.objects.bulk_create(
        ReportImage(
            report=report,
            part=stage.plan.key,
            label=stage.plan.label,
            detector=detector,
            exposure=exposure,
            path=path,
            rank=rank,
            sha256=hashes[stage.plan.key].get((detector, exposure), ""),
        )
        for stage in stages
        for detector, exposure, path, rank in _images(stage)
    )


def _images(stage: StageEvidence) -> list[tuple[int, int, str, ImageRank]]:
    """Give detector, exposure, path and rank: what failed is looked at first."""
    failed = {
        (r.detector, r.exposure)
        for r in stage.columns.failed
        if not _is_advisory(stage, r.level, r.test)
    }
    bad = {detector for detector, _ in failed}
    latest: dict[int, int] = {}
    for detector, exposure in stage.residuals:
        latest[detector] = max(exposure, latest.get(detector, exposure))
    found = [
        (WHOLE_PLANE, e, path, ImageRank.PLANE_RESIDUAL if e else ImageRank.PLANE)
        for e, path in stage.mosaics.items()
    ]
    for detector, path in stage.combined.items():
        is_bad = detector in bad
        rank = ImageRank.COMBINED_FAILED if is_bad else ImageRank.COMBINED
        found.append((detector, 0, path, rank))
    for (detector, exposure), path in stage.residuals.items():
        rank = ImageRank.OTHER
        if exposure == latest[detector]:
            rank = ImageRank.LATEST_FAILED if detector in bad else ImageRank.LATEST
        elif (detector, exposure) in failed:
            rank = ImageRank.OLDER_FAILED
        found.append((detector, exposure, path, rank))
    return found


def _is_advisory(stage: StageEvidence, level: str, test: str) -> bool:
    note = stage.notes.get((level, test))
    return bool(note and note.is_advisory)


def find_image(
    report: VerificationReport,
    part: str = "",
    detector: int | None = None,
    exposure: int = 0,
) -> ReportImage:
    """Find an image of a report; without a detector the first of its part.

    Raises
    ------
    NotFoundError
        Raised if the report lists no such image.
    """
    images = report.images.all()
    if part:
        images = images.filter(part=part)
    if detector is None:
        found = images.order_by("exposure", "rank", "pk").first()
    else:
        found = images.filter(detector=detector, exposure=exposure).first()
    if found is not None:
        return found
    if not report.images.exists():
        raise NotFoundError(
            f"{report} lists no images: none of its parts has any, or it was made "
            "before pixels were shown. Make a new report to see them."
        )
    what = f"of exposure {exposure}" if exposure else "of the calibration itself"
    raise NotFoundError(
        f"{report} has no image {what} for detector {detector} in {part!r}: choose "
        "another part, detector or exposure."
    )


def comparable_images(image: ReportImage) -> list[ReportImage]:
    """Find the same image in the camera's other reports that came before."""
    return list(
        ReportImage.objects.filter(
            label=image.label,
            detector=image.detector,
            exposure=image.exposure,
            report__status=ReportStatus.READY,
            report__ticket__instrument=image.report.ticket.instrument_id,
            report__lt=image.report_id,
        )
        .select_related("report__ticket")
        .defer("report__summary")
        .order_by("-report_id")
    )


def default_comparison(
    image: ReportImage, others: Sequence[ReportImage]
) -> ReportImage | None:
    """Choose what an image is compared with: what was adopted last, or the one before.

    The report before is one of the same ticket if there is one.
    """
    ticket = image.report.ticket_id
    adopted = [
        one
        for one in others
        if one.report.ticket.stage == ConstructionStage.REVIEWED
        and one.report.ticket_id != ticket
    ]
    before = [one for one in others if one.report.ticket_id == ticket]
    return next(iter([*adopted, *before, *others]), None)


def find_tiles(
    user: AbstractBaseUser | AnonymousUser, key: str, version: int, sha256: str
) -> None:
    """Refuse tiles of an image that a report does not list, or nobody may see.

    Raises
    ------
    NotFoundError
        Raised if the report is not this person's to read, or has no such image.
    """
    listed = ReportImage.objects.filter(
        sha256=sha256,
        report__version=version,
        report__ticket__key=key,
        report__ticket__instrument__in=readable_instruments(user),
    )
    if not sha256 or not listed.exists():
        raise NotFoundError(
            f"Report {version} of {key!r} lists no image with these tiles: see its "
            "pixels for what it lists."
        )


def request_tiles(
    report: VerificationReport,
    images: Sequence[ReportImage],
    *,
    by: User | None,
    task: Task,
) -> Job:
    """Have the tiles of some images made; gives the job that does so already if any."""
    wanted = sorted(image.pk for image in images)
    parameters: dict[str, Any] = {"report": report.pk, "images": wanted}
    for job in running_tiles(report):
        if set(wanted) <= set(job.parameters["images"]):
            return job
    return enqueue_job(
        task,
        kind=KIND,
        title=f"Tiles of report {report.version} of {report.ticket.key}",
        subject=("construction", report.ticket.key),
        by=by,
        repository=report.ticket.repository,
        # Minutes of pictures: no generation and no deployment waits behind them.
        queue=tiles_queue(report.ticket.repository.queue),
        parameters=parameters,
    )


def queue_first_tiles(report_id: int, *, task: Task) -> None:
    """Have the tiles made that a report's readers will open first."""
    report = VerificationReport.objects.select_related(
        "ticket__repository", "created_by"
    ).get(pk=report_id)
    wanted = report.images.filter(rank__lt=ImageRank.OTHER)
    first = list(wanted[: settings.TILES_WITH_REPORT])
    if report.status == ReportStatus.READY and first:
        request_tiles(report, first, by=report.created_by, task=task)


def running_tiles(report: VerificationReport) -> list[Job]:
    """List the jobs that make tiles of a report's images now, or will."""
    jobs = Job.objects.filter(
        kind=KIND, status__in=_MOVING, subject_key=report.ticket.key
    )
    return [job for job in jobs if job.parameters.get("report") == report.pk]


def make_report_tiles(recorder: JobRecorder) -> None:
    """Make the tiles that a job asks for; one that cannot be made stops no other."""
    parameters = recorder.job.parameters
    images = ReportImage.objects.filter(
        pk__in=parameters["images"], report=parameters["report"]
    ).select_related("report__ticket")
    problems: list[str] = []
    for done, image in enumerate(images):
        if recorder.should_cancel():
            raise JobCancelledError("Making tiles was cancelled; those made are kept.")
        recorder.progress(planned=len(images), done=done, failed=len(problems))
        try:
            _make(image)
        except TaxicabError as error:
            recorder.log(str(error))
            problems.append(str(error))
    recorder.progress(planned=len(images), done=len(images), failed=len(problems))
    if problems:
        raise ConflictError(
            f"{len(problems)} of {len(images)} images have no tiles: {problems[0]}"
        )


def _make(image: ReportImage) -> None:
    """Make an image's tiles; one whose file was changed since is refused."""
    sha256 = hash_image(image.path)
    if image.sha256 and image.sha256 != sha256:
        raise ConflictError(
            f"{image}: {image.path} was changed since the report was sealed, so that "
            "its pixels are no longer those that the report is about. Restore the file "
            f"(SHA-256 {image.sha256}), or make a new report."
        )
    make_tiles(image.path, sha256)
    ReportImage.objects.filter(pk=image.pk, sha256="").update(sha256=sha256)
