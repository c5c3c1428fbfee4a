import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from calibrations.imaging.statistics import (
    clip_columns,
    clipped_statistics,
    percentiles,
)


def percentile_by_hand(ordered, fraction):
    index = fraction * (len(ordered) - 1)
    low = math.floor(index)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (index - low) * (ordered[high] - ordered[low])


def clipped_by_hand(values, sigma, n_passes):
    """The definition, in plain Python."""
    sample = sorted(float(v) for v in values if math.isfinite(v))
    if not sample:
        return math.nan, math.nan, 0
    centre = percentile_by_hand(sample, 0.5)
    width = percentile_by_hand(sample, 0.75) - percentile_by_hand(sample, 0.25)
    limit = sigma * 0.741301109252802 * width
    kept = sample
    for _ in range(n_passes):
        inside = [v for v in sample if abs(v - centre) <= limit]
        if not inside:
            break
        kept = inside
        if len(kept) == 1:
            break
        centre = statistics.fmean(kept)
        limit = sigma * math.sqrt(statistics.variance(kept, centre))
    variance = statistics.variance(kept) if len(kept) > 1 else math.nan
    return statistics.fmean(kept), variance, len(kept)


@pytest.mark.parametrize("sigma", [3.0, 5.0])
@pytest.mark.parametrize("n_passes", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 15, 200])
def test_clipping_agrees_with_the_definition_written_out(n, n_passes, sigma):
    rng = np.random.default_rng(n)
    for _ in range(20):
        values = rng.normal(100, 7, n)
        values[rng.random(n) < 0.1] += 400
        mean, variance, count = clipped_by_hand(values, sigma, n_passes)
        found = clipped_statistics(values, sigma=sigma, n_passes=n_passes)
        assert found.n_clipped == count
        assert found.mean_clip == pytest.approx(mean, rel=1e-12)
        assert found.variance_clip == pytest.approx(variance, rel=1e-9, nan_ok=True)


def test_many_columns_agree_with_one_at_a_time():
    rng = np.random.default_rng(5)
    samples = rng.normal(10, 2, (15, 300))
    samples[rng.random(samples.shape) < 0.05] = 500
    samples[rng.random(samples.shape) < 0.3] = np.nan
    samples[:, 0] = np.nan
    samples[1:, 1] = np.nan
    mean, variance, count = clip_columns(samples)
    for i, column in enumerate(samples.T):
        one = clipped_statistics(column)
        assert count[i] == one.n_clipped
        np.testing.assert_allclose(mean[i], one.mean_clip, rtol=1e-12)
        np.testing.assert_allclose(variance[i], one.variance_clip, rtol=1e-9)


def test_an_empty_sample_has_no_statistics():
    found = clipped_statistics(np.array([np.nan, np.inf]))
    assert found.n == found.n_clipped == 0
    assert math.isnan(found.mean_clip)
    assert all(math.isnan(value) for value in percentiles(np.array([]), [0, 50]))


def test_masked_values_do_not_count():
    values = np.array([1.0, 2.0, 3.0, 1e6])
    found = clipped_statistics(values, mask=values > 100)
    assert found.n == 3
    assert found.mean == 2.0


def test_percentiles_interpolate_linearly():
    assert percentiles(np.array([0.0, 10.0]), [0, 5, 50, 100]) == [0, 0.5, 5, 10]


# Whole numbers keep sums exact, so that a permutation cannot change a bit.
SAMPLES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.integers(1, 5)),
    elements=st.integers(-1000, 1000).map(float),
)


@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.randoms(use_true_random=False))
def test_the_order_of_the_frames_does_not_matter(samples, random):
    order = list(range(len(samples)))
    random.shuffle(order)
    for one, other in zip(
        clip_columns(samples), clip_columns(samples[order]), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.sampled_from([0.25, 2.0, 16.0]))
def test_scaling_scales_mean_and_variance(samples, factor):
    mean, variance, count = clip_columns(samples)
    scaled_mean, scaled_variance, scaled_count = clip_columns(samples * factor)
    np.testing.assert_array_equal(count, scaled_count)
    np.testing.assert_allclose(scaled_mean, mean * factor, rtol=1e-12)
    np.testing.assert_allclose(scaled_variance, variance * factor**2, rtol=1e-12)
