"""The plain ``butler`` command reads, exports and imports what we write.

It runs in a folder of its own, knowing of this project only what is installed.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lsst.daf.butler import Butler, DatasetType

from calibrations.butler.ingest import ingest_raws
from calibrations.butler.repositories import make_repository
from calibrations.imaging.frames import CcdImage
from calibrations.simulation.observatory import simulate_observatory
from tests.support.observatory import small_plan

RUN = "LSSTComCam/calib/DM-1/tag/biasGen.20261109a"
CERTIFIED = "LSSTComCam/calib/DM-1/tag/bias.20261109a"
CHAIN = "LSSTComCam/calib/DM-1"


@pytest.fixture
def command(tmp_path):
    """Run ``butler`` with these arguments and give what it prints."""
    program = Path(sys.executable).with_name("butler")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}

    def run(*arguments):
        finished = subprocess.run(
            [program, *map(str, arguments)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    return run


@pytest.fixture
def repository(tmp_path):
    """A repository with raws of two exposures and a bias of two detectors."""
    root = make_repository(tmp_path / "repository")
    plan = small_plan(frames=(1, 1), kinds=("bias",))
    nights = simulate_observatory(tmp_path / "raws", plan).nights
    ingest_raws(root, [path for night in nights.values() for path in night])
    with Butler.from_config(str(root), writeable=True, run=RUN) as butler:
        dimensions = ("instrument", "detector")
        bias = DatasetType(
            "bias",
            dimensions,
            "CcdImage",
            isCalibration=True,
            universe=butler.dimensions,
        )
        butler.registry.registerDatasetType(bias)
        for detector in (0, 1):
            image = CcdImage(np.full((4, 6), detector, np.float32))
            butler.put(image, bias, instrument="LSSTComCam", detector=detector)
    return root


def digests(folder):
    return sorted(
        hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.fits")
    )


def test_datasets_are_listed_and_their_files_handed_out(command, repository, tmp_path):
    listed = command(
        "query-datasets", repository, "raw", "--collections", "LSSTComCam/raw/all"
    )
    assert listed.count("LSSTComCam/raw/all") == 4

    command("retrieve-artifacts", repository, f"{tmp_path}/out/", "--collections", RUN)
    assert digests(tmp_path / "out") == digests(repository / RUN)


def test_certified_images_go_from_one_repository_to_another(
    command, repository, tmp_path
):
    begin = ("--begin-date", "2026-11-09T00:00:00")
    command("certify-calibrations", repository, RUN, CERTIFIED, "bias", *begin)
    command("collection-chain", repository, CHAIN, CERTIFIED)
    export = tmp_path / "export"
    command("export-calibs", repository, export, CHAIN, "--transfer", "copy")
    target = make_repository(tmp_path / "target")
    skip = ("--skip-dimensions", "instrument,detector,physical_filter")
    command("import", target, export, "--transfer", "copy", *skip)

    assert digests(target / RUN) == digests(repository / RUN)
    listed = command("query-collections", target, CHAIN, "--chains", "TREE")
    assert CERTIFIED in listed
    # And with the package installed, the pixels are read at the other side.
    with Butler.from_config(str(target), collections=RUN) as butler:
        image = butler.get("bias", instrument="LSSTComCam", detector=1)
    np.testing.assert_array_equal(image.data, np.ones((4, 6)))
