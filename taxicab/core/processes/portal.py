"""The portal's own processes: Celery workers and beat, gunicorn, and all of them.

A process runs in the environment it is given: Django's settings are read there, and
never here.
"""

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from urllib.parse import urlsplit

from taxicab.core.domain.queues import can_wait
from taxicab.core.processes.child import (
    Child,
    ProcessError,
    is_listening,
    stop_children,
    wait_until,
)
from taxicab.core.processes.redis_server import running_redis
from taxicab.environment import is_loopback

__all__ = [
    "Portal",
    "embedded_environment",
    "prepare_portal",
    "running_beat",
    "running_portal",
    "running_web",
    "running_workers",
]

DEFAULT_BIND = "127.0.0.1:8000"
WEB_WORKERS = 2
WEB_THREADS = 4  # each; a page waits for the database, not for the processor
WORKER_START_S = 60.0  # several interpreters start at once on two cores
NICE = ("nice", "-n", "10")
WORKER_GRACE_S = 5.0  # any job may be killed and run again, so none is waited for


@dataclass
class Portal:
    """All processes of a portal that answers."""

    address: str
    environment: Mapping[str, str]
    workers: dict[str, Child]
    web: Child
    children: list[Child] = field(default_factory=list)
    """Everything to supervise, in the order of starting."""


def embedded_environment(
    folder: Path,
    *,
    bind: str = DEFAULT_BIND,
    base: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Complete an environment for a portal that lives in one folder.

    What is set already stays. The secret key is drawn once and kept in the folder,
    readable by its owner alone, so that sessions outlive a restart. Plain HTTP is
    allowed on the loopback only.
    """
    folder = folder.absolute()
    environment = dict(os.environ if base is None else base)
    environment["TAXICAB_DATA"] = str(folder)
    environment["TAXICAB_BIND"] = bind
    environment.setdefault("DJANGO_SETTINGS_MODULE", "taxicab.settings")
    if not {"TAXICAB_SECRET_KEY", "TAXICAB_SECRET_KEY_FILE"} & environment.keys():
        environment["TAXICAB_SECRET_KEY_FILE"] = str(_kept_secret(folder))
    if is_loopback(bind):
        environment.setdefault("TAXICAB_INSECURE_HTTP", "1")
        environment.setdefault("TAXICAB_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
    return environment


def _kept_secret(folder: Path) -> Path:
    path = folder / "secret_key"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(64))
    return path


def _close_database(folder: Path) -> None:
    """Let nobody else on this machine read tokens, sessions and password hashes."""
    (folder / "portal.sqlite3").touch(mode=0o600)
    for path in folder.glob("portal.sqlite3*"):  # with its journal
        path.chmod(0o600)


def prepare_portal(environment: Mapping[str, str]) -> None:
    """Bring the database to the present schema, collect static files, make the key.

    Raises
    ------
    ProcessError
        Raised if one of these fails, with what it wrote.
    """
    if data := environment.get("TAXICAB_DATA"):
        Path(data).mkdir(parents=True, exist_ok=True)  # SQLite makes no folders
        if not environment.get("TAXICAB_DATABASE_URL"):
            _close_database(Path(data))
    for command in (
        ["migrate", "--noinput"],
        ["collectstatic", "--noinput"],
        ["make_signing_key"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "django", *command, "--verbosity=0"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ProcessError(
                f"'manage.py {command[0]}' failed: {done.stderr.strip()}",
            )


@contextlib.contextmanager
def running_workers(
    queues: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    concurrency: int = 1,
) -> Iterator[dict[str, Child]]:
    """Run one Celery worker for each queue; give them by queue once all are ready.

    Each is a process group of its own: ``kill`` ends a worker with all it runs. One
    whose jobs can wait takes what the others leave of the processors.
    The log of a queue is ``worker-{queue}.log`` in the folder.
    """
    workers = {
        queue: Child(
            f"worker of queue {queue}",
            [
                *(NICE if can_wait(queue) else ()),
                *_celery("worker"),
                *("--queues", queue, "--hostname", f"{queue}@%h"),
                *("--concurrency", str(concurrency), "--loglevel", "INFO"),
                "--without-gossip",
                "--without-mingle",
            ],
            folder.absolute() / f"worker-{queue}.log",
            environment,
            death_signal=SIGKILL,
        )
        for queue in queues
    }
    with _running(list(workers.values()), grace_s=WORKER_GRACE_S):
        for worker in workers.values():
            wait_until(worker, _says(worker, " ready."), timeout_s=WORKER_START_S)
        yield workers


@contextlib.contextmanager
def running_beat(folder: Path, environment: Mapping[str, str]) -> Iterator[Child]:
    """Run the scheduler of periodic tasks; its log is ``beat.log`` in the folder."""
    beat = Child(
        "beat",
        [*_celery("beat"), "--pidfile=", "--loglevel", "INFO"],
        folder.absolute() / "beat.log",
        environment,
    )
    with _running([beat]):
        wait_until(beat, _says(beat, "beat: Starting"), timeout_s=WORKER_START_S)
        yield beat


@contextlib.contextmanager
def running_web(folder: Path, environment: Mapping[str, str]) -> Iterator[Child]:
    """Serve pages with gunicorn at TAXICAB_BIND; logs are ``web*.log`` in the folder.

    Raises
    ------
    ProcessError
        Raised if something listens there already, or if it does not start.
    """
    bind = environment.get("TAXICAB_BIND", DEFAULT_BIND)
    address = urlsplit(f"//{bind}")
    host, port = address.hostname or "127.0.0.1", address.port or 8000
    if is_listening(host, port):
        raise ProcessError(
            f"Something listens on {bind} already: stop it, "
            "or set TAXICAB_BIND to another address."
        )
    folder = folder.absolute()
    web = Child(
        "web server",
        [
            *(sys.executable, "-m", "gunicorn", "taxicab.wsgi:application"),
            *("--bind", bind, "--workers", str(WEB_WORKERS)),
            *("--threads", str(WEB_THREADS), "--graceful-timeout", "5"),
            "--preload",  # what refuses an unsafe start is asked once
            *("--access-logfile", str(folder / "web-access.log")),
        ],
        folder / "web.log",
        environment,
    )
    with _running([web]):
        wait_until(web, lambda: is_listening(host, port), timeout_s=WORKER_START_S)
        yield web


@contextlib.contextmanager
def running_portal(
    folder: Path,
    queues: Sequence[str],
    *,
    bind: str = DEFAULT_BIND,
    base: Mapping[str, str] | None = None,
) -> Iterator[Portal]:
    """Run a whole portal on one data folder that ``prepare_portal`` has prepared.

    Redis is embedded unless TAXICAB_REDIS_URL names one. Logs are under ``logs/``.
    """
    folder = folder.absolute()
    logs = folder / "logs"
    environment = embedded_environment(folder, bind=bind, base=base)
    with contextlib.ExitStack() as stack:
        children = []
        if not environment.get("TAXICAB_REDIS_URL"):
            redis = stack.enter_context(
                running_redis(folder / "redis", log=logs / "redis.log")
            )
            environment["TAXICAB_REDIS_URL"] = redis.url
            children.append(redis.child)
        workers = stack.enter_context(running_workers(queues, logs, environment))
        beat = stack.enter_context(running_beat(logs, environment))
        web = stack.enter_context(running_web(logs, environment))
        yield Portal(
            address=f"http://{bind}/",
            environment=environment,
            workers=workers,
            web=web,
            children=[*children, *workers.values(), beat, web],
        )


def _celery(command: str) -> list[str]:
    return [sys.executable, "-m", "celery", "--app", "taxicab.celery", command]


def _says(child: Child, words: str) -> Callable[[], bool]:
    return lambda: words in child.output()


@contextlib.contextmanager
def _running(children: Sequence[Child], *, grace_s: float = 10.0) -> Iterator[None]:
    """Start children together and stop them together, whatever happens."""
    try:
        for child in children:
            child.start()
        yield
    finally:
        stop_children(children, grace_s=grace_s)
