"""Die with the parent, and turn SIGTERM into an exception. Imports no lsst."""

import ctypes
import os
import signal
import sys
from types import FrameType

__all__ = ["Terminated", "die_with_parent", "raise_on_sigterm"]

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


def raise_on_sigterm() -> None:
    """Have SIGTERM raise `Terminated` in the main thread, once."""

    def handle(number: int, frame: FrameType | None) -> None:
        # A second one must not interrupt the cleaning up after the first.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    signal.signal(signal.SIGTERM, handle)
