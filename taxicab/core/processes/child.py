"""A process beside the portal: started, watched, stopped; plain Python, no Django.

Each child leads a process group of its own, so that a signal reaches all it started,
and is told by the kernel when the thread that started it ends: nothing is left behind
by a parent that was killed.
"""

import contextlib
import ctypes
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from taxicab.errors import TaxicabError

__all__ = [
    "Child",
    "ProcessError",
    "free_port",
    "identity",
    "is_listening",
    "stop_children",
    "stop_on_signals",
    "supervise",
    "wait_until",
]

POLL_S = 0.05  # how often a child that starts or stops is looked at
WATCH_S = 0.5  # how often running children are looked at
MANY_RESTARTS = 5  # of one child, within
RESTART_WINDOW_S = 60.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h

_libc = ctypes.CDLL(None, use_errno=True)  # loaded here: nothing may load after a fork


class ProcessError(TaxicabError):
    """A process beside the portal did not start, or did not stay."""

    error = "process"
    status_code = 503


def identity(user: int | None) -> dict[str, Any]:
    """Give subprocess's arguments for running as a user and its own group alone."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwuid(user).pw_gid, "extra_groups": []}


@dataclass
class Child:
    """One process and the group it leads."""

    name: str
    command: Sequence[str]
    log: Path
    """Where its output is appended."""
    environment: Mapping[str, str] | None = None
    """Its whole environment; the parent's when None."""
    user: int | None = None
    """Unprivileged uid to run as, which needs root; the parent's when None."""
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGTERM
    """Sent by the kernel when the thread that started it ends."""
    kept_files: Sequence[int] = ()
    """Descriptors the child inherits."""
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    log_start: int = field(default=0, init=False)

    @property
    def pid(self) -> int:
        """Process id, which is the group's id as well."""
        if self.process is None:
            raise ProcessError(f"{self.name} was not started.")
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether the leader of the group lives."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it, or start it again."""
        parent = os.getpid()
        death_signal = int(self.death_signal)

        def follow_parent() -> None:
            _libc.prctl(PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != parent:  # it ended before we asked to be told
                os._exit(1)

        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if self.environment is None else dict(self.environment),
                **identity(self.user),
                start_new_session=True,
                preexec_fn=follow_parent,  # one system call: no locks
                pass_fds=tuple(self.kept_files),
            )

    def output(self) -> str:
        """Read what it wrote since it was last started."""
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    def log_tail(self, lines: int = 5) -> str:
        """Read the last lines it wrote since it was last started."""
        return "\n".join(self.output().strip().splitlines()[-lines:])

    def ask_to_stop(self) -> None:
        """Send the leader its stop signal."""
        if self.is_running:
            os.kill(self.pid, self.stop_signal)

    def wait(self, timeout_s: float) -> bool:
        """Wait for the leader's end; tell whether it came."""
        if self.process is None:
            return True
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """Kill the whole group with SIGKILL, at once."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def stop_children(children: Sequence[Child], *, grace_s: float = 10.0) -> None:
    """Ask all to stop at once, and kill what is left of each group after a while."""
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + grace_s
    for child in children:
        child.wait(max(0.0, deadline - time.monotonic()))
        child.kill()


def wait_until(
    child: Child, is_ready: Callable[[], bool], *, timeout_s: float = 30.0
) -> None:
    """Wait until a child that was started answers.

    Raises
    ------
    ProcessError
        Raised if it ends or the time passes first; carries the end of its log.
    """
    deadline = time.monotonic() + timeout_s
    while not is_ready():
        if not child.is_running:
            problem = "ended while starting"
        elif time.monotonic() > deadline:
            problem = f"did not answer within {timeout_s:.0f} s"
        else:
            time.sleep(POLL_S)
            continue
        child.kill()
        raise ProcessError(
            f"{child.name} {problem}; its log {child.log} ends: {child.log_tail()}"
        )


def supervise(
    children: Sequence[Child],
    *,
    should_stop: Callable[[], bool] = lambda: False,
    report: Callable[[str], None] = print,
) -> None:
    """Keep children running until told to stop; start again those that end.

    Raises
    ------
    ProcessError
        Raised if a child ends again and again.
    """
    restarts: dict[str, list[float]] = {child.name: [] for child in children}
    while not should_stop():
        for child in children:
            if child.is_running:
                continue
            now = time.monotonic()
            recent = [t for t in restarts[child.name] if now - t < RESTART_WINDOW_S]
            if len(recent) >= MANY_RESTARTS:
                raise ProcessError(
                    f"{child.name} ended {MANY_RESTARTS} times within "
                    f"{RESTART_WINDOW_S:.0f} s; see {child.log}: {child.log_tail()}"
                )
            restarts[child.name] = [*recent, now]
            child.kill()  # what the leader left behind
            report(f"{child.name} ended and is started again; its log is {child.log}.")
            child.start()
        time.sleep(WATCH_S)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that every ``finally`` runs.

    SIGINT is a KeyboardInterrupt already. Only for a main thread.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {n: signal.signal(n, leave) for n in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def free_port() -> int:
    """Find a TCP port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_listening(host: str, port: int) -> bool:
    """Tell whether something accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), 1.0):
        return True
    return False
