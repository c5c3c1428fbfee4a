import numpy as np
import pytest

from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box
from calibrations.imaging.ptc_gain_ratios import (
    BinnedFlat,
    RatioSettings,
    adjust_gains,
    bin_flat,
    choose_reference,
    fit_gain_ratios,
)

NY, NX, LEVEL = 160, 120, 10000.0
BOXES = {
    f"C{j}{i}": Box(NX * i, NY * j, NX * (i + 1), NY * (j + 1))
    for j in range(2)
    for i in range(4)
}
TRUE = np.array([1.50, 1.45, 1.55, 1.48, 1.52, 1.47, 1.53, 1.49])
WRONG = TRUE * (1 + 0.01 * np.array([0, 1, -1, 0.5, 0.3, -0.4, 0.8, -0.6]))


def radius(x, y):
    return np.hypot(x + 900.0, y + 700.0) * 0.05


def flat(seed=13, dead=None):
    """A flat with a falloff with radius and a gradient."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: 2 * NY, : 4 * NX].astype(float)
    light = LEVEL * (1 - 4e-5 * radius(x, y) ** 2) * (1 + 2e-4 * x - 1e-4 * y)
    image = rng.poisson(light).astype(float)
    for gain, box in zip(TRUE, BOXES.values(), strict=True):
        image[box.slices] /= gain
    if dead is not None:
        image[BOXES[dead].slices] *= 0.5
    return image


def ratios_of(image, gains=WRONG, **options):
    binned = bin_flat(image, BOXES, dict(zip(BOXES, gains, strict=True)), **options)
    return fit_gain_ratios(binned, len(BOXES), 0, radius_mm=radius(binned.x, binned.y))


# A bin of 64 pixels has 0.01/8 of its level; some 200 bins an amplifier, and twice that
# for what the light's shape and the reference add.
TOLERANCE = 5 * 2 * 0.01 / np.sqrt(NY * NX)


def test_ratios_of_gains_are_recovered_in_uneven_light():
    expected = WRONG / TRUE / (WRONG[0] / TRUE[0])
    ratios = ratios_of(flat())
    np.testing.assert_allclose(ratios, expected, rtol=0, atol=TOLERANCE)
    adjusted = adjust_gains(WRONG, [ratios, ratios_of(flat(14))])
    relative = adjusted / TRUE
    assert np.ptp(relative) < 2 * TOLERANCE
    # Neither the gains as they were nor the mean of each amplifier would do.
    assert np.ptp(WRONG / TRUE) > 10 * TOLERANCE
    plain = np.array([flat()[box.slices].mean() for box in BOXES.values()]) * WRONG
    assert np.abs(plain / plain[0] - expected).max() > 10 * TOLERANCE


def test_the_median_gain_stays():
    ratios = np.array([1.0, 1.02, 0.99, 1.01])
    gains = np.full(4, 1.5)
    adjusted = adjust_gains(gains, [ratios])
    np.testing.assert_allclose(gains / adjusted, ratios / np.median(ratios))


def test_an_amplifier_far_off_is_left_alone():
    ratios = ratios_of(flat(dead="C02"))
    off = list(BOXES).index("C02")
    assert np.isnan(ratios[off])
    assert np.isfinite(np.delete(ratios, off)).all()
    assert adjust_gains(WRONG, [ratios])[off] == WRONG[off]


def test_bad_pixels_take_no_part():
    image = flat()
    mask = np.zeros(image.shape, bool)
    mask[:, 50:53] = True
    image[mask] = 1e6
    image[100] = np.nan
    expected = WRONG / TRUE / (WRONG[0] / TRUE[0])
    np.testing.assert_allclose(
        ratios_of(image, mask=mask), expected, rtol=0, atol=2 * TOLERANCE
    )
    with pytest.raises(ImageError, match="differ"):
        ratios_of(image, mask=mask[1:])
    nothing = BinnedFlat(*(np.zeros(0) for _ in range(4)))
    assert np.isnan(fit_gain_ratios(nothing, 8, 0)).all()


def test_the_reference_is_quiet_and_typical():
    gains = np.array([1.1, 1.4, 1.5, 1.6, 1.9, np.nan])
    noises = np.array([5.0, 20.0, 5.0, 5.0, 5.0, np.nan])
    turnoffs = np.array([9.0, 9.0, 9.0, 9.0, 2.0, np.nan]) * 1e4
    # Left are 1.1, 1.5 and 1.6: one is noisy, one turns off early, one is bad.
    assert choose_reference(gains, noises, turnoffs) == 2
    with pytest.raises(ImageError, match="2 are needed"):
        choose_reference(gains, noises, turnoffs, RatioSettings(max_noise_e=1.0))
    with pytest.raises(ImageError, match="no flat"):
        adjust_gains(gains, [])
