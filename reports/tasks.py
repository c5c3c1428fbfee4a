"""Tasks of reports: they run on the queue of the build repository."""

from celery import shared_task

from reports.services import consequence, pixels, reports
from taxicab.core.services.jobs import running_job


@shared_task
def build_report(job_id: int) -> None:
    """Build the report that a job asks for."""
    with running_job(job_id) as recorder:
        reports.build_report(recorder)
    report = recorder.job.parameters["report"]
    consequence.queue_reading(report, task=read_consequence)
    pixels.queue_first_tiles(report, task=make_tiles)


@shared_task
def make_tiles(job_id: int) -> None:
    """Make the tiles that a job asks for."""
    with running_job(job_id) as recorder:
        pixels.make_report_tiles(recorder)


@shared_task
def read_consequence(job_id: int) -> None:
    """Read what adopting a report's set would change."""
    with running_job(job_id) as recorder:
        consequence.read_consequence(recorder)
