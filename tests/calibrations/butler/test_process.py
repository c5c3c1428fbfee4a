import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from calibrations.butler import process
from calibrations.butler.client import ButlerGateway
from calibrations.butler.errors import CancelledError, LostProcessError
from taxicab.errors import BusyError, MiddlewareError, NotFoundError
from tests.support.gateway import GENERATED

LOCK = ".taxicab-writer.lock"


def holder(site):
    """Process that writes, as the lock names it."""
    return json.loads((site.repository / LOCK).read_text())["pid"]


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, limit_s=60):
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < limit_s
        time.sleep(0.05)


def slow(site, **changes):
    return site.request(overrides={"tinyAverage:sleepS": 30.0}, **changes)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_cancel_ends_the_process_and_its_children(raw_site, processes):
    seen = []

    def should_cancel():
        planned = [e for e in raw_site.events if e["event"] == "quantum"]
        if planned and not seen:
            seen.append(holder(raw_site))
        return bool(planned)

    gateway = raw_site.gateway(should_cancel=should_cancel)
    started = time.monotonic()
    with pytest.raises(CancelledError):
        gateway.run_pipeline(slow(raw_site, processes=processes))
    assert time.monotonic() - started < 25
    wait_until(lambda: not is_running(seen[0]), 5)
    # The repository is free again, and the run can be taken up.
    again = raw_site.request(overrides={"tinyAverage:sleepS": 30.0})
    assert again.run == GENERATED
    assert raw_site.gateway().remove_run(GENERATED) >= 0


def test_an_error_in_a_callback_ends_the_process(raw_site):
    seen = []

    def on_event(event):
        if event["event"] == "quantum":
            seen.append(holder(raw_site))
            raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError, match="went away"):
        raw_site.gateway(on_event=on_event).run_pipeline(slow(raw_site))
    assert not is_running(seen[0])


def test_the_process_dies_with_its_parent(raw_site, tmp_path):
    # A worker of its own, which is killed while its process executes two quanta.
    script = tmp_path / "worker.py"
    script.write_text(
        textwrap.dedent(
            """
            import json, sys
            from calibrations.butler.client import (
                ButlerGateway, ButlerSettings, PipelineRequest
            )
            given = json.loads(sys.argv[1])
            gateway = ButlerGateway(
                ButlerSettings(**given["settings"]),
                on_event=lambda e: print(e["event"], flush=True),
            )
            gateway.run_pipeline(PipelineRequest(**given["request"]))
            """
        )
    )
    given = {
        "settings": vars(raw_site.settings),
        "request": vars(slow(raw_site, processes=2)),
    }
    worker = subprocess.Popen(
        [sys.executable, str(script), json.dumps(given)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    for line in worker.stdout:
        if line.strip() == "quantum":
            break
    child = holder(raw_site)
    wait_until(lambda: len(children(child)) >= 2)
    pool = children(child)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    wait_until(lambda: not any(is_running(pid) for pid in [child, *pool]), 10)


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return []


def test_a_second_writer_waits_and_then_gives_up(raw_site):
    with (raw_site.repository / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(json.dumps({"pid": 42, "operation": "run_pipeline"}))
        lock.flush()
        with pytest.raises(BusyError, match=r"run_pipeline \(process 42\)"):
            raw_site.gateway(lock_wait_s=0.5).define_chain("LSSTComCam/new", [])
        assert any(
            "Waiting: run_pipeline" in e.get("message", "") for e in raw_site.events
        )
        # Readers do not wait.
        assert raw_site.gateway(lock_wait_s=0.5).collections("LSSTComCam/raw/*")
    raw_site.gateway(lock_wait_s=0.5).define_chain("LSSTComCam/new", [])


def test_what_is_no_repository_is_named(raw_site, tmp_path):
    gateway = raw_site.gateway(root=str(tmp_path / "nowhere"))
    with pytest.raises(NotFoundError, match=r"no Butler repository at .*nowhere"):
        gateway.collections()
    with pytest.raises(NotFoundError, match=r"no Butler repository at .*nowhere"):
        gateway.define_chain("a", [])


def test_a_crash_keeps_its_traceback(raw_site):
    gateway = raw_site.gateway()
    with pytest.raises(MiddlewareError) as crash:
        gateway._call("collections", wrong="argument")
    assert "Traceback" in crash.value.details["traceback"]


def test_an_interpreter_without_the_middleware_is_told(raw_site, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no lsst here >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(LostProcessError) as lost:
        raw_site.gateway(interpreter=str(broken)).versions()
    assert lost.value.details == {"returncode": 3, "stderr": ["no lsst here"]}


def test_a_process_is_kept_for_the_next_request_of_its_thread(raw_site):
    raw_site.gateway().versions()
    (idle, *_) = reversed(process._idle)
    raw_site.gateway().versions()
    assert process._idle[-1] is idle
    assert idle.is_alive
    # Another thread's process dies with that thread, so it has one of its own.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(raw_site.gateway().versions).result()
        assert process._idle[-1] is not idle


def test_versions_name_what_makes_the_pixels(raw_site):
    versions = ButlerGateway(raw_site.settings).versions()
    assert versions["lsst-daf-butler"].startswith("30.")
    assert {"python", "numpy", "astropy", "lsst-pipe-base"} <= versions.keys()
