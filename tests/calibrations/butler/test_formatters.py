"""Images come back from a repository as they were put; equal ones as equal files."""

import hashlib
import math
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from lsst.daf.butler import Butler, DatasetProvenance, DatasetType

from calibrations.butler.repositories import make_repository
from calibrations.imaging.frames import MASK_PLANES, CcdImage

RUN = "LSSTComCam/calib/DM-12345/a_tag_of_some_length/biasGen.20261123a"


@pytest.fixture(scope="module")
def empty_repository(tmp_path_factory):
    return make_repository(tmp_path_factory.mktemp("empty") / "repository")


@pytest.fixture
def butler(empty_repository, tmp_path):
    root = shutil.copytree(empty_repository, tmp_path / "repository")
    with Butler.from_config(str(root), writeable=True, run=RUN) as butler:
        bias = DatasetType(
            "bias",
            ("instrument", "detector"),
            "CcdImage",
            isCalibration=True,
            universe=butler.dimensions,
        )
        butler.registry.registerDatasetType(bias)
        yield butler


def make_image():
    rng = np.random.default_rng(3)
    return CcdImage(
        data=rng.normal(0, 5, (8, 12)).astype(np.float32),
        mask=rng.integers(0, 2**9, (8, 12)).astype(np.uint16),
        variance=rng.uniform(1, 2, (8, 12)).astype(np.float32),
        header={
            "BUNIT": "electron",
            "LSST ISR GAIN C10": 1.352,
            "LSST CALIB BIAS C10 DISTRIBUTION 50.0-PCT": np.float64(0.125),
            "CPP_INPUT_0": 2026110900001,
            "LSST ISR GAIN SOURCE": "camera model LSSTComCam " + "of some length," * 5,
            "DOBIAS": True,
            "EMPTY": None,
        },
    )


def test_an_image_comes_back_as_it_was_put(butler):
    image = make_image()
    ref = butler.put(image, "bias", instrument="LSSTComCam", detector=4)
    found = butler.get(ref)

    np.testing.assert_array_equal(found.data, image.data)
    np.testing.assert_array_equal(found.mask, image.mask)
    np.testing.assert_array_equal(found.variance, image.variance)
    assert found.data.dtype.isnative
    assert {key: found.header[key] for key in image.header} == image.header


def test_planes_that_are_not_there_stay_away(butler):
    ref = butler.put(
        CcdImage(np.ones((2, 2), np.float32)),
        "bias",
        instrument="LSSTComCam",
        detector=0,
    )
    found = butler.get(ref)

    assert found.mask is None
    assert found.variance is None


def test_what_fits_has_no_word_for_becomes_an_empty_card(butler):
    image = CcdImage(np.ones((2, 2), np.float32), header={"LEVEL": math.nan})
    ref = butler.put(image, "bias", instrument="LSSTComCam", detector=0)

    assert butler.get(ref).header["LEVEL"] is None


def test_the_header_tells_where_an_image_is_from(butler):
    first = butler.put(make_image(), "bias", instrument="LSSTComCam", detector=0)
    provenance = DatasetProvenance()
    provenance.add_input(first)
    derived = butler.get(first)
    second = butler.put(
        derived, "bias", instrument="LSSTComCam", detector=1, provenance=provenance
    )
    header = butler.get(second).header

    # The first image's own provenance is replaced, and the one at hand is untouched.
    assert header["LSST BUTLER ID"] == str(second.id)
    assert header["LSST BUTLER RUN"] == RUN
    assert header["LSST BUTLER DATAID DETECTOR"] == 1
    assert header["LSST BUTLER N_INPUTS"] == 1
    assert header["LSST BUTLER INPUT 0 ID"] == str(first.id)
    assert derived.header["LSST BUTLER ID"] == str(first.id)


def test_equal_images_are_equal_files_that_everyone_can_read(butler, monkeypatch):
    ref = butler.put(make_image(), "bias", instrument="LSSTComCam", detector=4)
    path = Path(butler.getURI(ref).ospath)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644

    # Time passes, and the same image is written again.
    monkeypatch.setattr("time.time", lambda: 4e9)
    butler.pruneDatasets([ref], disassociate=False, unstore=True)
    butler.put(make_image(), ref)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_the_file_is_plain_fits_with_checksums_and_named_planes(butler):
    ref = butler.put(make_image(), "bias", instrument="LSSTComCam", detector=4)

    with fits.open(butler.getURI(ref).ospath, checksum=True) as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "IMAGE", "MASK", "VARIANCE"]
        assert all("CHECKSUM" in hdu.header for hdu in hdus)
        planes = {name: hdus["MASK"].header[f"MP_{name}"] for name in MASK_PLANES}
    assert planes == dict(MASK_PLANES)
