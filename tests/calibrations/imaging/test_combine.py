import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrations.imaging import combine
from calibrations.imaging.combine import FrameStack, combine_frames
from calibrations.imaging.errors import ImageError

SHAPE = (20, 30)


def make_frames(n=15, *, level=100.0, noise=6.0, seed=1):
    rng = np.random.default_rng(seed)
    truth = level + rng.normal(0, 20, SHAPE)
    return truth, [truth + rng.normal(0, noise, SHAPE) for _ in range(n)]


def test_the_mean_recovers_the_truth_within_its_noise():
    truth, frames = make_frames(n=25, noise=6.0)
    combined = combine_frames(frames)
    pull = (combined.image - truth) / (6.0 / 5)
    # 600 pixels: mean and scatter of the pull are known to 1/√600 and 1/√1200; a 3 σ
    # clip of 25 values costs a percent or two of efficiency.
    assert abs(pull.mean()) < 4 / np.sqrt(600)
    assert pull.std() == pytest.approx(1.0, abs=0.02 + 4 / np.sqrt(1200))
    # A 3 σ clip takes 1.3 % off the variance of a Gaussian, and several times that
    # off samples as short as these, whose scatter and centre it estimates first.
    assert 0.88 < combined.variance.mean() / (36 / 25) < 1.0
    assert not combined.bad.any()


def test_cosmic_rays_are_clipped_away():
    truth, frames = make_frames(n=15, noise=6.0)
    hit = frames[4].copy()
    hit[5:8, 5:12] += 5000
    clean, struck = (
        combine_frames(frames),
        combine_frames([*frames[:4], hit, *frames[5:]]),
    )
    assert np.abs(struck.image - truth)[5:8, 5:12].max() < 6 * 6.0 / np.sqrt(14)
    np.testing.assert_array_equal(clean.image[10:], struck.image[10:])
    assert (struck.n_kept[5:8, 5:12] <= 14).all()


def test_masked_pixels_and_nan_are_left_out():
    frames = [np.full(SHAPE, value, dtype=float) for value in (1, 2, 3, 1000)]
    masks = [np.zeros(SHAPE, bool) for _ in frames]
    masks[3][:] = True
    frames[0][0, 0] = np.nan
    combined = combine_frames(frames, masks=masks)
    assert combined.image[1, 1] == 2
    assert combined.image[0, 0] == 2.5
    assert combined.good_fractions[3] == 0
    assert combined.n_used == 3


def test_a_pixel_without_input_is_bad_and_takes_the_median():
    _, frames = make_frames(n=4)
    masks = [np.zeros(SHAPE, bool) for _ in frames]
    for mask in masks:
        mask[3, 4] = True
    combined = combine_frames(frames, masks=masks)
    assert combined.bad.sum() == 1
    assert combined.bad[3, 4]
    assert combined.image[3, 4] == np.median(combined.image[~combined.bad])
    assert np.isnan(combined.variance[3, 4])


def test_a_stack_of_equal_frames_has_no_variance():
    frame = np.arange(600.0).reshape(SHAPE)
    combined = combine_frames([frame] * 5)
    np.testing.assert_array_equal(combined.image, frame)
    np.testing.assert_array_equal(combined.variance, 0)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(7)))
def test_the_order_of_frames_changes_no_bit(order):
    _, frames = make_frames(n=7)
    one = combine_frames(frames)
    other = combine_frames([frames[i] for i in order])
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.variance, other.variance)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 100), st.integers(0, 6))
def test_a_brighter_frame_with_its_scale_changes_nothing(factor, which):
    _, frames = make_frames(n=7)
    scales = [1.0] * 7
    brighter = list(frames)
    brighter[which], scales[which] = frames[which] * factor, factor
    one, other = combine_frames(frames), combine_frames(brighter, scales=scales)
    # Rounding to float32 moves values near the clipping limit by 1e-7 of themselves;
    # a value that changes sides there moves the mean by less than the noise.
    same = np.isclose(one.image, other.image, rtol=1e-5)
    assert same.mean() > 0.99


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 6), st.integers(0, 2**32 - 1))
def test_what_is_masked_might_as_well_not_be_there(which, seed):
    _, frames = make_frames(n=7)
    left_out = np.random.default_rng(seed).random(SHAPE) < 0.3
    masks = [np.zeros(SHAPE, bool) for _ in frames]
    masks[which] = left_out
    spoilt = [*frames]
    spoilt[which] = np.where(left_out, 1e6, frames[which])
    masked = combine_frames(spoilt, masks=masks)
    whole = combine_frames(frames)
    without = combine_frames([f for i, f in enumerate(frames) if i != which])
    expected = np.where(left_out, without.image, whole.image)
    np.testing.assert_array_equal(masked.image, expected)


def test_few_frames_take_their_error_from_the_inputs():
    _, frames = make_frames(n=3)
    planes = [np.full(SHAPE, 36.0)] * 3
    combined = combine_frames(frames, variances=planes)
    kept_all = combined.n_kept == 3
    np.testing.assert_allclose(combined.variance[kept_all], 12.0, rtol=1e-6)


def test_rows_are_taken_a_few_at_a_time_without_a_difference(monkeypatch):
    _, frames = make_frames(n=6)
    whole = combine_frames(frames)
    monkeypatch.setattr(combine, "BLOCK_BYTES", 8 * 30 * 6 * 3)
    np.testing.assert_array_equal(whole.image, combine_frames(frames).image)


def test_a_big_stack_is_kept_on_disk():
    _, frames = make_frames(n=6)
    stack = FrameStack(6, SHAPE, max_bytes=1000)
    for frame in frames:
        stack.add(frame)
    assert isinstance(stack.array, np.memmap)
    np.testing.assert_array_equal(
        combine_frames(stack).image, combine_frames(frames).image
    )


def test_frames_of_different_shapes_are_refused():
    with pytest.raises(ImageError, match=r"shape \(4, 4\)"):
        combine_frames([np.zeros(SHAPE), np.zeros((4, 4))])


def test_too_few_usable_frames_are_refused():
    frames = [np.ones(SHAPE), np.full(SHAPE, np.nan), np.full(SHAPE, np.nan)]
    with pytest.raises(ImageError, match="1 of 3 frames"):
        combine_frames(frames)
    with pytest.raises(ImageError, match="no frame"):
        combine_frames([])


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan])
def test_a_scale_that_is_not_positive_is_refused(scale):
    with pytest.raises(ImageError, match="must be positive"):
        combine_frames([np.ones(SHAPE)] * 3, scales=[1.0, 1.0, scale])
