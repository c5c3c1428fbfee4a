"""Operations on repositories: requests on stdin, JSON events on stdout.

Run as ``python -m calibrations.butler`` by `calibrations.butler.client`, which sends
one request a line and closes stdin when it wants no more; or by hand with the file of
one request as the argument. The last event of each is ``result`` or ``error``.
"""

import json
import logging
import os
import resource
import select
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from calibrations.butler.commands import command_lines
from calibrations.butler.lifetime import Terminated, die_with_parent, raise_on_sigterm
from calibrations.butler.records import ButlerSettings
from taxicab.errors import TaxicabError

IDLE_S = 600.0
"""A process that nobody asks anything ends after this time."""

MAX_MEMORY_KB = 1_500_000
"""Memory that pixels took is given back by ending."""

Emit = Callable[..., None]


def main() -> int:
    """Answer requests until there are no more."""
    emit = _open_events()
    try:
        raise_on_sigterm()
        for line in _requests():
            if not _answer(line, emit):
                break
    except Terminated:
        message = "The operation was cancelled before it ended."
        kind = "CancelledError"
        emit("error", kind=kind, message=message, details={}, is_last=True)
        return 1
    return 0


def _requests() -> Iterator[str]:
    """Yield requests from the file that is named, or from stdin."""
    if len(sys.argv) > 1:
        yield Path(sys.argv[1]).read_text()
        return
    die_with_parent()
    with os.fdopen(0, "rb", buffering=0, closefd=False) as stdin:
        while select.select([stdin], [], [], IDLE_S)[0]:
            if not (line := _read_line(stdin)):
                return
            yield line


def _read_line(stream: Any) -> str:
    """Read a whole line; the next request is sent only after this one's answer."""
    line = b""
    while not line.endswith(b"\n") and (piece := stream.read(1 << 16)):
        line += piece
    return line.decode()


def _answer(line: str, emit: Emit) -> bool:
    """Perform one request; False where the process had better end after it."""
    try:
        request = json.loads(line)
        result = _perform(request, emit)
    except TaxicabError as error:
        kind = type(error).__name__
        answer = {"event": "error", "kind": kind, "message": error.message}
        return _end(emit, **answer, details=error.details, is_last=_is_large())
    except Exception as error:
        # Not one of ours: a crash, which needs its traceback.
        return _end(
            emit,
            event="error",
            kind=type(error).__name__,
            message=str(error),
            details={},
            traceback=traceback.format_exc(),
            is_last=True,
        )
    return _end(emit, event="result", result=result, is_last=_is_large())


def _end(emit: Emit, *, is_last: bool, **answer: Any) -> bool:
    """Send the event that ends an operation; it says whether the process ends too."""
    emit(**answer, is_last=is_last)
    return not is_last


def _is_large() -> bool:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > MAX_MEMORY_KB


def _perform(request: dict[str, Any], emit: Emit) -> Any:
    # Importing the middleware takes a second: only when there is something to do.
    from calibrations.butler.operations.session import EventLog, Session
    from calibrations.butler.operations.table import OPERATIONS

    logging.captureWarnings(True)
    logging.basicConfig(level=logging.INFO, handlers=[EventLog(emit)], force=True)
    name = request["operation"]
    settings = ButlerSettings.load(request["settings"])
    if lines := command_lines(settings, name, request["arguments"]):
        emit("commands", lines=lines)
    session = Session(settings, emit, name)
    return OPERATIONS[name](session, **request["arguments"])


def _open_events() -> Emit:
    """Keep stdout for events; whatever else is printed goes to stderr."""
    stream: IO[str] = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    lock = threading.Lock()

    def emit(event: str, **values: Any) -> None:
        line = json.dumps({"event": event, **values}, default=str)
        with lock:
            stream.write(line + "\n")
            stream.flush()

    return emit


if __name__ == "__main__":
    sys.exit(main())
