"""Tasks of the portal itself."""

from celery import shared_task

from taxicab.core.services import delivery, jobs


@shared_task
def find_lost_jobs() -> int:
    """End the jobs whose worker died."""
    return jobs.find_lost_jobs()


@shared_task(soft_time_limit=60, time_limit=90)
def deliver_notice(delivery_id: int) -> str:
    """Bring one notice by e-mail or webhook; a failure is tried again later."""
    return delivery.deliver(delivery_id)


@shared_task
def deliver_waiting_notices() -> int:
    """Send what is due again, and what no worker was told of; returns how many."""
    due = delivery.due_deliveries()
    for delivery_id in due:
        deliver_notice.delay(delivery_id)
    return len(due)
