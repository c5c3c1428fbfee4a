"""Run one operation in a process of its own and follow it. Imports no lsst.

The process leads its own session, so that ending it ends what it started; it dies with
the process that started it; a cancel is SIGTERM, and SIGKILL if that does not help.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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

PROJECT = Path(__file__).resolve().parents[2]


def run_process(
    interpreter: str,
    request: Mapping[str, Any],
    *,
    environment: Mapping[str, str],
    on_event: Callable[[Event], None] | None = None,
    should_cancel: Callable[[], bool] | None = None,
) -> Any:
    """Run ``python -m calibrations.butler`` and return its result or raise its error.

    ``on_event`` sees every event but the last; what it raises ends the process.
    """
    child = subprocess.Popen(
        [interpreter, "-m", "calibrations.butler"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(environment),
        start_new_session=True,
    )
    follower = _Follower(child, on_event, should_cancel)
    try:
        _send(child, {**request, "parent": os.getpid()})
        return follower.follow()
    finally:
        _end_group(child)
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                stream.close()


class _Follower:
    """Read a process's events until its last one."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        on_event: Callable[[Event], None] | None,
        should_cancel: Callable[[], bool] | None,
    ) -> None:
        self.child = child
        self.on_event = on_event or (lambda event: None)
        self.should_cancel = should_cancel or (lambda: False)
        self.ending: Event | None = None
        self.stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self.cancelled_at: float | None = None

    def follow(self) -> Any:
        with selectors.DefaultSelector() as selector:
            for stream in (self.child.stdout, self.child.stderr):
                assert stream is not None
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ, bytearray())
            while selector.get_map():
                for key, _ in selector.select(POLL_S):
                    if not self._read(key):
                        selector.unregister(key.fileobj)
                self._poll_cancel()
        code = self.child.wait()
        if self.ending is None:
            raise self._lost(code)
        if self.ending["event"] == "error":
            raise error_from_event(self.ending)
        return self.ending["result"]

    def _read(self, key: selectors.SelectorKey) -> bool:
        """Take in what there is to read; False at the stream's end."""
        buffer: bytearray = key.data
        if not (piece := os.read(key.fd, 1 << 16)):
            return False
        buffer += piece
        *lines, rest = bytes(buffer).split(b"\n")
        buffer[:] = rest
        assert self.child.stdout is not None
        is_event = key.fd == self.child.stdout.fileno()
        for line in lines:
            self._take_event(line) if is_event else self._take_noise(line)
        return True

    def _take_event(self, line: bytes) -> None:
        event = json.loads(line)
        if event["event"] in ("result", "error"):
            self.ending = event
        else:
            self.on_event(event)

    def _take_noise(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if text:
            self.stderr.append(text)
            self.on_event({"event": "log", "level": "STDERR", "message": text})

    def _poll_cancel(self) -> None:
        if self.cancelled_at is None:
            if self.ending is None and self.should_cancel():
                self.cancelled_at = time.monotonic()
                _signal_group(self.child, signal.SIGTERM)
        elif time.monotonic() - self.cancelled_at > GRACE_S:
            _signal_group(self.child, signal.SIGKILL)

    def _lost(self, code: int) -> Exception:
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


def _environment(additions: Mapping[str, str]) -> dict[str, str]:
    """Our environment, the site's additions, and this project on the path."""
    # One process a quantum is what `processes` counts; libraries add no threads.
    environment = {"OMP_NUM_THREADS": "1", **os.environ, **additions}
    if sys.flags.safe_path or str(PROJECT) not in environment.get("PYTHONPATH", ""):
        paths = [str(PROJECT), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(p for p in paths if p)
    return environment


def _send(child: subprocess.Popen[bytes], request: Mapping[str, Any]) -> None:
    assert child.stdin is not None
    try:
        child.stdin.write(json.dumps(request).encode())
        child.stdin.close()
    except BrokenPipeError:
        # It ended at once; what it said on stderr tells why.
        child.stdin = None


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Leave nothing behind, whatever ended the call."""
    if child.poll() is None:
        _signal_group(child, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
    _signal_group(child, signal.SIGKILL)
    child.wait()


def _signal_group(child: subprocess.Popen[bytes], which: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, which)
