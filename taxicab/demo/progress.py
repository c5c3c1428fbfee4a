"""Waiting for jobs while telling what they do."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TextIO

from taxicab.core.models import Job, JobStatus
from taxicab.core.services.jobs import find_lost_jobs
from taxicab.errors import TaxicabError

__all__ = ["Narrator", "StepFailedError"]

POLL_S = 0.2
PATIENCE_S = 900.0  # no step of the demonstration takes nearly as long


class StepFailedError(TaxicabError):
    """A step of the story did not succeed."""

    error = "demo_step_failed"


@dataclass
class Narrator:
    """Tells the story on a terminal, or line by line into a file."""

    stream: TextIO = field(default_factory=lambda: sys.stdout)
    started: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Say one line, with the seconds since the beginning."""
        self._clear()
        self.stream.write(f"[{time.monotonic() - self.started:5.0f} s] {text}\n")
        self.stream.flush()

    def wait_for(self, *jobs: Job) -> None:
        """Wait until all jobs succeeded, showing their progress.

        Raises
        ------
        StepFailedError
            Raised with the sentence of the first job that did not succeed.
        """
        for job in jobs:
            self.wait_until(partial(_is_over, job), partial(_words, job))
            job.refresh_from_db()
            if job.status != JobStatus.SUCCEEDED:
                raise StepFailedError(
                    f"{job.title} {job.status}: {job.message}\n{job.traceback}"
                )

    def wait_until(self, is_true: Callable[[], bool], words: Callable[[], str]) -> None:
        """Wait for something, showing words that change.

        Raises
        ------
        StepFailedError
            Raised when patience ends.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not is_true():
            if time.monotonic() > deadline:
                raise StepFailedError(
                    f"Nothing happened within {PATIENCE_S:.0f} s: {words()}. Are the "
                    "workers alive? Their logs say."
                )
            self.show(words())
            find_lost_jobs()
            time.sleep(POLL_S)

    def show(self, words: str) -> None:
        """Show a line that the next one replaces; nothing where it is no terminal."""
        if self.stream.isatty():
            self._clear()
            self.stream.write(f"          {words[:100]}")
            self.stream.flush()

    def _clear(self) -> None:
        if self.stream.isatty():
            self.stream.write("\r\033[K")


def _is_over(job: Job) -> bool:
    job.refresh_from_db()
    return job.is_over


def _words(job: Job) -> str:
    if not job.planned:
        return f"{job.title}: {job.status} {job.message}"
    return f"{job.title}: {job.done} of {job.planned}"
