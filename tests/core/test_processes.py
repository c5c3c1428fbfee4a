"""Processes beside the portal, real ones: Redis, PostgreSQL, Celery workers."""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
import redis
from celery import Celery

from taxicab.core.processes import (
    Child,
    ProcessError,
    embedded_environment,
    postgresql,
    prepare_portal,
    redis_server,
    running_portal,
    running_redis,
    running_web,
    running_workers,
    stop_children,
    supervise,
)
from taxicab.core.processes.child import free_port, is_listening, wait_until
from taxicab.core.processes.postgresql import running_postgres

pytestmark = pytest.mark.long

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


def eventually(holds: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# --- Children ---------------------------------------------------------------------


def test_group_is_killed_with_its_leader(tmp_path: Path) -> None:
    # A leader that starts a process of its own, and says which.
    script = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(p.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    child = Child("leader", [sys.executable, "-c", script], tmp_path / "log")
    child.start()
    wait_until(child, lambda: "\n" in child.output())
    grandchild = int(child.output())
    assert is_alive(grandchild)

    stop_children([child])

    assert not child.is_running
    assert eventually(lambda: not is_alive(grandchild))


def test_deaf_child_is_killed_after_the_grace(tmp_path: Path) -> None:
    script = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up', flush=True)\n"
        "time.sleep(60)\n"
    )
    child = Child("deaf", [sys.executable, "-c", script], tmp_path / "log")
    child.start()
    wait_until(child, lambda: "up" in child.output())
    stop_children([child], grace_s=0.2)
    assert child.process is not None
    assert child.process.returncode == -signal.SIGKILL


def test_child_follows_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from taxicab.core.processes import Child\n"
        f"child = Child('inner', {SLEEPER!r}, Path({str(tmp_path / 'inner')!r}))\n"
        "child.start()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        inner = int(parent.stdout.readline())
        assert is_alive(inner)
        parent.kill()
    assert eventually(lambda: not is_alive(inner))


def test_failure_to_start_shows_the_log(tmp_path: Path) -> None:
    child = Child("broken", ["/bin/sh", "-c", "echo no disk; exit 3"], tmp_path / "log")
    child.start()
    with pytest.raises(ProcessError, match=r"broken ended while starting.*no disk"):
        wait_until(child, lambda: False)


def test_supervise_starts_again_what_ended(tmp_path: Path) -> None:
    child = Child("sleeper", SLEEPER, tmp_path / "log")
    child.start()
    first = child.pid
    child.kill()
    reports: list[str] = []
    supervise([child], should_stop=lambda: bool(reports), report=reports.append)
    try:
        assert child.is_running
        assert child.pid != first
        assert reports[0].startswith("sleeper ended and is started again")
    finally:
        stop_children([child])


def test_supervise_gives_up_on_what_cannot_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taxicab.core.processes.child.WATCH_S", 0.05)
    child = Child("short", ["/bin/true"], tmp_path / "log")
    child.start()
    with pytest.raises(ProcessError, match="short ended 5 times"):
        supervise([child], report=lambda line: None)


# --- Redis ------------------------------------------------------------------------


@pytest.fixture(params=["path", "wheel"])
def redis_binary(request, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Redis from PATH if the machine has one, and always the wheel's."""
    if request.param == "wheel":
        monkeypatch.setattr(redis_server.shutil, "which", lambda name: None)
    return redis_server.find_redis_server()


def test_redis_keeps_its_data_behind_a_password(
    redis_binary: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "a folder"
    with running_redis(folder) as running:
        assert Path(running.child.command[0]) == redis_binary
        client = redis.Redis.from_url(running.url)
        client.set("kept", "yes")
        client.close()

        # Nobody else gets in, and the password is in no file others can read.
        port = int(running.url.rpartition(":")[2].partition("/")[0])
        stranger = redis.Redis(port=port, retry=None)
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        stranger.close()
        assert (folder / "redis.conf").stat().st_mode & 0o077 == 0
        pid = running.child.pid
    assert not is_alive(pid)

    with running_redis(folder) as again:
        client = redis.Redis.from_url(again.url)
        assert client.get("kept") == b"yes"
        client.close()


def test_one_redis_a_folder(tmp_path: Path) -> None:
    with (
        running_redis(tmp_path),
        pytest.raises(ProcessError, match="Another portal runs on"),
        running_redis(tmp_path),
    ):
        pass
    # The lock ends with the server.
    with running_redis(tmp_path) as running:
        assert running.child.is_running


# --- PostgreSQL -------------------------------------------------------------------


@pytest.mark.parametrize("source", ["system", "wheel"])
def test_postgres_starts_and_leaves_nothing(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "wheel":
        monkeypatch.setattr(postgresql, "SYSTEM_FOLDER", tmp_path / "nothing")
        monkeypatch.setattr(postgresql.shutil, "which", lambda name: None)
    with running_postgres(tmp_path) as running:
        connection = psycopg2.connect(running.url)
        with connection.cursor() as cursor:
            cursor.execute("SHOW data_directory")
            (data,) = cursor.fetchone()
        connection.close()
        assert Path(data).is_dir()
        assert os.stat(f"/proc/{running.child.pid}").st_uid != 0
        pid = running.child.pid
    assert not is_alive(pid)
    assert not Path(data).exists()


def test_postgres_runs_from_a_folder_others_cannot_enter(tmp_path: Path) -> None:
    # A checkout in the home of root: the unprivileged user cannot reach its wheels.
    package = importlib.util.find_spec("pgserver")
    assert package is not None
    assert package.origin is not None
    wheel = Path(package.origin).parent
    closed = tmp_path / "closed"
    for folder in (wheel, wheel.with_name("pgserver.libs")):
        shutil.copytree(folder, closed / folder.name)
    closed.chmod(0o700)
    binaries = closed / "pgserver" / "pginstall" / "bin"
    with running_postgres(tmp_path, binaries=binaries) as running:
        psycopg2.connect(running.url).close()


# --- Celery and the web server ----------------------------------------------------


def test_workers_take_their_own_queue(tmp_path: Path) -> None:
    environment = embedded_environment(tmp_path)
    queues = ["here", "there", "here-tiles"]
    with running_redis(tmp_path / "redis") as server:
        environment["TAXICAB_REDIS_URL"] = server.url
        with running_workers(queues, tmp_path / "logs", environment) as own:
            app = Celery(broker=server.url, set_as_current=False)
            listening = app.control.inspect(timeout=5.0).active_queues() or {}
            app.close()
            taken = {
                name.partition("@")[0]: [queue["name"] for queue in listed]
                for name, listed in listening.items()
            }
            assert taken == {queue: [queue] for queue in queues}
            # Who cuts images into tiles leaves the processors to the others.
            priority = {q: os.getpriority(os.PRIO_PROCESS, own[q].pid) for q in queues}
            assert priority["here-tiles"] > priority["here"]

            # One site's worker can be lost without the other's.
            own["here"].kill()
            assert own["there"].is_running
            there = own["there"].pid
    assert not is_alive(there)


def test_occupied_address_is_refused(tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis") as server:
        bind = server.url.rpartition("@")[2].partition("/")[0]
        with (
            pytest.raises(ProcessError, match=f"Something listens on {bind} already"),
            running_web(tmp_path, embedded_environment(tmp_path, bind=bind, base={})),
        ):
            pass
        host, _, port = bind.partition(":")
        assert is_listening(host, int(port))


def test_secret_key_is_drawn_once_and_private(tmp_path: Path) -> None:
    first = embedded_environment(tmp_path, base={})
    key = Path(first["TAXICAB_SECRET_KEY_FILE"])
    text = key.read_text()
    assert len(text) > 50
    assert key.stat().st_mode & 0o077 == 0
    assert embedded_environment(tmp_path, base={}) == first
    assert key.read_text() == text


def test_database_is_private_even_one_that_was_not(tmp_path: Path) -> None:
    database = tmp_path / "portal.sqlite3"
    database.touch(mode=0o644)
    base = {**os.environ, "TAXICAB_DATABASE_URL": ""}
    prepare_portal(embedded_environment(tmp_path, base=base))
    assert database.stat().st_size > 0
    assert [p.stat().st_mode & 0o077 for p in tmp_path.glob("portal.sqlite3*")] == [0]


def test_plain_http_is_for_the_loopback() -> None:
    here = Path("/nonexistent")
    base = {"TAXICAB_SECRET_KEY": "x"}
    public = embedded_environment(here, bind="0.0.0.0:80", base=base)
    assert "TAXICAB_INSECURE_HTTP" not in public
    assert "TAXICAB_ALLOWED_HOSTS" not in public
    private = embedded_environment(here, bind="127.0.0.1:80", base=base)
    assert private["TAXICAB_INSECURE_HTTP"] == "1"


def test_whole_portal_answers_and_leaves_nothing(tmp_path: Path) -> None:
    tmp_path = tmp_path / "new"
    bind = f"127.0.0.1:{free_port()}"
    base = {**os.environ, "TAXICAB_DATABASE_URL": "", "TAXICAB_REDIS_URL": ""}
    base["TAXICAB_SECRET_KEY"] = secrets.token_urlsafe(64)  # nothing makes the folder
    prepare_portal(embedded_environment(tmp_path, bind=bind, base=base))
    with running_portal(tmp_path, ["portal"], bind=bind, base=base) as portal:
        with urllib.request.urlopen(f"{portal.address}login/", timeout=20) as answer:
            assert answer.status == 200
            page = answer.read().decode()
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        # Static files are served with the hash of their content in their names.
        (style, *_) = re.findall(r'href="(/static/[^"]+\.[0-9a-f]{12}\.css)"', page)
        address = f"{portal.address}{style.removeprefix('/')}"
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert "immutable" in answer.headers["Cache-Control"]
        pids = [child.pid for child in portal.children]
        assert len(pids) == 4  # Redis, one worker, beat, web
    assert not any(is_alive(pid) for pid in pids)
