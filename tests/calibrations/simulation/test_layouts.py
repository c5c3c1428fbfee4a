"""Every kind of chip of LSSTCam, read by the reader of real files."""

import numpy as np
import pytest

from calibrations.butler.raw_headers import read_exposure
from calibrations.butler.raw_reader import read_raw_frame
from calibrations.domain.cameras import camera
from calibrations.imaging.frames import assemble
from calibrations.simulation.observatory import simulate_observatory
from calibrations.simulation.plan import (
    FULL_SIZE,
    AmplifierSize,
    Night,
    ObservatoryPlan,
)
from calibrations.simulation.truth import load_truth

CHIPS = ("E2V", "ITL", "ITL_G", "ITL_WF")


def first(chip):
    return next(d for d in camera("LSSTCam").detectors if d.chip == chip)


@pytest.fixture(scope="module")
def observatory(tmp_path_factory):
    plan = ObservatoryPlan(
        instrument="LSSTCam",
        detectors=tuple(first(chip).id for chip in CHIPS),
        size=AmplifierSize(24, 40),
        nights=(Night(20261109, {"flat": 1}),),
        physical_filter="r_57",
        faults=(),
        saturated_flat=None,
    )
    return simulate_observatory(tmp_path_factory.mktemp("chips"), plan)


@pytest.mark.parametrize("chip", CHIPS)
def test_a_flat_comes_back_in_the_orientation_of_its_truth(observatory, chip):
    detector = first(chip)
    path = observatory.nights[20261109][CHIPS.index(chip)]
    truth = load_truth(observatory.truth, detector.id)
    raw = read_raw_frame(path)
    trimmed = {}
    for gain, (name, amplifier) in zip(truth.gain, raw.amplifiers.items(), strict=True):
        level = np.median(amplifier.data[amplifier.serial_overscan.slices])
        trimmed[name] = (amplifier.data[amplifier.data_box.slices] - level) * gain
    image = assemble(raw, trimmed)

    exposure = read_exposure(path)
    assert (exposure.instrument, exposure.detector_name) == ("LSSTCam", detector.name)
    assert exposure.problems == ()
    assert list(raw.amplifiers) == list(detector.amplifiers)
    # Shot noise is 0.4 % of this flat, the pixels' response scatters by 0.7 % and more.
    assert np.corrcoef(image.ravel(), truth.response.ravel())[0, 1] > 0.9
    assert abs(np.corrcoef(image[::-1].ravel(), truth.response.ravel())[0, 1]) < 0.5


def test_full_size_is_the_makers_own_and_smaller_ones_keep_the_prescan():
    assert FULL_SIZE.layout(first("E2V")) == first("E2V").layout
    assert FULL_SIZE.layout(first("ITL_WF")) == first("ITL").layout
    small = AmplifierSize(24, 40)
    assert small.layout(first("E2V")).serial_prescan == 10
    assert small.layout(first("ITL")).serial_prescan == 3
    assert small.shape(first("ITL_WF")) == (24, 320)
