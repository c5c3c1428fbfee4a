"""Die with the parent, and turn SIGTERM into an exception. Imports no lsst."""

import ctypes
import os
import signal
import sys
import threading
from types import FrameType

__all__ = [
    "Terminated",
    "die_with_parent",
    "raise_if_terminated",
    "raise_on_sigterm",
]

PR_SET_PDEATHSIG = 1
"""From ``linux/prctl.h``."""


class Terminated(BaseException):
    """SIGTERM came; not an `Exception`, so that no task takes it for its own."""


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent ends, however it ends.

    ``parent`` is the process that should be there: if it ended before the kernel was
    told, this process ends now. Who reads requests from it need not say: there are none
    from a parent that ended.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


_told_to_end = threading.Event()


def raise_on_sigterm() -> None:
    """Have SIGTERM raise `Terminated` in the main thread, once."""
    _told_to_end.clear()

    def handle(number: int, frame: FrameType | None) -> None:
        # A second one must not interrupt the cleaning up after the first.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _told_to_end.set()
        raise Terminated

    signal.signal(signal.SIGTERM, handle)


def raise_if_terminated() -> None:
    """Raise `Terminated` again where SIGTERM came and nothing came of it.

    The exception is lost if the signal arrives while Python runs a finaliser or a
    callback from C, which only print what they raise.
    """
    if _told_to_end.is_set():
        raise Terminated
