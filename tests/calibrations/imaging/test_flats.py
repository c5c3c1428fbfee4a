import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrations.imaging.errors import ImageError
from calibrations.imaging.flats import measure_flat, normalise_flats
from calibrations.imaging.frames import Box


def make_levels(seed=0, n_detectors=9, n_exposures=15):
    rng = np.random.default_rng(seed)
    exposure = rng.uniform(10000, 30000, n_exposures)
    detector = rng.uniform(0.9, 1.1, n_detectors)
    return exposure, detector, detector[:, None] * exposure


def solve_by_least_squares(levels, weights):
    """The same model as one weighted linear system, G then scaled to mean 1."""
    n_detectors, n_exposures = levels.shape
    rows, values = [], []
    for d in range(n_detectors):
        for e in range(n_exposures):
            if weights[d, e] > 0:
                row = np.zeros(n_detectors + n_exposures)
                row[d] = row[n_detectors + e] = 1
                rows.append(row * np.sqrt(weights[d, e]))
                values.append(np.log(levels[d, e]) * np.sqrt(weights[d, e]))
    solution = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    detector = np.exp(solution[:n_detectors])
    norm = np.average(detector, weights=weights.sum(axis=1))
    return np.exp(solution[n_detectors:]) * norm, detector / norm


def test_a_product_of_brightness_and_response_is_taken_apart_exactly():
    exposure, detector, levels = make_levels()
    scales = normalise_flats(levels, np.full(levels.shape, 1000))
    np.testing.assert_allclose(scales.detector, detector / detector.mean(), rtol=1e-12)
    np.testing.assert_allclose(scales.exposure, exposure * detector.mean(), rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_noisy_levels_agree_with_a_least_squares_solution(seed):
    _, _, levels = make_levels(seed)
    rng = np.random.default_rng(seed)
    levels = levels * rng.normal(1, 0.01, levels.shape)
    counts = rng.integers(5000, 9000, levels.shape)
    scales = normalise_flats(levels, counts)
    exposure, detector = solve_by_least_squares(levels, counts.astype(float))
    np.testing.assert_allclose(scales.exposure, exposure, rtol=1e-6)
    np.testing.assert_allclose(scales.detector, detector, rtol=1e-6)


def test_a_saturated_exposure_has_no_scale_and_bends_nothing():
    _, _, levels = make_levels()
    counts = np.full(levels.shape, 1000)
    clean = normalise_flats(levels[:, 1:], counts[:, 1:])
    levels[:, 0], counts[:, 0] = np.nan, 0
    scales = normalise_flats(levels, counts)
    assert np.isnan(scales.exposure[0])
    np.testing.assert_allclose(scales.exposure[1:], clean.exposure, rtol=1e-12)
    np.testing.assert_allclose(scales.detector, clean.detector, rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 100), st.integers(0, 14))
def test_a_brighter_exposure_changes_only_its_own_scale(factor, which):
    _, _, levels = make_levels()
    counts = np.full(levels.shape, 1000)
    before = normalise_flats(levels, counts)
    levels[:, which] *= factor
    after = normalise_flats(levels, counts)
    np.testing.assert_allclose(after.detector, before.detector, rtol=1e-9)
    expected = before.exposure.copy()
    expected[which] *= factor
    np.testing.assert_allclose(after.exposure, expected, rtol=1e-9)


def test_what_is_no_flat_is_refused():
    with pytest.raises(ImageError, match="no flats"):
        normalise_flats(np.full((2, 3), -5.0), np.full((2, 3), 10))
    with pytest.raises(ImageError, match="do not describe the same"):
        normalise_flats(np.ones((2, 3)), np.ones((3, 2)))


def test_levels_are_measured_for_detector_and_amplifiers():
    rng = np.random.default_rng(2)
    image = rng.normal(20000, 140, (100, 80))
    image[:, 40:] *= 1.1
    image[0, :10] = 1e6
    mask = np.zeros(image.shape, bool)
    mask[50] = True
    boxes = {"C10": Box(0, 0, 40, 100), "C11": Box(40, 0, 80, 100)}
    levels = measure_flat(image, mask, boxes)
    error = 140 / np.sqrt(4000)
    assert levels["AMP_MEDIAN_0"] == pytest.approx(20000, abs=5 * error)
    assert levels["AMP_MEDIAN_1"] == pytest.approx(22000, abs=5.5 * error)
    assert levels["AMP_SIGMA_0"] == pytest.approx(140, rel=0.06)
    assert levels["AMP_N_1"] <= 3960


@pytest.mark.parametrize("n_good", [0, 100, 3999])
def test_what_a_saturated_flat_leaves_is_no_level(n_good):
    image = np.full((100, 80), 20000.0)
    mask = np.ones(image.shape, bool)
    mask.ravel()[:n_good] = False
    levels = measure_flat(image, mask, {"C10": Box(0, 0, 80, 100)})
    assert levels["DETECTOR_N"] == levels["AMP_N_0"] == 0
    assert np.isnan(levels["DETECTOR_MEDIAN"])
