"""One operation on one repository: a request on stdin, JSON events on stdout.

Run as ``python -m calibrations.butler`` by `calibrations.butler.client`, or by hand
with a request's file as the argument. The last event is ``result`` or ``error``.
"""

import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from calibrations.butler.lifetime import Terminated, die_with_parent, raise_on_sigterm
from calibrations.butler.records import ButlerSettings
from taxicab.errors import TaxicabError


def main() -> int:
    """Run the requested operation and tell how it ended."""
    emit = _open_events()
    try:
        text = Path(sys.argv[1]).read_text() if len(sys.argv) > 1 else sys.stdin.read()
        request = json.loads(text)
        die_with_parent(request.get("parent"))
        raise_on_sigterm()
        result = _perform(request, emit)
    except Terminated:
        message = "The operation was cancelled before it ended."
        emit("error", kind="CancelledError", message=message, details={})
        return 1
    except Exception as error:
        emit("error", **_describe(error))
        return 1
    emit("result", result=result)
    return 0


def _perform(request: dict[str, Any], emit: Callable[..., None]) -> Any:
    # Importing the middleware takes a second: only when there is something to do.
    from calibrations.butler.operations.session import EventLog, Session
    from calibrations.butler.operations.table import OPERATIONS

    logging.captureWarnings(True)
    logging.basicConfig(level=logging.INFO, handlers=[EventLog(emit)], force=True)
    name = request["operation"]
    session = Session(ButlerSettings.load(request["settings"]), emit, name)
    return OPERATIONS[name](session, **request["arguments"])


def _open_events() -> Callable[..., None]:
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


def _describe(error: Exception) -> dict[str, Any]:
    known = isinstance(error, TaxicabError)
    return {
        "kind": type(error).__name__,
        "message": str(error),
        "details": error.details if isinstance(error, TaxicabError) else {},
        # A known failure's sentence says it all; a crash needs its traceback.
        "traceback": None if known else traceback.format_exc(),
    }


if __name__ == "__main__":
    sys.exit(main())
