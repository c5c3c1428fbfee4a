"""Tasks of deployments; workers take them from the queues of their repositories."""

from celery import shared_task

from distribution.services import deployments, repositories, steps
from taxicab.core.services.jobs import running_job


@shared_task
def run_deployment_step(job_id: int) -> None:
    """Take one step at one repository."""
    with running_job(job_id) as recorder:
        steps.run_step(recorder)


@shared_task
def put_back_target(job_id: int) -> None:
    """Take a set out of the default chain of a repository."""
    with running_job(job_id) as recorder:
        steps.put_back(recorder)


@shared_task
def refresh_repository(job_id: int) -> None:
    """Look what a repository holds now."""
    with running_job(job_id) as recorder:
        repositories.take_snapshot(recorder)


@shared_task
def retry_waiting_self_reviews() -> int:
    """Run the self-reviews again that waited for an exposure."""
    return deployments.retry_waiting_self_reviews(task=run_deployment_step)
