"""A throwaway PostgreSQL cluster for tests: the system's, else the pgserver wheel's."""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT

import psycopg2

from taxicab.core.processes.child import (
    Child,
    ProcessError,
    free_port,
    identity,
    stop_children,
    wait_until,
)

__all__ = ["RunningPostgres", "find_postgres_binaries", "running_postgres"]

SYSTEM_FOLDER = Path("/usr/lib/postgresql")  # Debian: one folder each version
SUPERUSER = "taxicab"


@dataclass
class RunningPostgres:
    """A cluster that answers."""

    url: str
    """Address of its database, as TAXICAB_DATABASE_URL takes it; a superuser's."""
    child: Child


def find_postgres_binaries() -> Path:
    """Find the folder of initdb and postgres: newest system version, else the wheel's.

    Raises
    ------
    ProcessError
        Raised if there is neither.
    """
    versions = sorted(
        (f for f in SYSTEM_FOLDER.glob("*/bin") if (f / "initdb").exists()),
        key=lambda f: float(f.parent.name),
        reverse=True,
    )
    if versions:
        return versions[0]
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    package = importlib.util.find_spec("pgserver")
    if package and package.origin:
        folder = Path(package.origin).parent / "pginstall" / "bin"
        if (folder / "initdb").exists():
            return folder
    raise ProcessError(
        "There is no PostgreSQL on this machine and no pgserver wheel: install "
        "Debian's postgresql, or run make test, which installs the wheel."
    )


@contextlib.contextmanager
def running_postgres(
    folder: Path, *, binaries: Path | None = None
) -> Iterator[RunningPostgres]:
    """Run a new, empty cluster on the loopback and delete it in the end.

    Only its log stays in the folder. PostgreSQL refuses to run as root: for root it
    runs as an unprivileged user, in a temporary folder that this user can reach.
    """
    folder.mkdir(parents=True, exist_ok=True)
    binaries = binaries or find_postgres_binaries()
    user = _unprivileged_user()
    with tempfile.TemporaryDirectory(prefix="taxicab-postgres-") as name:
        home = Path(name)
        if user is not None:
            os.chown(home, user, -1)
            binaries = _reachable(binaries, home)
        running = _start(binaries, home, folder / "postgres.log", user)
        try:
            yield running
        finally:
            stop_children([running.child])


def _unprivileged_user() -> int | None:
    """Tell which user to run as: None means as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    raise ProcessError("PostgreSQL does not run as root: create a user 'nobody'.")


def _reachable(binaries: Path, home: Path) -> Path:
    """Copy a wheel that other users cannot enter (one in the home of root)."""
    if all(parent.stat().st_mode & 0o001 for parent in [binaries, *binaries.parents]):
        return binaries
    package = binaries.parents[1]
    copy = home / "wheel"
    shutil.copytree(binaries.parent, copy / package.name / binaries.parent.name)
    # The binaries find the wheel's own libraries beside the package.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name)
    return copy / package.name / binaries.parent.name / binaries.name


def _start(binaries: Path, home: Path, log: Path, user: int | None) -> RunningPostgres:
    data, port, password = home / "data", free_port(), secrets.token_urlsafe(16)
    secret = home / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    if user is not None:
        os.chown(secret, user, -1)
    created = subprocess.run(
        [
            str(binaries / "initdb"),
            f"--pgdata={data}",
            f"--username={SUPERUSER}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ],
        capture_output=True,
        text=True,
        cwd=home,
        check=False,
        **identity(user),
    )
    if created.returncode:
        raise ProcessError(f"initdb of {binaries} failed: {created.stderr.strip()}")
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(home),
        "fsync": "off",  # it lives for the length of a test
        "max_connections": "50",
    }
    child = Child(
        "postgres",
        [str(binaries / "postgres"), "-D", str(data)]
        + [word for key, value in options.items() for word in ("-c", f"{key}={value}")],
        log,
        user=user,
        stop_signal=SIGINT,  # fast: does not wait for clients
        death_signal=SIGINT,
    )
    child.start()
    url = f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres"
    wait_until(child, lambda: _answers(url))
    return RunningPostgres(url, child)


def _answers(url: str) -> bool:
    try:
        psycopg2.connect(url, connect_timeout=1).close()
    except psycopg2.OperationalError:
        return False
    return True
