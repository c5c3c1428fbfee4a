"""Tasks of the portal itself."""

from celery import shared_task

from taxicab.core.services import jobs


@shared_task
def find_lost_jobs() -> int:
    """End the jobs whose worker died."""
    return jobs.find_lost_jobs()
