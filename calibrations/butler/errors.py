"""What can go wrong at a repository, told apart so that callers can act on it.

Plain Python: raised in the process that talks to the Butler, and raised again, by
name, where the gateway was called.
"""

from typing import Any

import taxicab.errors
from calibrations.domain.names import BadNameError
from calibrations.domain.validity import ValidityError
from taxicab.errors import (
    BusyError,
    ConflictError,
    InputError,
    MiddlewareError,
    NotFoundError,
    TaxicabError,
)

__all__ = [
    "CancelledError",
    "ChainUnreadableError",
    "DamagedExportError",
    "EmptyGraphError",
    "LostProcessError",
    "MissingCollectionError",
    "OverlapError",
    "QuantaFailedError",
    "RunChangedError",
    "RunInUseError",
    "SealedFolderError",
    "UnreadableFilesError",
    "error_from_event",
]


class CancelledError(TaxicabError):
    """Somebody asked for the operation to stop, and it stopped."""

    error = "cancelled"
    status_code = 409


class LostProcessError(MiddlewareError):
    """The process at the repository ended without an answer."""

    error = "lost_process"


class EmptyGraphError(InputError):
    """Nothing in the repository matches what a pipeline was asked to process."""

    error = "empty_graph"


class MissingCollectionError(NotFoundError):
    """A collection that was named does not exist."""

    error = "missing_collection"


class QuantaFailedError(MiddlewareError):
    """Datasets that the graph expects do not exist after execution."""

    error = "quanta_failed"


class RunChangedError(ConflictError):
    """A run was begun with another request, or without its saved graph."""

    error = "run_changed"


class OverlapError(ConflictError):
    """A calibration would be valid twice at one instant in one collection."""

    error = "overlap"


class RunInUseError(ConflictError):
    """Certified, tagged or chained collections still link to a run's datasets."""

    error = "run_in_use"


class ChainUnreadableError(ConflictError):
    """A chain holds something that the operation cannot take."""

    error = "chain"


class SealedFolderError(ConflictError):
    """A sealed export is never written again."""

    error = "sealed_folder"


class UnreadableFilesError(ConflictError):
    """Files of an export are not readable for everyone."""

    error = "unreadable_files"


class DamagedExportError(InputError):
    """A file of an export is not what its manifest says."""

    error = "damaged_export"


_KINDS: dict[str, type[TaxicabError]] = {
    kind.__name__: kind
    for kind in (
        *(getattr(taxicab.errors, name) for name in taxicab.errors.__all__),
        *(globals()[name] for name in __all__ if name.endswith("Error")),
        BusyError,
        BadNameError,
        ValidityError,
    )
}


def error_from_event(event: dict[str, Any]) -> TaxicabError:
    """Rebuild the error that the process at the repository reported.

    A kind that is not ours is a crash: it becomes a `MiddlewareError` that keeps the
    traceback in its details.
    """
    kind = _KINDS.get(event.get("kind", ""))
    details = dict(event.get("details") or {})
    if event.get("traceback"):
        details["traceback"] = event["traceback"]
    if kind is None:
        return MiddlewareError(
            f"{event.get('kind')}: {event.get('message')}", **details
        )
    return kind(event["message"], **details)
