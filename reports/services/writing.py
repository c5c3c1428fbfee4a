"""Writing a report's folder, whoever asks: the portal, or a command without it."""

import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
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
    processes: int = 1,
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
    processes
        Parts written at once. A worker of the portal has no children: one.
    """
    write = partial(
        _write_stage,
        facts=facts,
        instrument=subject.instrument,
        folder=folder,
        with_pictures=with_pictures,
    )
    if min(processes, len(stages)) > 1:
        parts = _write_side_by_side(stages, write, processes, say, tick)
    else:
        parts = []
        for stage in stages:
            say(f"Drawing {stage.plan.label}.")
            parts.append(write(stage, tick=tick))
    summary = summarise_report(subject, parts, facts)
    write_pages(summary, folder)
    return summary


def _write_stage(
    stage: StageEvidence,
    *,
    facts: ReportRecord,
    instrument: str,
    folder: Path,
    with_pictures: bool,
    tick: Callable[[], None],
) -> dict[str, Any]:
    return write_part(
        stage,
        facts.part(stage.plan.key),
        instrument,
        folder,
        tick=tick,
        with_pictures=with_pictures,
    )


_given: tuple[Sequence[StageEvidence], Callable[..., dict[str, Any]]] | None = None
"""What a forked process is to do: it inherits a million results, nothing is sent."""


def _write_side_by_side(
    stages: Sequence[StageEvidence],
    write: Callable[..., dict[str, Any]],
    processes: int,
    say: Callable[[str], None],
    tick: Callable[[], None],
) -> list[dict[str, Any]]:
    """Write parts in processes of their own; pictures are counted when one is done."""
    global _given
    _given = stages, write
    parts = []
    try:
        with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
            futures = [pool.submit(_write_given, i) for i in range(len(stages))]
            for stage, future in zip(stages, futures, strict=True):
                say(f"Drawing {stage.plan.label}.")
                parts.append(future.result())
                for _ in range(count_pictures([stage])):
                    tick()
    finally:
        _given = None
    return parts


def _write_given(number: int) -> dict[str, Any]:
    assert _given is not None
    stages, write = _given
    return write(stages[number], tick=lambda: None)


def count_pictures(stages: Sequence[StageEvidence]) -> int:
    """Count the images of detectors that are drawn at most, but for worst failures."""
    return sum(len(s.combined) + len({d for d, _ in s.residuals}) for s in stages)
