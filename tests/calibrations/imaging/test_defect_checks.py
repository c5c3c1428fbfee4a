import numpy as np
import pytest

from calibrations.domain.criteria import evaluate_all
from calibrations.imaging.defect_checks import (
    count_cosmic_rays,
    improbable_deviation,
    measure_defects,
)

SHAPE = (300, 100)


def make_amplifier(seed=1):
    """A flat with a bad column and forty cold pixels."""
    rng = np.random.default_rng(seed)
    image = rng.normal(10000, 100, SHAPE)
    bad = np.zeros(SHAPE, bool)
    bad[:, 40] = True
    bad[rng.integers(0, 300, 40), rng.integers(0, 100, 40)] = True
    image[bad] *= 0.5
    return image, bad


def verdicts(measured):
    return {
        one.criterion.test: one.passed
        for one in evaluate_all("DEFECTS", "AMP", measured)
    }


def test_a_complete_list_passes_every_test():
    image, bad = make_amplifier()
    before = image.copy()
    measured = measure_defects(image, bad)
    assert measured["DEFECT_PIXELS"] == bad.sum()
    assert measured["FRAC"] == pytest.approx(bad.mean())
    assert measured["OUTLIERS"] == 0
    assert measured["UNMASKED_OUTLIERS"] == bad.sum()
    assert measured["STDEV"] == pytest.approx(100, rel=0.02)
    assert measured["STAT_OUTLIERS"] <= 5
    assert all(verdicts(measured).values())
    # Measuring leaves the image as it was (upstream's does not).
    assert np.array_equal(image, before)


def test_an_empty_list_fails_on_what_it_does_not_mask():
    image, bad = make_amplifier()
    measured = measure_defects(image, np.zeros_like(bad))
    # 340 improbable pixels of 30000 are more than 35.
    assert measured["STAT_OUTLIERS"] >= bad.sum()
    assert verdicts(measured) == {
        "OUTLIERS": True,
        "STDEV": True,
        "MIN": True,
        "MAX": True,
        "PROB_TEST": False,
    }


def test_masking_good_pixels_by_the_hundred_does_not_fail_by_chance():
    rng = np.random.default_rng(3)
    for seed in range(20):
        image = np.random.default_rng(seed).normal(0, 1, SHAPE)
        some = rng.random(SHAPE) < 0.1
        assert all(verdicts(measure_defects(image, some)).values())


def test_chance_makes_as_many_improbable_pixels_as_expected():
    total = expected = 0.0
    none = np.zeros(SHAPE, bool)
    for seed in range(60):
        image = np.random.default_rng(seed).normal(0, 1, SHAPE)
        measured = measure_defects(image, none)
        total += measured["STAT_OUTLIERS"]
        expected += measured["EXPECTED_OUTLIERS"]
    # About half a pixel an amplifier; a Poisson number, three sigma.
    assert abs(total - expected) < 3 * np.sqrt(expected)
    # Density below one in a million is 5.08 sigma off.
    assert improbable_deviation(10**6) == pytest.approx(5.08, abs=0.01)
    assert improbable_deviation(1) == 0.0


def test_the_shadow_of_dust_is_no_defect():
    image, bad = make_amplifier()
    y, x = np.indices(SHAPE)
    radius = np.hypot(y - 150, x - 60)
    shadow = (radius < 14) & (radius > 6)
    image[shadow] *= 0.96  # four sigma
    assert verdicts(measure_defects(image, bad))["PROB_TEST"]
    # Three bad columns side by side are still seen, though they are neighbours.
    image[:, 70:73] *= 0.5
    assert not verdicts(measure_defects(image, bad))["PROB_TEST"]


def test_an_amplifier_that_is_masked_throughout_cannot_pass():
    image, bad = make_amplifier()
    measured = measure_defects(image, np.ones_like(bad))
    assert measured["FRAC"] == 1.0
    assert np.isnan(measured["STDEV"])
    assert not any(verdicts(measured).values())
    # Nor can one without any scatter, or any number.
    assert not verdicts(measure_defects(np.ones(SHAPE), ~np.ones(SHAPE, bool)))[
        "PROB_TEST"
    ]
    assert not verdicts(measure_defects(np.full(SHAPE, np.nan), bad))["STDEV"]


def test_what_means_nothing_is_left_out_of_the_uncorrected_numbers():
    image, bad = make_amplifier()
    image[0] = np.nan
    image[1] = 1e6
    useless = np.zeros(SHAPE, bool)
    useless[1] = True
    measured = measure_defects(image, bad, useless)
    assert measured["UNC_MAX"] < 11000
    assert measured["UNMASKED_MAX"] == 1e6
    assert measured["MAX"] < 11000


def test_hot_pixels_look_like_cosmic_rays_until_they_are_masked():
    rng = np.random.default_rng(4)
    image = rng.normal(0, 5, SHAPE)
    hot = np.zeros(SHAPE, bool)
    hot[20:280:20, 10:90:20] = True
    image[hot] += 500
    none = np.zeros(SHAPE, bool)
    assert count_cosmic_rays(image, none) == hot.sum()
    assert count_cosmic_rays(image, hot) == 0
    assert count_cosmic_rays(np.ones(SHAPE), none) == 0
