"""What must hold for any input, and equality with the definition written in numpy."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from calibrations.imaging.averages import average_profiles
from calibrations.imaging.combine import combine_frames
from calibrations.imaging.mosaic import bin_image
from calibrations.imaging.samples import order_statistics
from calibrations.imaging.statistics import (
    clip_columns,
    clipped_statistics,
    percentiles,
    scatter,
)

IQR_TO_SIGMA = 0.741301109252802
FEW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much],
)


def reference(sample, sigma, n_passes):
    """The definition, in float64 and plain numpy: mean, variance, values kept."""
    x = np.sort(np.asarray(sample, dtype=np.float64))
    x = x[np.isfinite(x)]
    if not x.size:
        return np.nan, np.nan, 0
    q25, centre, q75 = np.quantile(x, [0.25, 0.5, 0.75])
    limit, kept = sigma * IQR_TO_SIGMA * (q75 - q25), x
    for _ in range(n_passes):
        distance = np.abs(x - centre)
        # Whether a value just on the limit is kept is a matter of rounding.
        on_edge = np.abs(distance - limit) <= 1e-9 * (1.0 + limit)
        assume(limit == 0 or not on_edge.any())
        inside = x[distance <= limit]
        if not inside.size:
            break
        kept = inside
        if kept.size == 1:
            break
        centre, limit = kept.mean(), sigma * kept.std(ddof=1)
    variance = kept.var(ddof=1) if kept.size > 1 else np.nan
    return kept.mean(), variance, kept.size


# Values of a camera: whole counts tie, fractions do not, and some are no numbers.
PIXELS = st.one_of(
    st.integers(-100, 100).map(float),
    st.floats(-1e5, 1e5, width=32),
    st.sampled_from([float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 6e4]),
)
STACKS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 23), st.integers(1, 6)),
    elements=PIXELS,
)
SIGMAS = st.sampled_from([1.5, 3.0, 5.0])
PASSES = st.integers(1, 4)


def assert_close(found, expected, size):
    """Agree to the rounding of float64 sums of values of this size."""
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * size**2)


@FEW
@given(STACKS, SIGMAS, PASSES)
def test_compiled_columns_follow_the_definition(stack, sigma, n_passes):
    mean, variance, count = clip_columns(stack, sigma=sigma, n_passes=n_passes)
    finite = stack[np.isfinite(stack)].astype(float)
    size = 1.0 + np.abs(finite).max(initial=0.0)
    for i, column in enumerate(stack.T):
        expected = reference(column, sigma, n_passes)
        assert count[i] == expected[2]
        assert_close(mean[i], expected[0], size)
        assert_close(variance[i], expected[1], size)


@FEW
@given(STACKS, SIGMAS, PASSES)
# The first pass keeps all about the median, and the second clips about the mean.
@example(np.repeat(np.float32([[0], [1]]), [18, 7], axis=0), 1.5, 2)
def test_compiled_samples_follow_the_definition(stack, sigma, n_passes):
    found = clipped_statistics(stack, sigma=sigma, n_passes=n_passes)
    expected = reference(stack.ravel(), sigma, n_passes)
    finite = stack[np.isfinite(stack)].astype(float)
    size = 1.0 + np.abs(finite).max(initial=0.0)
    assert found.n == finite.size
    assert found.n_clipped == expected[2]
    assert_close(found.mean_clip, expected[0], size)
    assert_close(found.variance_clip, expected[1], size)
    if finite.size > 1:
        assert_close(found.stdev, finite.std(ddof=1), size)
        assert_close(scatter(stack), finite.std(ddof=1), size)


@FEW
@given(STACKS, st.randoms(use_true_random=False))
def test_the_order_of_frames_changes_no_bit(stack, random):
    order = list(range(len(stack)))
    random.shuffle(order)
    for one, other in zip(clip_columns(stack), clip_columns(stack[order]), strict=True):
        np.testing.assert_array_equal(one, other)


@FEW
@given(STACKS, st.sampled_from([0.25, 2.0, 1024.0]))
def test_scaling_scales_mean_and_variance(stack, factor):
    # Powers of two round nothing, so that not one value changes sides of a limit.
    mean, variance, count = clip_columns(stack)
    scaled_mean, scaled_variance, same = clip_columns(stack * np.float32(factor))
    np.testing.assert_array_equal(count, same)
    np.testing.assert_array_equal(scaled_mean, mean * factor)
    np.testing.assert_array_equal(scaled_variance, variance * factor**2)


@FEW
@given(STACKS, st.integers(0, 2**32 - 1))
def test_what_is_masked_might_hold_anything(stack, seed):
    masks = np.random.default_rng(seed).random(stack.shape) < 0.4
    spoilt = np.where(masks, np.float32(1e30), stack)
    plain = [frame[np.newaxis] for frame in np.where(masks, np.nan, stack)]
    given_masks = [mask[np.newaxis] for mask in masks]
    if not np.isfinite(plain).any():
        return
    one = combine_frames(plain, min_frames=1)
    other = combine_frames(
        [frame[np.newaxis] for frame in spoilt], masks=given_masks, min_frames=1
    )
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.variance, other.variance)
    np.testing.assert_array_equal(one.n_kept, other.n_kept)


@FEW
@given(st.floats(-1e6, 1e6, width=32), st.integers(2, 30), SIGMAS, PASSES)
def test_an_all_equal_stack_has_no_variance(value, n, sigma, n_passes):
    stack = np.full((n, 3), value, dtype=np.float32)
    mean, variance, count = clip_columns(stack, sigma=sigma, n_passes=n_passes)
    np.testing.assert_array_equal(mean, value)
    np.testing.assert_array_equal(variance, 0)
    np.testing.assert_array_equal(count, n)
    whole = clipped_statistics(stack)
    assert (whole.mean_clip, whole.variance_clip, whole.stdev) == (value, 0, 0)


@FEW
@given(STACKS, st.lists(st.floats(0, 100), min_size=1, max_size=5))
def test_percentiles_are_numpys(stack, levels):
    finite = stack[np.isfinite(stack)].astype(np.float64)
    if finite.size:
        expected = np.percentile(finite, levels)
        np.testing.assert_allclose(percentiles(stack, levels), expected, rtol=1e-12)


@pytest.mark.parametrize("level", [0.0, 3e4, -1e-30])
def test_order_statistics_of_a_big_sample_are_exact(level):
    rng = np.random.default_rng(4)
    sample = rng.normal(level, 1 + abs(level) / 100, 50_000).astype(np.float32)
    sample[::7] = np.float32(level)
    ranks = np.array([0, 1, 12_499, 25_000, 37_501, 49_999])
    np.testing.assert_array_equal(
        order_statistics(sample, ranks), np.sort(sample)[ranks]
    )


def test_a_rare_huge_value_does_not_cost_the_digits_of_the_rest():
    # 1e7 is clipped by the second pass only, of the sum of squares that held it.
    rng = np.random.default_rng(5)
    stack = rng.normal(0, 1, (23, 500)).astype(np.float32)
    stack[0] = 1e7
    mean, variance, count = clip_columns(stack, sigma=1.5e7, n_passes=1)
    for i, column in enumerate(stack.T):
        expected = reference(column, 1.5e7, 1)
        assert count[i] == expected[2]
        np.testing.assert_allclose(mean[i], expected[0], rtol=1e-12)
        np.testing.assert_allclose(variance[i], expected[1], rtol=1e-12)


IMAGES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.integers(1, 11)),
    elements=st.floats(-1e4, 1e4, width=32) | st.just(float("nan")),
)


@FEW
@given(IMAGES, st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_binning_and_profiles_average_what_is_good(image, factor, seed):
    mask = np.random.default_rng(seed).random(image.shape) < 0.3
    good = np.where(mask, np.nan, image.astype(np.float64))

    def average(part):
        part = part[np.isfinite(part)]
        return part.mean() if part.size else np.nan

    ny, nx = image.shape
    squares = [
        [average(good[y : y + factor, x : x + factor]) for x in range(0, nx, factor)]
        for y in range(0, ny, factor)
    ]
    np.testing.assert_allclose(
        bin_image(image, factor, mask=mask), squares, rtol=1e-6, atol=1e-2
    )
    columns, rows = average_profiles(image, mask)
    tolerance = {"rtol": 1e-6, "atol": 1e-2}
    np.testing.assert_allclose(columns, [average(c) for c in good.T], **tolerance)
    np.testing.assert_allclose(rows, [average(r) for r in good], **tolerance)
