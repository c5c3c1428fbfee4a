"""Tasks of reports: they run on the queue of the build repository."""

from celery import shared_task

from reports.services import reports
from taxicab.core.services.jobs import running_job


@shared_task
def build_report(job_id: int) -> None:
    """Build the report that a job asks for."""
    with running_job(job_id) as recorder:
        reports.build_report(recorder)
