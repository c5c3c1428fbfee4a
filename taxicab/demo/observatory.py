"""The demonstration's observatory: raw files, truth, and a repository at each site."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from taxicab.demo.progress import Narrator, StepFailedError
from taxicab.demo.sites import Site
from taxicab.demo.story import Nights

__all__ = ["build_observatory"]


def build_observatory(
    data: Path, sites: Sequence[Site], *, narrator: Narrator, detectors: str = ""
) -> Nights:
    """Simulate the camera and make the repositories, in a process of its own.

    The first site, where calibrations are built, gets both nights; the others the
    later one. Repeatable.

    Parameters
    ----------
    detectors
        Detector ids such as ``0,1``; empty for all.

    Raises
    ------
    StepFailedError
        Raised with what the process wrote.
    """
    narrator.say("Building the observatory: a simulated LSSTComCam, two nights.")
    build, *others = [data / "repos" / site.folder for site in sites]
    command = [sys.executable, "-m", "calibrations.simulation", str(data / "sky")]
    command += ["--both", str(build)]
    command += [word for folder in others for word in ("--later", str(folder))]
    command += ["--detectors", detectors] if detectors else []
    errors = data / "logs" / "observatory.log"
    errors.parent.mkdir(parents=True, exist_ok=True)
    last: dict[str, object] = {}
    with (
        errors.open("w") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        for line in process.stdout or ():
            last = json.loads(line)
            narrator.show(" ".join(str(value) for value in last.values()))
    nights = last.get("nights")
    if process.returncode or not isinstance(nights, list):
        tail = errors.read_text()[-2000:]
        raise StepFailedError(f"The observatory was not built: {last} {tail}")
    narrator.say("Its repositories: " + ", ".join(site.folder for site in sites) + ".")
    return Nights(construction=min(nights), verification=max(nights))
