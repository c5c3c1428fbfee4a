"""The portal's errors: one base, a stable code and an HTTP status for each kind.

Plain Python, importable from every room and from the processes that run beside the
portal. The message is a sentence a user can act on: what was asked, what exists,
what to do.
"""

from typing import Any, ClassVar

__all__ = [
    "BusyError",
    "ConflictError",
    "ForbiddenError",
    "InputError",
    "MiddlewareError",
    "NotFoundError",
    "TaxicabError",
]


class TaxicabError(Exception):
    """Base of every failure that a user can understand."""

    error: ClassVar[str] = "taxicab_error"
    """Stable code for clients."""

    status_code: ClassVar[int] = 400
    """HTTP status of the answer."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        """Data for clients: JSON-serialisable values only."""

    def __str__(self) -> str:
        return self.message


class InputError(TaxicabError):
    """What was asked cannot be done as it was asked."""

    error = "bad_input"


class NotFoundError(TaxicabError, LookupError):
    """Something named does not exist."""

    error = "not_found"
    status_code = 404


class ForbiddenError(TaxicabError):
    """The person may not do this."""

    error = "forbidden"
    status_code = 403


class ConflictError(TaxicabError):
    """The state of things does not allow this, now."""

    error = "conflict"
    status_code = 409


class BusyError(ConflictError):
    """Somebody else is writing; the same call may go through later."""

    error = "busy"


class MiddlewareError(TaxicabError):
    """The Butler or a pipeline failed in a way it could name."""

    error = "middleware"
    status_code = 502
