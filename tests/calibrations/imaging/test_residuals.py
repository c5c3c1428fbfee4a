import numpy as np
import pytest

from calibrations.imaging.cosmic_rays import find_cosmic_rays, repair_pixels
from calibrations.imaging.isr import AmplifierConstants, mask_bits, remove_signature
from calibrations.imaging.residuals import (
    amplifier_correlations,
    bias_shifts,
    detector_statistics,
    measure_amplifiers,
    projections,
)
from tests.support.frames import NAMES, make_raw

SHAPE = (240, 160)
NOISE = 8.0
CONSTANTS = {name: AmplifierConstants(1.5, NOISE, 100000.0) for name in NAMES}


def make_frame(signal=0.0, *, noise=NOISE, seed=1, **given):
    raw = make_raw(np.zeros(SHAPE) + signal, read_noise_e=noise, seed=seed, **given)
    return remove_signature(raw, CONSTANTS, constants_source="a test")


def add_cosmic_rays(image, n, seed=0):
    """Straight tracks of a few pixels."""
    rng = np.random.default_rng(seed)
    hits = np.zeros(image.shape, bool)
    for _ in range(n):
        y, x = (
            rng.integers(10, image.shape[0] - 10),
            rng.integers(10, image.shape[1] - 10),
        )
        length = rng.integers(1, 8)
        if rng.random() < 0.5:
            hits[y, x : x + length] = True
        else:
            hits[y : y + length, x] = True
    image[hits] += 800
    return hits


def test_noise_is_that_of_the_readout_and_the_overscan_fit():
    measured = measure_amplifiers(make_frame(), clean_cosmic_rays=True, corner_size=200)
    # Medians of 34 overscan columns and 24 rows add their own variance.
    expected = NOISE * np.sqrt(1 + np.pi / 2 / 34 + np.pi / 2 / 24)
    n = SHAPE[0] * SHAPE[1] / 4
    for stats in measured.values():
        # Row and column offsets are few: the scatter of their variance counts too.
        assert stats["NOISE"] == pytest.approx(expected, rel=5 / np.sqrt(2 * n) + 0.01)
        assert abs(stats["MEAN"]) < 5 * NOISE * np.sqrt(1 / n + 0.05 / 80)
        assert stats["CR_NOISE"] == pytest.approx(stats["NOISE"], rel=0.01)
        assert abs(stats["AMP_CORNER"]) < 3
        assert "FORCE_FAILURE" not in stats


def test_cosmic_rays_are_found_and_repaired():
    frame = make_frame(noise=NOISE)
    hits = add_cosmic_rays(frame.image, 60)
    found = find_cosmic_rays(frame.image, NOISE)
    assert found[hits].mean() > 0.98
    assert found[~hits].mean() < 0.002
    struck = measure_amplifiers(frame, clean_cosmic_rays=True)
    for stats in struck.values():
        assert stats["CR_NOISE"] == pytest.approx(stats["NOISE"], rel=0.03)


def test_what_light_makes_is_no_cosmic_ray():
    y, x = np.indices(SHAPE)
    star = 5000 * np.exp(-((y - 60) ** 2 + (x - 60) ** 2) / (2 * 1.5**2))
    rng = np.random.default_rng(3)
    image = star + rng.normal(0, NOISE, SHAPE)
    found = find_cosmic_rays(image, NOISE)
    assert not found[50:71, 50:71].any()


def test_a_bright_frame_is_no_shower_of_cosmic_rays():
    assert find_cosmic_rays(np.full((50, 50), 1000.0), 5.0) is None
    assert find_cosmic_rays(np.zeros((50, 50)), 0.0) is None


def test_repair_takes_the_median_of_good_neighbours():
    image = np.full((9, 9), 4.0)
    hits = np.zeros(image.shape, bool)
    image[4, 3:6] = 900
    hits[4, 3:6] = True
    np.testing.assert_array_equal(repair_pixels(image, hits), 4.0)
    np.testing.assert_array_equal(repair_pixels(image, np.ones_like(hits)), 0.0)


@pytest.mark.parametrize("fault", ["saturated", "constant", "masked", "nan", "bright"])
def test_what_cannot_be_measured_is_flagged(fault):
    frame = make_frame()
    where = frame.boxes["C11"].slices
    if fault == "saturated":
        frame.mask[where] |= mask_bits("SAT")
    elif fault == "constant":
        frame.image[where] = 0
    elif fault == "masked":
        frame.mask[where] |= mask_bits("NO_DATA")
    elif fault == "nan":
        frame.image[where] = np.nan
    else:
        frame.image[where] += 1000
    measured = measure_amplifiers(frame, clean_cosmic_rays=True)
    flagged = [name for name, stats in measured.items() if "FORCE_FAILURE" in stats]
    assert flagged == ["C11"]


def test_detector_statistics_are_those_of_the_amplifier_means():
    found = detector_statistics(
        {"a": {"MEAN": 1.0}, "b": {"MEAN": 2.0}, "c": {"MEAN": 6.0}}
    )
    assert found["MEAN"] == 3.0
    assert found["SCATTER"] == pytest.approx(np.sqrt((4 + 1 + 9) / 2))


def test_a_jump_of_the_level_is_found_in_the_amplifier_that_has_it():
    raw = make_raw(np.zeros(SHAPE), read_noise_e=NOISE, seed=2)
    raw.amplifiers["C00"].data[80:] += 25
    frame = remove_signature(raw, CONSTANTS, constants_source="a test")
    shifts = bias_shifts(frame)
    assert [len(shifts[name]["BIAS_SHIFTS"]) for name in NAMES] == [0, 0, 1, 0]
    assert shifts["C00"]["BIAS_SHIFTS"][0] == pytest.approx(80, abs=2)


def test_profiles_average_columns_and_rows():
    ramp = np.arange(SHAPE[1]) * np.ones(SHAPE)
    frame = make_frame(ramp, noise=0)
    serial, parallel = projections(frame)["C10"]
    box = frame.boxes["C10"]
    np.testing.assert_allclose(serial, np.arange(box.x0, box.x1), atol=0.01)
    np.testing.assert_allclose(parallel, serial.mean(), atol=0.01)


def test_common_noise_correlates_amplifiers():
    frame = make_frame()
    first, second = (frame.boxes[name].slices for name in ("C10", "C11"))
    frame.image[second] = frame.image[first]
    rows = {(r["ampName"], r["ampComp"]): r for r in amplifier_correlations(frame)}
    assert len(rows) == 16
    assert rows["C10", "C11"]["imageCorr"] == pytest.approx(1)
    assert abs(rows["C10", "C00"]["imageCorr"]) < 0.1
    assert abs(rows["C10", "C11"]["overscanCorr"]) < 0.1
