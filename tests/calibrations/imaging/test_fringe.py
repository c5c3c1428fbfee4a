"""Fringes of a known amplitude are recovered to two per cent."""

import numpy as np
import pytest

from calibrations.imaging.combine import combine_frames
from calibrations.imaging.errors import ImageError
from calibrations.imaging.fringe import (
    FringeSettings,
    fringe_amplitude,
    fringe_scale,
    halves,
    relative_sky,
    residual_amplitude,
)

SHAPE = (320, 256)
AMPLITUDE = 0.04
N_FRAMES = 10


def pattern():
    """Bent stripes 40 pixels wide, of unit amplitude and zero mean."""
    y, x = np.indices(SHAPE)
    stripes = np.sin(2 * np.pi * (x + 0.3 * y + 12 * np.sin(y / 50)) / 40)
    return stripes - stripes.mean()


def make_science(amplitude=AMPLITUDE, *, sky=6000.0, n_stars=12, seed=1):
    """A science frame in electrons: sky with fringes, stars, photon and read noise."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(SHAPE)
    light = sky * (1 + amplitude * pattern())
    for _ in range(n_stars):
        y0, x0 = rng.uniform(0, SHAPE[0]), rng.uniform(0, SHAPE[1])
        flux = 10 ** rng.uniform(3.0, 4.5)
        light += flux * np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / (2 * 2.0**2))
    noisy = rng.poisson(light) + rng.normal(0, 8.0, SHAPE)
    return noisy.astype(np.float32)


def combine(amplitude=AMPLITUDE, **given):
    frames = [
        relative_sky(make_science(amplitude, sky=4000.0 + 500 * i, seed=i, **given))
        for i in range(N_FRAMES)
    ]
    return combine_frames(
        [frame.image for frame in frames], masks=[frame.left_out for frame in frames]
    )


@pytest.fixture(scope="module")
def combined():
    return combine()


# RMS of bent stripes is not quite that of a sine: the truth is measured on the truth.
TRUTH = AMPLITUDE * float(np.sqrt(2) * pattern().std())


def test_amplitude_is_recovered_to_two_per_cent(combined):
    amplitude, error = fringe_amplitude(combined.image, combined.variance, combined.bad)
    # Sky 4000 to 8500 e- in ten frames: 0.4 % a pixel, so over 80000 pixels the
    # amplitude is known to 0.05 %; the wings of stars left by the mask add more.
    assert error < 0.001 * TRUTH
    assert amplitude == pytest.approx(TRUTH, rel=0.02)


def test_the_measure_fails_for_zeros_and_what_is_not_fringed(combined):
    zeros = np.zeros_like(combined.image)
    assert fringe_amplitude(zeros, combined.variance)[0] == 0.0
    # Frames without fringes give none, within three errors.
    plain = combine(0.0)
    amplitude, _ = fringe_amplitude(plain.image, plain.variance, plain.bad)
    assert amplitude < 0.1 * TRUTH
    # Noise that is not taken off shows in the amplitude.
    raw, _ = fringe_amplitude(combined.image, zeros)
    assert raw > amplitude
    # A sky that is not divided by gives electrons.
    science = make_science()
    assert fringe_amplitude(science, zeros)[0] > 100


def test_the_pattern_is_that_of_the_truth(combined):
    truth = AMPLITUDE * pattern()
    difference = (combined.image - truth)[~combined.bad]
    # 0.4 % of noise a pixel; a pattern off by a tenth of the amplitude adds as much.
    assert difference.std() < 0.0055
    assert abs(difference.mean()) < 0.001


def test_stars_are_masked_and_fringes_are_not():
    science = make_science(0.08, n_stars=6, seed=3)
    frame = relative_sky(science)
    clean = make_science(0.08, n_stars=0, seed=3)
    assert 0.005 < frame.left_out.mean() < 0.1
    assert relative_sky(clean).left_out.mean() < 0.001
    assert frame.background == pytest.approx(6000, rel=0.01)
    # What is left shows no star: 0.08 of fringes and 1.3 % of noise.
    assert np.abs(frame.image[~frame.left_out]).max() < 0.08 + 6 * 0.015
    # Without the mask a star would be seen in the frame.
    unmasked = relative_sky(science, settings=FringeSettings(detection_sigma=1e9))
    assert unmasked.left_out.sum() == 0
    assert unmasked.image.max() > 0.3


def test_a_frame_is_fitted_by_the_fringes_it_has(combined):
    for share in (0.5, 1.0, 1.5):
        frame = relative_sky(make_science(share * AMPLITUDE, seed=40))
        scale, error = fringe_scale(
            frame.image,
            combined.image,
            frame.left_out | combined.bad,
            fringe_variance=combined.variance,
        )
        # 1.3 % of noise against 2.8 % of pattern over 80000 pixels: 0.2 %.
        assert error < 0.003
        assert scale == pytest.approx(share, abs=5 * error + 0.01)
    # A frame of other fringes, or none, has no share of them.
    other = relative_sky(make_science(0.0, seed=41))
    scale, error = fringe_scale(other.image, combined.image, other.left_out)
    assert abs(scale) < 5 * error + 0.01


def test_subtraction_leaves_noise(combined):
    frame = relative_sky(make_science(seed=50))
    variance = (frame.image + 1) / frame.background + (8 / frame.background) ** 2
    mask = frame.left_out | combined.bad
    first, second = halves(SHAPE)
    scale, _ = fringe_scale(frame.image, combined.image, mask | ~first)
    before, _ = residual_amplitude(frame.image, variance, mask | ~second)
    after, _ = residual_amplitude(
        frame.image - scale * combined.image,
        variance + combined.variance,
        mask | ~second,
    )
    # Averaging blocks of four loses 2 % of stripes 40 pixels wide.
    assert before == pytest.approx(TRUTH, rel=0.06)
    assert after < 0.1 * before
    # The fringe frame of another filter leaves them where they are, and adds its own.
    wrong = combined.image[:, ::-1]
    worse, _ = residual_amplitude(
        frame.image - wrong, variance + combined.variance, mask | ~second
    )
    assert worse > before


def test_masks_and_nan_are_respected(combined):
    science = make_science()
    science[10:20] = np.nan
    mask = np.zeros(SHAPE, bool)
    mask[:, :30] = True
    science[:, :30] = 1e6
    frame = relative_sky(science, mask)
    assert frame.left_out[10:20].all()
    assert frame.left_out[:, :30].all()
    assert frame.background == pytest.approx(6000, rel=0.01)
    holes = combined.image.copy()
    holes[5] = np.nan
    assert fringe_amplitude(holes, combined.variance)[0] == pytest.approx(
        TRUTH, rel=0.03
    )


def test_bad_input_is_refused():
    with pytest.raises(ImageError, match="sky is"):
        relative_sky(np.random.default_rng(0).normal(-3, 1, (50, 50)))
    with pytest.raises(ImageError, match="100 % of the science frame"):
        relative_sky(np.full((50, 50), np.nan))
    with pytest.raises(ImageError, match="mask has shape"):
        relative_sky(np.ones((50, 50)), np.zeros((4, 4), bool))
    with pytest.raises(ImageError, match="frame has shape"):
        fringe_scale(np.ones((5, 5)), np.ones((4, 4)))
    # A constant frame is a sky without scatter, and without fringes.
    frame = relative_sky(np.full((50, 50), 100.0))
    assert not frame.left_out.any()
    assert fringe_amplitude(frame.image, np.zeros((50, 50))) == (0.0, 0.0)
    assert np.isnan(fringe_scale(frame.image, frame.image)[0])
    assert np.isnan(fringe_amplitude(np.full((5, 5), np.nan), np.ones((5, 5)))[0])


def test_halves_share_nothing_and_miss_nothing():
    first, second = halves((130, 70), tile=32)
    assert (first ^ second).all()
    assert 0.4 < first.mean() < 0.6
