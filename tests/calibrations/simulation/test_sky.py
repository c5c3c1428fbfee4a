import numpy as np
import pytest

from calibrations.simulation.effects import Effects
from calibrations.simulation.plan import (
    AmplifierSize,
    Night,
    ObservatoryPlan,
    list_exposures,
)
from calibrations.simulation.sky import (
    add_cosmic_rays,
    draw_stars,
    fringe_pattern,
    list_cosmic_rays,
    list_stars,
)

SHAPE = (128, 400)
PLAN = ObservatoryPlan(
    size=AmplifierSize(64, 50),
    nights=(Night(20260101, {"bias": 1, "dark": 1, "flat": 1, "science": 1}),),
    effects=Effects(stars=3, cosmic_rays_per_s=20.0),
)
BIAS, DARK, FLAT, SCIENCE = list_exposures(PLAN)


def test_a_star_holds_its_light_around_its_place():
    image = np.zeros(SHAPE, np.float32)
    draw_stars(image, np.array([[200.3, 60.0, 50000.0]]), 2.0)
    y, x = np.indices(SHAPE)

    assert image.sum() == pytest.approx(50000.0 * 2 * np.pi * 4, rel=1e-5)
    assert (x * image).sum() / image.sum() == pytest.approx(200.3, abs=1e-3)
    assert (y * image).sum() / image.sum() == pytest.approx(60.0, abs=1e-3)
    # Integration over pixels lowers the peak by 1 / (12 · 2²) or so.
    assert 0.96 < image.max() / 50000.0 < 1.0


def test_stars_lie_inside_and_change_from_exposure_to_exposure():
    stars = list_stars(PLAN, 0, SHAPE, SCIENCE.id)

    assert stars.shape == (3 * 16, 3)
    assert np.all((stars[:, 0] > 8) & (stars[:, 0] < 392))
    assert np.all((stars[:, 2] >= 20000) & (stars[:, 2] <= 100000))
    np.testing.assert_array_equal(stars, list_stars(PLAN, 0, SHAPE, SCIENCE.id))
    assert not np.array_equal(stars, list_stars(PLAN, 0, SHAPE, SCIENCE.id + 1))


def test_fringes_are_nothing_on_average_and_wider_than_a_pixel():
    pattern = fringe_pattern(np.random.default_rng(2), SHAPE)

    assert pattern.mean() == pytest.approx(0.0, abs=1e-4)
    assert pattern.std() == pytest.approx(1.0, abs=1e-4)
    assert np.corrcoef(pattern[:, 1:].ravel(), pattern[:, :-1].ravel())[0, 1] > 0.8


def test_cosmic_rays_hit_darks_and_science_frames_as_often_as_told():
    expected = 20.0 * DARK.dark_time_s * SHAPE[0] * SHAPE[1] / 1e6
    rays = list_cosmic_rays(PLAN, 0, SHAPE, DARK)

    assert abs(len(rays) - expected) < 5 * np.sqrt(expected)
    assert len(list_cosmic_rays(PLAN, 0, SHAPE, SCIENCE)) > 0
    assert len(list_cosmic_rays(PLAN, 0, SHAPE, BIAS)) == 0
    assert len(list_cosmic_rays(PLAN, 0, SHAPE, FLAT)) == 0


def test_a_track_leaves_its_charge_where_it_went_and_ends_at_the_border():
    charge = np.zeros(SHAPE, np.float32)
    add_cosmic_rays(charge, np.array([[10.0, 20.0, 8.0, 0.0, 1000.0]]))
    np.testing.assert_allclose(charge[20, 10:18], 1000.0)
    assert charge.sum() == pytest.approx(8000.0)

    charge[...] = 0
    add_cosmic_rays(charge, np.array([[396.0, 20.5, 8.0, 0.0, 1000.0]]))
    assert charge.sum() == pytest.approx(4000.0)
