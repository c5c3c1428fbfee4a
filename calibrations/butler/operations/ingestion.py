"""Ingest: raw files into a repository."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from calibrations.butler.ingest import IngestSummary, take_in
from calibrations.butler.operations.session import Session
from calibrations.butler.raw_files import find_files, read_headers
from calibrations.butler.records import IngestedKind, IngestOutcome

__all__ = ["ingest_raws"]

PROGRESS_STEP = 50
"""Headers between two events: reading one takes milliseconds."""


def ingest_raws(
    session: Session,
    paths: Sequence[str],
    transfer: str = "copy",
    processes: int = 1,
    register: bool = False,
) -> dict[str, Any]:
    """Take in files and folders; what is there already stays as it is."""
    files, missing = find_files(paths)

    def tell(what: str, step: int) -> Any:
        def emit(done: int, total: int) -> None:
            if done % step == 0 or done == total:
                session.emit("progress", done=done, total=total, what=what)

        return emit

    # Before the lock: headers of thousands of files keep no other writer waiting.
    headers = list(
        read_headers(
            files,
            processes=processes,
            on_progress=tell("reading headers", PROGRESS_STEP),
        )
    )
    settings = session.settings
    with session.writing(), session.butler(writeable=True) as butler:
        summary = take_in(
            butler,
            headers,
            transfer=transfer,
            dataset_type=settings.raw_dataset_type,
            collection=settings.raw_collection.replace(
                settings.instrument, "{instrument}"
            ),
            register=register,
            on_progress=tell("taking in files", 1),
        )
    summary.bad_files = missing + summary.bad_files
    return asdict(_outcome(summary))


def _outcome(summary: IngestSummary) -> IngestOutcome:
    return IngestOutcome(
        ingested=summary.ingested,
        present=summary.present,
        kinds=[IngestedKind(*kind, *n) for kind, n in summary.kinds.items()],
        bad_files={bad.path: bad.reason for bad in summary.bad_files},
        problems=summary.problems,
    )
