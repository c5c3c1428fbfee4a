import numpy as np
import pytest

from calibrations.imaging.brighter_fatter import BrighterFatterKernel
from calibrations.imaging.crosstalk import CrosstalkMatrix
from calibrations.imaging.cti import DeferredCharge
from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import CcdImage
from calibrations.imaging.isr import (
    AmplifierConstants,
    IsrSettings,
    SegmentCorrections,
    mask_bits,
    remove_signature,
)
from calibrations.imaging.linearity import LinearityType, Linearizer
from tests.support.frames import NAMES, make_raw

SHAPE = (120, 160)
GAIN = 1.5
CONSTANTS = {name: AmplifierConstants(GAIN, 8.0, 100000.0) for name in NAMES}


def process(raw, *, constants=CONSTANTS, **given):
    return remove_signature(raw, constants, constants_source="a test", **given)


def amplifier(frame, name):
    return frame.image[frame.boxes[name].slices]


def test_crosstalk_is_taken_off_before_anything_is_assembled():
    # A bright spot in C10 leaves 1e-3 of itself in C01, at the same place of readout.
    raw = make_raw(np.full(SHAPE, 100.0), gain=GAIN)
    raw.amplifiers["C10"].data[20, 30] += 60000 / GAIN
    raw.amplifiers["C01"].data[20, 30] += 60 / GAIN
    coeffs = np.zeros((4, 4))
    coeffs[NAMES.index("C10"), NAMES.index("C01")] = 1e-3
    matrix = CrosstalkMatrix.from_coefficients(NAMES, coeffs)
    before, after = (
        process(raw, corrections=SegmentCorrections(crosstalk=one))
        for one in (None, matrix)
    )
    assert amplifier(before, "C01").max() == pytest.approx(160, abs=0.5)
    assert amplifier(after, "C01").max() == pytest.approx(100, abs=0.5)


def test_linearity_acts_on_counts_before_calibrations_are_subtracted():
    # out = in + c0 in²: 20,000 ADU read 1 % too low.
    squared = Linearizer("", LinearityType.SQUARED, coeffs=np.array([5e-7]))
    linear = dict.fromkeys(NAMES, squared)
    bias = CcdImage(np.full(SHAPE, 30.0, np.float32))
    raw = make_raw(np.full(SHAPE, 20000 * GAIN), gain=GAIN)
    frame = process(raw, corrections=SegmentCorrections(linearizers=linear), bias=bias)
    np.testing.assert_allclose(frame.image, 20200 * GAIN - 30, rtol=1e-5)


def test_deferred_charge_goes_back_to_the_pixels_it_left():
    raw = make_raw(np.full(SHAPE, 30000.0), gain=GAIN)
    lost = 30000 * 1e-3
    for one in raw.amplifiers.values():
        # The first overscan pixel holds what the last column left behind.
        one.data[: one.data_box.y1, one.data_box.x1] += lost / GAIN
    nothing = DeferredCharge("")
    trailing = DeferredCharge("", drift_scale=1e-3, decay_time=0.01)
    settings = IsrSettings(keep_segments=True)
    tails = []
    for charge in (nothing, trailing):
        corrections = SegmentCorrections(deferred_charge=dict.fromkeys(NAMES, charge))
        frame = process(raw, corrections=corrections, settings=settings)
        tails.append(frame.segments["C00"][10, raw.amplifiers["C00"].data_box.x1])
    assert tails[0] == pytest.approx(lost, rel=0.02)
    assert abs(tails[1]) < abs(tails[0])


def test_defects_and_bad_amplifiers_are_masked_and_keep_their_values():
    defects = np.zeros(SHAPE, bool)
    defects[5, 7] = True
    constants = CONSTANTS | {
        "C11": AmplifierConstants(GAIN, 8.0, 100000.0, is_bad=True),
        "C00": AmplifierConstants(GAIN, 8.0, 100000.0, suspect_adu=500.0),
    }
    frame = process(
        make_raw(np.full(SHAPE, 900.0), gain=GAIN), constants=constants, defects=defects
    )
    bad = (frame.mask & mask_bits("BAD")) > 0
    expected = defects.copy()
    expected[frame.boxes["C11"].slices] = True
    np.testing.assert_array_equal(bad, expected)
    np.testing.assert_allclose(frame.image, 900, rtol=1e-5)
    suspect = (frame.mask & mask_bits("SUSPECT")) > 0
    assert suspect[frame.boxes["C00"].slices].all()
    assert suspect.sum() == np.prod(frame.boxes["C00"].shape)


@pytest.mark.parametrize("kind", ["bias", "dark", "flat"])
def test_a_calibration_made_with_other_gains_is_brought_to_those_in_use(kind):
    # Truth in ADU: 300 of bias, 2 a second of dark, response 1 on every amplifier.
    made_with = {name: GAIN * (0.9 + 0.1 * i) for i, name in enumerate(NAMES)}
    level_adu = {"bias": 300.0, "dark": 2.0, "flat": 1.0}[kind]
    raw = make_raw(np.full(SHAPE, 5000.0), gain=GAIN)
    frame = process(raw)
    image = np.empty(SHAPE, np.float32)
    for name, box in frame.boxes.items():
        image[box.slices] = level_adu * made_with[name]
    if kind == "flat":
        image /= image.mean()
    header = {f"LSST ISR GAIN {name}": gain for name, gain in made_with.items()}
    calibrated = process(
        raw, dark_time_s=30.0, **{kind: CcdImage(image, header=header)}
    )
    expected = {
        "bias": 5000 - 300 * GAIN,
        "dark": 5000 - 30 * 2 * GAIN,
        "flat": calibrated.image[0, 0],
    }[kind]
    # A flat has no unit, but the amplifiers must agree.
    np.testing.assert_allclose(calibrated.image, expected, rtol=1e-5)
    # Without the card the other gains show as steps between amplifiers.
    unaware = process(raw, dark_time_s=30.0, **{kind: CcdImage(image)})
    assert np.ptp(unaware.image) > 1


def test_a_frame_gives_its_gains_back():
    frame = process(
        make_raw(np.full(SHAPE, 3000.0), gain=GAIN),
        settings=IsrSettings(keep_segments=True),
    )
    adu = frame.in_adu()
    np.testing.assert_allclose(adu.image, 2000, rtol=1e-5)
    np.testing.assert_allclose(adu.variance, frame.variance / GAIN**2, rtol=1e-5)
    np.testing.assert_allclose(
        adu.segments["C10"] * GAIN, frame.segments["C10"], rtol=1e-6
    )
    assert adu.header["BUNIT"] == "adu"
    # The frame itself is as it was.
    np.testing.assert_allclose(frame.image, 3000, rtol=1e-5)


def test_brighter_fatter_moves_charge_between_pixels_and_makes_none():
    rng = np.random.default_rng(1)
    image = rng.normal(30000, 170, SHAPE)
    kernel = np.full((3, 3), -1e-7)
    kernel[1, 1] = -1e-6
    kernels = {name: BrighterFatterKernel(name, kernel, GAIN) for name in NAMES}
    raw = make_raw(image, gain=GAIN)
    before, after = process(raw), process(raw, kernels=kernels)
    assert np.abs(after.image - before.image).max() > 1
    assert after.image.sum(dtype=float) == pytest.approx(
        before.image.sum(dtype=float), rel=1e-6
    )
    # A kernel that is not valid is not applied.
    invalid = {
        name: BrighterFatterKernel(name, kernel, GAIN, valid=False) for name in NAMES
    }
    np.testing.assert_array_equal(process(raw, kernels=invalid).image, before.image)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("linearizer", {"linearizers": {"C10": None}}),
        ("cti", {"deferred_charge": {"C10": None}}),
        (
            "crosstalk",
            {"crosstalk": CrosstalkMatrix.from_coefficients(["C10"], np.zeros((1, 1)))},
        ),
    ],
)
def test_a_calibration_that_lacks_an_amplifier_is_refused(kind, given):
    with pytest.raises(ImageError, match=f"{kind} has no amplifier C00, C01, C11"):
        process(
            make_raw(np.zeros(SHAPE), gain=GAIN),
            corrections=SegmentCorrections(**given),
        )


def test_defects_of_another_window_are_refused():
    with pytest.raises(ImageError, match="defect mask has shape"):
        process(make_raw(np.zeros(SHAPE)), defects=np.zeros((4, 4), bool))
