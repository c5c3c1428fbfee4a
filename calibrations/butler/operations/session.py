"""What every operation has: the settings, a Butler, the writers' lock, and a voice."""

import difflib
import fcntl
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from lsst.daf.butler import Butler

from calibrations.butler.errors import MissingCollectionError
from calibrations.butler.records import ButlerSettings
from taxicab.errors import BusyError, NotFoundError

__all__ = ["EventLog", "Session", "name_types", "nearest"]

LOCK_NAME = ".taxicab-writer.lock"
LOCK_POLL_S = 0.2


@dataclass
class Session:
    """One operation on one repository."""

    settings: ButlerSettings
    emit: Callable[..., None]
    """``emit("progress", done=1)`` sends an event."""
    operation: str = ""
    _lock: IO[str] | None = field(default=None, repr=False)

    @contextmanager
    def butler(self, *, writeable: bool = False, **options: Any) -> Iterator[Butler]:
        """Open the repository; a writer must hold the lock."""
        if writeable:
            assert self._lock is not None, "a writer holds the lock"
        root = self.settings.root
        try:
            # A folder, an address, or a label of the site's index of repositories.
            opened = Butler.from_config(root, writeable=writeable, **options)
        except FileNotFoundError as error:
            raise NotFoundError(
                f"There is no Butler repository at {root}. Make it, or correct the "
                f"repository's location."
            ) from error
        with opened as butler:
            yield butler

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the repository's only writer, or wait to be; the kernel frees the lock."""
        path = self._lock_path()
        with path.open("a+") as lock:
            self._wait_for(lock, path)
            lock.seek(0)
            lock.truncate()
            json.dump({"pid": os.getpid(), "operation": self.operation}, lock)
            lock.flush()
            self._lock = lock
            try:
                yield
            finally:
                self._lock = None

    def _lock_path(self) -> Path:
        if self.settings.lock_folder:
            folder = Path(self.settings.lock_folder)
            folder.mkdir(parents=True, exist_ok=True)
            return folder / LOCK_NAME
        root = Path(self.settings.root)
        folder = root if root.is_dir() else root.parent
        if not folder.is_dir():
            raise NotFoundError(f"There is no Butler repository at {root}.")
        return folder / LOCK_NAME

    def _wait_for(self, lock: IO[str], path: Path) -> None:
        limit_s = self.settings.lock_wait_s
        started = time.monotonic()
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                pass
            holder = _describe_holder(path)
            if time.monotonic() - started >= limit_s:
                raise BusyError(
                    f"Repository {self.settings.root} is being written by {holder}; "
                    f"waited {limit_s:g} s. Try again later.",
                    repository=self.settings.root,
                )
            if not told:
                self.emit("message", message=f"Waiting: {holder} writes to it.")
                told = True
            time.sleep(LOCK_POLL_S)

    def require_collections(self, butler: Butler, names: Iterable[str]) -> None:
        """Refuse collections that do not exist and name those that are like them."""
        known = set(butler.collections.query("*"))
        for name in names:
            if name not in known:
                raise MissingCollectionError(
                    f"Collection {name} does not exist in {self.settings.root}"
                    f"{nearest(name, known)}.",
                    collection=name,
                )


class EventLog(logging.Handler):
    """Passes log records on as events."""

    def __init__(self, emit: Callable[..., None]) -> None:
        super().__init__(logging.INFO)
        self.emit_event = emit

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        try:
            message = record.getMessage()
        except Exception:
            message = str(record.msg)
        self.emit_event(
            "log", level=record.levelname, logger=record.name, message=message
        )


def nearest(name: str, known: Iterable[str], what: str = "nearest") -> str:
    """Say which of the known names are most like one, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; {what}: {', '.join(close)}" if close else ""


def name_types(types: Iterable[str]) -> str:
    """Name dataset types, without those that the middleware writes about each run."""
    about = ("_log", "_metadata", "_config", "packages")
    return ", ".join(t for t in types if not t.endswith(about)) or "nothing"


def _describe_holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        return f"{holder['operation']} (process {holder['pid']})"
    except (OSError, ValueError, KeyError):
        return "another process"
