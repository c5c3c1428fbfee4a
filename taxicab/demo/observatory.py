"""The demonstration's observatory: raw files, truth, and a repository at each site."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from taxicab.demo.building import Nights
from taxicab.demo.progress import Narrator, StepFailedError
from taxicab.demo.sites import Site

__all__ = [
    "build_full_observatory",
    "build_observatory",
    "curated_defects",
    "photodiode_readings",
]


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
    command = [str(data / "sky"), "--both", str(build)]
    command += [word for folder in others for word in ("--later", str(folder))]
    command += ["--detectors", detectors] if detectors else []
    nights = _simulate(data, command, narrator)
    narrator.say("Its repositories: " + ", ".join(site.folder for site in sites) + ".")
    return nights


def build_full_observatory(
    data: Path, site: Site, *, narrator: Narrator
) -> tuple[Nights, Nights]:
    """Simulate LSSTComCam with every effect, and LSSTCam, into one repository.

    Their curated defects lie beside the raw files (see `curated_defects`).

    Returns
    -------
    comcam, lsstcam
        The nights of each camera.
    """
    repository = data / "repos" / site.folder
    found = []
    for name, plan in (("LSSTComCam", "full"), ("LSSTCam", "lsstcam")):
        narrator.say(f"Simulating {name}, plan {plan!r}.")
        folder = data / "sky" / plan
        command = [str(folder), "--plan", plan, "--both", str(repository)]
        command += ["--curated", str(curated_defects(data, plan))]
        found.append(_simulate(data, command, narrator))
    comcam, lsstcam = found
    return comcam, lsstcam


def curated_defects(data: Path, plan: str) -> Path:
    """Tell where the curated defects of a plan are."""
    return data / "sky" / plan / "curated"


def photodiode_readings(data: Path, plan: str) -> Path:
    """Tell where the photodiode's readings of a plan are."""
    return data / "sky" / plan / "photodiode"


def _simulate(data: Path, arguments: list[str], narrator: Narrator) -> Nights:
    """Run the simulator and follow what it tells."""
    command = [sys.executable, "-m", "calibrations.simulation", *arguments]
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
    return Nights(construction=min(nights), verification=max(nights))
