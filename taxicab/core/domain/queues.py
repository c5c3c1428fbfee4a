"""Names of a site's queues. Plain Python."""

__all__ = ["can_wait", "tiles_queue"]

TILES = "-tiles"
MAX_LENGTH = 64
"""Of a queue's name, as a job's row keeps it."""


def tiles_queue(queue: str) -> str:
    """Name the queue of a site's tiles: nothing that decides waits behind pictures."""
    return queue[: MAX_LENGTH - len(TILES)] + TILES if queue else ""


def can_wait(queue: str) -> bool:
    """Whether the worker of a queue leaves the processors to the others."""
    return queue.endswith(TILES)
