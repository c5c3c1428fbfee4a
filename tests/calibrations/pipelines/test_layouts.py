"""A bias of every kind of chip of LSSTCam, from raw files to the combined image."""

import numpy as np
import pytest
from lsst.daf.butler import Butler

from calibrations.butler.client import ButlerGateway, ButlerSettings, PipelineRequest
from calibrations.butler.instrument_classes import (
    INSTRUMENT_CLASSES,
    choose_instrument_class,
)
from calibrations.butler.instruments import INSTRUMENTS
from calibrations.butler.repositories import make_repository
from calibrations.domain.cameras.model import SegmentLayout
from tests.support import raws
from tests.support.raws import small, write_raw

PIPELINE = "resource://calibrations/pipelines/cpBias.yaml"
RUN = "LSSTCam/calib/DM-1/tag/biasGen.20261110a"
LAYOUT = SegmentLayout(16, 12, 3, 40, 12)
LEVEL_ADU = 1000
NOISE_ADU = 1.0
FRAMES = 3
DETECTORS = ("R22_S11", "R01_S20", "R44_SG1", "R00_SW0")


def pattern(detector):
    """A bias structure without symmetry, up to 60 ADU, larger to the upper right."""
    ny, nx = detector.shape
    rows, columns = np.mgrid[:ny, :nx]
    return np.rint(40.0 * columns / nx + 20.0 * rows / ny)


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """The Butler after a bias was built of three frames."""
    folder = tmp_path_factory.mktemp("layouts")
    root = make_repository(folder / "repository", "LSSTCam")
    rng = np.random.default_rng(5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raws, "OVERSCAN", LEVEL_ADU)
        for name in DETECTORS:
            detector = small(name, layout=LAYOUT)
            for number in range(1, FRAMES + 1):
                noise = rng.normal(0.0, NOISE_ADU, detector.shape)
                image = np.rint(LEVEL_ADU + pattern(detector) + noise)
                write_raw(
                    folder / "raw" / f"{name}_{number}.fits",
                    detector,
                    image.astype(np.int32),
                    SEQNUM=number,
                    IMGTYPE="BIAS",
                    REASON="bias",
                    EXPTIME=0.0,
                    DARKTIME=0.1,
                )
    settings = ButlerSettings(
        root=str(root), instrument="LSSTCam", pipelines={"bias": PIPELINE}
    )
    gateway = ButlerGateway(settings)
    assert gateway.ingest_raws([str(folder / "raw")]).ingested == 12
    # The pipeline's file names LSSTComCam; the repository's camera takes its place.
    outcome = gateway.run_pipeline(
        PipelineRequest(
            "bias",
            ["LSSTCam/raw/all", "LSSTCam/calib"],
            RUN,
            "exposure.observation_type = 'bias'",
            str(folder / "work"),
        )
    )
    assert outcome.datasets["bias"] == len(DETECTORS)
    with Butler.from_config(str(root), collections=RUN) as butler:
        yield butler


@pytest.mark.parametrize("name", DETECTORS)
def test_every_pixel_of_a_bias_is_where_the_chip_has_it(products, name):
    detector = small(name, layout=LAYOUT)
    gain = next(iter(detector.amplifiers.values())).gain

    bias = products.get("bias", instrument="LSSTCam", detector=detector.id).data / gain

    assert bias.shape == detector.shape
    # Noise of the mean of three frames, rounded to ADU, clipping aside.
    sigma_adu = np.sqrt((NOISE_ADU**2 + 1 / 12) / FRAMES)
    difference = bias - pattern(detector)
    assert np.abs(difference).max() < 6 * sigma_adu
    assert difference.std() < 1.2 * sigma_adu
    # An image turned over, a mirrored one, and none at all would not pass.
    for wrong in (bias[::-1], bias[:, ::-1], np.zeros_like(bias)):
        assert np.abs(wrong - pattern(detector)).max() > 20 * sigma_adu


def test_every_camera_of_ours_has_its_class():
    for name, cls in INSTRUMENTS.items():
        assert INSTRUMENT_CLASSES[name] == f"{cls.__module__}.{cls.__name__}"


@pytest.mark.parametrize(
    ("instrument", "given", "address", "expected"),
    [
        ("LATISS", "", PIPELINE, "calibrations.butler.instruments.Latiss"),
        ("LSSTCam", "lsst.obs.lsst.LsstCam", PIPELINE, "lsst.obs.lsst.LsstCam"),
        # A pipeline of cp_pipe keeps its own.
        ("LSSTCam", "", "$CP_PIPE_DIR/pipelines/LSSTCam/cpBias.yaml", ""),
        ("HSC", "", PIPELINE, ""),
    ],
)
def test_a_pipeline_of_ours_runs_with_the_repositorys_camera(
    instrument, given, address, expected
):
    settings = ButlerSettings(root="/", instrument=instrument, instrument_class=given)

    assert choose_instrument_class(settings, address) == expected
