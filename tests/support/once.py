"""Folders made once a run, however many processes run its tests.

A session's fixture is built in every process that asks for it. What takes seconds is
built by the first process that asks; the others wait for it and use the same folder.
"""

import fcntl
import pickle
import shutil


class Once:
    """Makes folders below one that all processes of a run know."""

    def __init__(self, root):
        self.root = root

    def __call__(self, name, make):
        """Give what ``make(folder)`` returned to the first process that asked.

        What it returns is kept in a file, and names what is in the folder.
        """
        folder, kept = self.root / name, self.root / f"{name}.pickle"
        with (self.root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                # One that failed half-way left its beginnings.
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                kept.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(kept.read_bytes())
