"""Kill this process at the n-th thing it does to files below a folder.

Python imports this by itself where it is on the path: it is put there for the process
that runs one operation. SIGKILL comes at once or some milliseconds later, so that it
also falls into a write.
"""

import atexit
import os
import signal
import sys
import threading
from pathlib import Path

ROOT = os.environ.get("KILLING_ROOT")
AT = int(os.environ.get("KILLING_AT", "0"))
DELAY_S = float(os.environ.get("KILLING_DELAY_S", "0"))
NAME = os.environ.get("KILLING_NAME", "")
COUNT_FILE = os.environ.get("KILLING_COUNT_FILE")

seen = 0
busy = threading.Lock()


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def touches_files(event, args):
    if event == "open":
        path, mode, _ = args
        if mode is None or not set(mode) & set("wax+"):
            return False
        return is_watched(path)
    if event in ("os.rename", "os.remove", "os.mkdir"):
        return is_watched(args[0])
    return False


def is_watched(path):
    return isinstance(path, str) and path.startswith(ROOT) and NAME in path


def watch(event, args):
    global seen
    if touches_files(event, args):
        with busy:
            seen += 1
        if seen == AT:
            if not DELAY_S:
                kill()
            threading.Timer(DELAY_S, kill).start()


if ROOT:
    sys.addaudithook(watch)
    if COUNT_FILE:
        atexit.register(lambda: Path(COUNT_FILE).write_text(str(seen)))
