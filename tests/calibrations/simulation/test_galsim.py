"""Our brighter-fatter model beside GalSim's, which traces the borders of pixels.

GalSim's ``SiliconSensor`` moves polygon vertices as found by Poisson solutions of the
chip's electric field (Rowe and others 2015, Lage and others 2017) and follows photons:
nothing of ours is in it. Its chips are weaker than measured ones (a00 −1.1e-6 where
cameras have −1.5 to −3.5e-6), so ours is given GalSim's a00, and its shape is compared.
"""

import galsim
import numpy as np
import pytest

from calibrations.simulation.charge import area_change, collect_light, true_covariances
from calibrations.simulation.sky import draw_stars

SENSOR = "lsst_itl_50_8"
CHARGE_E = 20000.0
SIDE = 17
STAR_E = 1.2e6
STAR_SIGMA = 2.0


@pytest.fixture(scope="module")
def theirs():
    """Relative change of area per electron in the middle pixel of 17 by 17."""
    sensor = galsim.SiliconSensor(name=SENSOR, rng=galsim.BaseDeviate(1))
    image = galsim.ImageF(SIDE, SIDE, scale=0.2)
    before = sensor.calculate_pixel_areas(image, use_flux=False).array.copy()
    image[SIDE // 2 + 1, SIDE // 2 + 1] = CHARGE_E
    after = sensor.calculate_pixel_areas(image).array
    middle = slice(SIDE // 2 - 4, SIDE // 2 + 5)
    return ((after / before - 1) / CHARGE_E)[middle, middle].astype(float)


def check_areas(ours, theirs):
    """Sign of every near neighbour, and sizes relative to the pixel's own.

    GalSim's own chips differ among each other: a neighbour in the column has 0.17 to
    0.18 of a00, one in the row 0.040 to 0.073, a corner 0.041 to 0.048. Half of the
    larger is about how far real chips are apart as well.
    """
    for where in ((4, 4), (5, 4), (4, 5), (5, 5)):
        assert np.sign(ours[where]) == np.sign(theirs[where])
        assert ours[where] == pytest.approx(theirs[where], rel=0.5)
    assert ours[5, 4] > ours[4, 5]


def test_areas_shrink_and_grow_as_a_physical_chip_has_them(theirs):
    ours = area_change(theirs[4, 4])

    check_areas(ours, theirs)
    # Light is not lost in either: what is beyond 4 pixels holds less than a fifth.
    assert theirs.sum() == pytest.approx(0.0, abs=0.2 * abs(theirs[4, 4]))
    for wrong in (np.zeros_like(ours), -ours, ours.T, 3 * ours):
        with pytest.raises(AssertionError):
            check_areas(wrong, theirs)


def test_variance_falls_as_much_as_with_their_areas(theirs):
    level = 50000.0
    ours = true_covariances(area_change(theirs[4, 4]), level, 2)
    # Their kernel, its far tail given back evenly so that no light is lost.
    whole = theirs - theirs.sum() / theirs.size
    expected = true_covariances(whole, level, 2)

    deficit, wanted = level - ours[0, 0], level - expected[0, 0]
    assert deficit == pytest.approx(wanted, rel=0.1)
    assert ours[1, 0] == pytest.approx(expected[1, 0], rel=0.3)
    assert ours[0, 1] == pytest.approx(expected[0, 1], rel=0.3)


def second_moments(image):
    y, x = np.indices(image.shape)
    weight = image / image.sum()
    return [(weight * (axis - (weight * axis).sum()) ** 2).sum() for axis in (x, y)]


def their_star(strength):
    """A star of photons; the same ones whatever the strength of the effect."""
    sensor = galsim.SiliconSensor(
        name=SENSOR, strength=strength, rng=galsim.BaseDeviate(1), nrecalc=100000
    )
    image = galsim.ImageF(33, 33, scale=0.2)
    star = galsim.Gaussian(sigma=STAR_SIGMA * 0.2, flux=STAR_E)
    star.drawImage(image, method="phot", sensor=sensor, rng=galsim.BaseDeviate(5))
    return second_moments(image.array.astype(float))


def our_star(a00):
    light = np.zeros((33, 33), np.float32)
    peak = STAR_E / (2 * np.pi * STAR_SIGMA**2)
    draw_stars(light, np.array([[16.0, 16.0, peak]]), STAR_SIGMA)
    change = area_change(a00) if a00 else np.zeros(0)
    stars = [
        collect_light(np.random.default_rng(seed), light, change).astype(float)
        for seed in range(100)
    ]
    return second_moments(np.mean(stars, axis=0))


def test_bright_stars_grow_as_much_as_theirs(theirs):
    grown = np.subtract(their_star(1.0), their_star(1e-6))
    ours = np.subtract(our_star(theirs[4, 4]), our_star(0.0))

    # Both grow, in y (over weaker barriers) as in x. GalSim's photons are the same
    # with and without: its noise nearly cancels. Ours are 100 stars: each moment has
    # σ² √(2 / N) / 10 = 0.0005 of noise against 0.01.
    assert np.all(grown > 0.005)
    np.testing.assert_allclose(ours, grown, rtol=0.4)
