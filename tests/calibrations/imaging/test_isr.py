import numpy as np
import pytest

from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import CcdImage
from calibrations.imaging.isr import (
    AmplifierConstants,
    IsrSettings,
    mask_bits,
    remove_signature,
)
from tests.support.frames import NAMES, make_raw

SHAPE = (120, 160)
GAIN = 1.5
NOISE_E = 8.0
CONSTANTS = {name: AmplifierConstants(GAIN, NOISE_E, 100000.0) for name in NAMES}


def process(raw, **given):
    return remove_signature(raw, CONSTANTS, constants_source="a test", **given)


def pattern():
    """Nothing symmetric, so that a wrong flip shows."""
    y, x = np.indices(SHAPE)
    return 1000 + 3.0 * y + 7.0 * x + 200 * (y > 70) * (x > 20)


def test_amplifiers_are_levelled_scaled_and_put_in_place():
    truth = pattern()
    frame = process(make_raw(truth, gain=GAIN, drift_adu=50))
    np.testing.assert_allclose(frame.image, truth, atol=0.01)
    assert frame.header["BUNIT"] == "electron"
    assert frame.header["LSST ISR GAIN C10"] == GAIN
    assert frame.header["LSST ISR READNOISE C01"] == NOISE_E
    assert frame.header["LSST ISR GAIN SOURCE"] == "a test"
    assert frame.header["LSST ISR OVERSCAN SERIAL MEAN C00"] == pytest.approx(1025)


def test_the_readout_corner_is_the_first_pixel_read():
    truth = np.zeros(SHAPE)
    raw = make_raw(truth, gain=GAIN)
    for amplifier in raw.amplifiers.values():
        y, x = amplifier.data_box.y0, amplifier.data_box.x0
        amplifier.data[y, x] += 100
    frame = process(raw)
    for name, box in frame.boxes.items():
        high_x, high_y = frame.readout_corners[name]
        pixels = frame.image[box.slices]
        assert pixels[-1 if high_y else 0, -1 if high_x else 0] == pytest.approx(150)


def test_calibrations_are_applied_in_order():
    sky, bias, rate = 5000.0, pattern() / 10, 0.3
    response = 1 + 0.1 * np.sin(np.arange(SHAPE[1]) / 9) * np.ones(SHAPE)
    raw = make_raw(sky * response + bias + rate * 30, gain=GAIN)
    images = [a.astype(np.float32) for a in (bias, np.full(SHAPE, rate), response)]
    frame = process(
        raw,
        bias=CcdImage(images[0]),
        dark=CcdImage(images[1]),
        dark_time_s=30,
        flat=CcdImage(images[2]),
    )
    np.testing.assert_allclose(frame.image, sky, rtol=1e-5)
    expected = (sky * response + NOISE_E**2) / response**2
    np.testing.assert_allclose(frame.variance, expected, rtol=1e-5)


def test_saturated_and_unusable_pixels_are_masked():
    truth = np.full(SHAPE, 1000.0)
    truth[10, 10] = 200000.0
    bad = np.zeros(SHAPE, np.uint16)
    bad[20, 20] = mask_bits("BAD")
    flat = np.ones(SHAPE, np.float32)
    flat[30, 30] = 0
    frame = process(
        make_raw(truth, gain=GAIN),
        bias=CcdImage(np.zeros(SHAPE, np.float32), mask=bad),
        flat=CcdImage(flat),
    )
    assert frame.mask[10, 10] == mask_bits("SAT")
    assert frame.mask[20, 20] == mask_bits("BAD")
    assert frame.mask[30, 30] == mask_bits("NO_DATA")
    assert (frame.mask > 0).sum() == 3


def test_the_same_counts_give_the_same_bytes():
    raw = make_raw(pattern(), read_noise_e=8, seed=5)
    one, other = process(raw), process(raw)
    assert one.image.tobytes() == other.image.tobytes()


def test_the_parallel_overscan_is_a_choice():
    raw = make_raw(np.zeros(SHAPE), gain=GAIN)
    for amplifier in raw.amplifiers.values():
        amplifier.data[:, amplifier.data_box.x0 + 5] += 10
    off = process(raw, settings=IsrSettings(do_parallel_overscan=False))
    assert np.abs(process(raw).image).max() < 0.01
    assert off.image.max() == pytest.approx(15, abs=0.01)


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_a_calibration_of_another_window_is_refused(kind):
    wrong = CcdImage(np.ones((10, 10), np.float32))
    with pytest.raises(ImageError, match=f"The {kind} has shape"):
        process(make_raw(pattern()), **{kind: wrong})


def test_an_amplifier_without_constants_is_refused():
    with pytest.raises(ImageError, match="C10"):
        remove_signature(make_raw(pattern()), {}, constants_source="a test")


@pytest.mark.parametrize("time", [-1.0, float("nan")])
def test_a_dark_needs_a_dark_time(time):
    dark = CcdImage(np.zeros(SHAPE, np.float32))
    with pytest.raises(ImageError, match="dark time"):
        process(make_raw(pattern()), dark=dark, dark_time_s=time)
