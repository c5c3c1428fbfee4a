"""Writing a report's folder, whoever asks: the portal, or a command without it."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reports.services.gathering import StageEvidence
from reports.services.pages import write_pages
from reports.services.parts import write_part
from reports.services.record import ReportRecord
from reports.services.summaries import Subject, summarise_report

__all__ = ["count_pictures", "without_collection", "write_files"]


@contextmanager
def without_collection() -> Iterator[None]:
    """Look for no garbage meanwhile: a million results would be gone through each time.

    None of them refers to another, so that nothing is left over.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def write_files(
    subject: Subject,
    stages: Sequence[StageEvidence],
    facts: ReportRecord,
    folder: Path,
    *,
    say: Callable[[str], None] = lambda message: None,
    tick: Callable[[], None] = lambda: None,
    with_pictures: bool = True,
) -> dict[str, Any]:
    """Write a report's files into an empty folder; returns its summary.

    Parameters
    ----------
    say
        Hears what is being done.
    tick
        Called after each picture; what it raises ends the work.
    with_pictures
        Whether images of detectors and the plots of verification are shown.
    """
    parts = []
    for stage in stages:
        say(f"Drawing {stage.plan.label}.")
        parts.append(
            write_part(
                stage,
                facts.part(stage.plan.key),
                subject.instrument,
                folder,
                tick=tick,
                with_pictures=with_pictures,
            )
        )
    summary = summarise_report(subject, parts, facts)
    write_pages(summary, folder)
    return summary


def count_pictures(stages: Sequence[StageEvidence]) -> int:
    """Count the images of detectors that are drawn at most, but for worst failures."""
    return sum(len(s.combined) + len({d for d, _ in s.residuals}) for s in stages)
