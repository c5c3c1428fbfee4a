"""Tasks of the board."""

from celery import shared_task

from taxicab.board.services import meetings


@shared_task
def schedule_meetings() -> str:
    """End meetings that are over, schedule the next and flag the open tickets."""
    return str(meetings.schedule_meetings())
