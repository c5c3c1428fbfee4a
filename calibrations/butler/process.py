"""Run operations in a process beside this one, and follow them. Imports no lsst.

The process leads its own session, so that ending it ends what it started; it dies with
the process that started it; a cancel is SIGTERM, and SIGKILL if that does not help.

Importing the middleware takes longer than most operations, so a process that answered
well is kept for the next request. It holds no Butler between two of them.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from calibrations.butler.errors import (
    CancelledError,
    LostProcessError,
    error_from_event,
)

__all__ = ["Event", "run_process"]

Event = dict[str, Any]

POLL_S = 0.25
"""How often a cancel is asked for: far below what a person notices."""

GRACE_S = 10.0
"""Between SIGTERM and SIGKILL: a quantum's transaction needs time to roll back."""

STDERR_LINES = 40
"""Kept for the sentence about a process that ended without an answer."""

IDLE_PROCESSES = 2
"""Kept for later requests; they take some 200 MB each."""

MAX_IDLE_S = 300.0
"""Half of the time after which an idle process ends by itself."""

PROJECT = Path(__file__).resolve().parents[2]

_idle: list["_Process"] = []
_idle_lock = threading.Lock()


def run_process(
    interpreter: str,
    request: Mapping[str, Any],
    *,
    environment: Mapping[str, str],
    on_event: Callable[[Event], None] | None = None,
    should_cancel: Callable[[], bool] | None = None,
) -> Any:
    """Have ``python -m calibrations.butler`` do something; return or raise its answer.

    ``on_event`` sees every event but the last; what it raises ends the process.
    """
    process = _take(interpreter, dict(environment))
    try:
        answer = process.ask(
            request,
            on_event or (lambda event: None),
            should_cancel or (lambda: False),
        )
    except BaseException:
        process.end()
        raise
    if answer["is_last"]:
        process.end()
    else:
        _give_back(process)
    if answer["event"] == "error":
        raise error_from_event(answer)
    return answer["result"]


def _take(interpreter: str, environment: dict[str, str]) -> "_Process":
    """Take an idle process of this kind, or start one."""
    with _idle_lock:
        # What a fork inherited belongs to its parent; the kernel ends a process
        # together with the very thread that started it.
        _idle[:] = [p for p in _idle if p.owner[0] == os.getpid() and p.is_alive]
        for process in _idle:
            if process.owner == _me() and process.is_like(interpreter, environment):
                _idle.remove(process)
                if time.monotonic() - process.idle_since < MAX_IDLE_S:
                    return process
                process.end()
                break
    return _Process.start(interpreter, environment)


def _give_back(process: "_Process") -> None:
    """Keep a process, and end the one that has been idle longest."""
    with _idle_lock:
        process.idle_since = time.monotonic()
        _idle.append(process)
        surplus = _idle[:-IDLE_PROCESSES]
        del _idle[:-IDLE_PROCESSES]
    for other in surplus:
        other.end()


class _Process:
    """A process that takes one request a line and answers with events."""

    def __init__(
        self,
        interpreter: str,
        environment: dict[str, str],
        child: subprocess.Popen[bytes],
    ) -> None:
        self.interpreter = interpreter
        self.environment = environment
        self.child = child
        self.owner = _me()
        self.idle_since = 0.0
        self.stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self.cancelled_at: float | None = None
        assert child.stdout is not None
        assert child.stderr is not None
        self.buffers = {child.stdout: b"", child.stderr: b""}

    @classmethod
    def start(cls, interpreter: str, environment: dict[str, str]) -> Self:
        """Start a process that dies with this one."""
        child = subprocess.Popen(
            [interpreter, "-m", "calibrations.butler"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_complete(environment),
            start_new_session=True,
        )
        for stream in (child.stdout, child.stderr):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
        return cls(interpreter, environment, child)

    @property
    def is_alive(self) -> bool:
        return self.child.poll() is None

    def is_like(self, interpreter: str, environment: dict[str, str]) -> bool:
        return (self.interpreter, self.environment) == (interpreter, environment)

    def ask(
        self,
        request: Mapping[str, Any],
        on_event: Callable[[Event], None],
        should_cancel: Callable[[], bool],
    ) -> Event:
        """Send a request and return its last event."""
        assert self.child.stdin is not None
        line = json.dumps(request)
        # A process that ended at once is told by its missing answer.
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.write(line.encode() + b"\n")
            self.child.stdin.flush()
        answer: Event | None = None
        with selectors.DefaultSelector() as selector:
            for source in self.buffers:
                selector.register(source, selectors.EVENT_READ)
            while answer is None and selector.get_map():
                for key, _ in selector.select(POLL_S):
                    stream: Any = key.fileobj
                    lines = self._read(stream)
                    if lines is None:
                        selector.unregister(stream)
                    elif stream is self.child.stdout:
                        answer = _pass_on(lines, on_event) or answer
                    else:
                        self._take_noise(lines, on_event)
                if answer is None:
                    self._poll_cancel(should_cancel)
        if answer is None:
            raise self._describe_loss()
        if self.cancelled_at is not None:
            # It may have been too late to cancel; the process is told to end anyway.
            self.end()
        return answer

    def _read(self, stream: Any) -> list[bytes] | None:
        """Take in whole lines; None at the stream's end."""
        if not (piece := os.read(stream.fileno(), 1 << 16)):
            return None
        *lines, self.buffers[stream] = (self.buffers[stream] + piece).split(b"\n")
        return lines

    def _take_noise(
        self, lines: list[bytes], on_event: Callable[[Event], None]
    ) -> None:
        for line in lines:
            if text := line.decode(errors="replace").rstrip():
                self.stderr.append(text)
                on_event({"event": "log", "level": "STDERR", "message": text})

    def _poll_cancel(self, should_cancel: Callable[[], bool]) -> None:
        if self.cancelled_at is None:
            if should_cancel():
                self.cancelled_at = time.monotonic()
                self._signal(signal.SIGTERM)
        elif time.monotonic() - self.cancelled_at > GRACE_S:
            self._signal(signal.SIGKILL)

    def _describe_loss(self) -> Exception:
        code = self.child.wait()
        if self.cancelled_at is not None:
            return CancelledError("The operation was cancelled before it ended.")
        how = (
            f"was ended by {signal.Signals(-code).name}"
            if code < 0
            else f"ended with code {code}"
        )
        return LostProcessError(
            f"The process at the repository {how} without an answer. Running the "
            f"operation again continues it.",
            returncode=code,
            stderr=list(self.stderr),
        )

    def end(self) -> None:
        """End the process and what it started, and leave nothing behind."""
        if self.is_alive:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(GRACE_S)
        self._signal(signal.SIGKILL)
        self.child.wait()
        for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
            with contextlib.suppress(BrokenPipeError):
                assert stream is not None
                stream.close()

    def _signal(self, which: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, which)


def _me() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def _pass_on(lines: list[bytes], on_event: Callable[[Event], None]) -> Event | None:
    """Hand events on; return the one that ends an operation, if it is there."""
    for line in lines:
        event: Event = json.loads(line)
        if event["event"] in ("result", "error"):
            return event
        on_event(event)
    return None


def _complete(additions: Mapping[str, str]) -> dict[str, str]:
    """Our environment, the site's additions, and this project on the path."""
    # One process a quantum is what `processes` counts; libraries add no threads.
    environment = {"OMP_NUM_THREADS": "1", **os.environ, **additions}
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    if str(PROJECT) not in paths:
        paths = [str(PROJECT), *paths]
    environment["PYTHONPATH"] = os.pathsep.join(p for p in paths if p)
    return environment
