"""The files say what the truth says, within the noise: measured by plain means."""

import json

import numpy as np
import pytest
from astropy.io import fits

from calibrations.simulation.pixels import expose
from calibrations.simulation.plan import list_exposures
from calibrations.simulation.truth import amplifier_pixels, load_truth
from tests.support.observatory import FIRST_NIGHT, SECOND_NIGHT


@pytest.fixture(scope="module")
def truth(observatory):
    return load_truth(observatory.truth, 4)


@pytest.fixture(scope="module")
def exposures(observatory):
    return json.loads((observatory.truth / "plan.json").read_text())["exposures"]


def segments(observatory, exposure_id, detector="R22_S11"):
    """All segments of an exposure as floats, shape (16, ny, nx)."""
    day, seq = divmod(exposure_id, 100000)
    ending = f"{seq:06d}_{detector}.fits"
    (path,) = [p for p in observatory.nights[day] if p.name.endswith(ending)]
    with fits.open(path) as hdus:
        return np.stack([hdu.data for hdu in hdus[1:]]).astype(np.float64)


def of_kind(exposures, kind, day=FIRST_NIGHT):
    return [e for e in exposures if e["kind"] == kind and e["id"] // 100000 == day]


def lit(plan, data):
    return data[..., : plan.size.ny, plan.size.prescan : plan.size.prescan + 128]


def overscan(plan, data):
    return data[..., plan.size.prescan + plan.size.nx :]


def test_the_overscan_lies_at_the_level_of_its_exposure(
    plan, observatory, truth, exposures
):
    exposure = of_kind(exposures, "bias")[3]
    level = overscan(plan, segments(observatory, exposure["id"])).mean(axis=(1, 2))

    expected = truth.bias_level_adu + exposure["level_drift_adu"]["4"]
    error = truth.read_noise_e / truth.gain / np.sqrt(112 * 64)
    assert np.all(np.abs(level - expected) < 5 * error)
    # The drift is there to be found: the usual level alone would not do.
    assert np.any(np.abs(level - truth.bias_level_adu) > 5 * error)


def test_read_noise_is_the_true_one_and_grows_on_the_night_it_is_told_to(
    plan, observatory, truth, exposures
):
    faulty = truth.amplifiers == "C03"
    for day, expected in (
        (FIRST_NIGHT, truth.read_noise_e),
        (SECOND_NIGHT, np.where(faulty, 1.18 * truth.nominal_read_noise_e, np.nan)),
    ):
        exposure = of_kind(exposures, "bias", day)[0]
        pixels = overscan(plan, segments(observatory, exposure["id"]))
        noise_e = pixels.std(axis=(1, 2)) * truth.gain
        # Rounding to whole numbers adds a twelfth of an ADU squared.
        noise_e = np.sqrt(noise_e**2 - truth.gain**2 / 12)
        error = noise_e / np.sqrt(2 * 112 * 64)
        told = np.isfinite(expected)
        assert np.all(np.abs(noise_e - expected)[told] < 5 * error[told])


def test_a_mean_bias_shows_the_true_structure(plan, observatory, truth, exposures):
    frames = [segments(observatory, e["id"]) for e in of_kind(exposures, "bias")]
    levels = [overscan(plan, f).mean(axis=(1, 2), keepdims=True) for f in frames]
    mean = np.mean([lit(plan, f - v) for f, v in zip(frames, levels, strict=True)], 0)

    for number, name in enumerate(truth.amplifiers):
        difference = mean[number] - amplifier_pixels(truth.bias_adu, name)
        noise = truth.read_noise_e[number] / truth.gain[number] / np.sqrt(len(frames))
        assert abs(difference.mean()) < 0.1 * noise
        assert difference.std() == pytest.approx(noise, rel=0.05)
        # Without the structure the difference would be far larger.
        assert mean[number].std() > 1.2 * noise


def test_darks_collect_the_true_current(plan, observatory, truth, exposures):
    darks = of_kind(exposures, "dark")
    frames = [segments(observatory, e["id"]) for e in darks]
    levels = [overscan(plan, f).mean(axis=(1, 2), keepdims=True) for f in frames]
    mean = np.mean([lit(plan, f - v) for f, v in zip(frames, levels, strict=True)], 0)

    for number, name in enumerate(truth.amplifiers):
        current = amplifier_pixels(truth.dark_e_per_s, name) * darks[0]["dark_time_s"]
        measured = mean[number] - amplifier_pixels(truth.bias_adu, name)
        measured = measured * truth.gain[number]
        error = np.sqrt(truth.read_noise_e[number] ** 2 + current.mean()) / np.sqrt(
            measured.size * len(frames)
        )
        assert abs(measured.mean() - current.mean()) < 6 * error
        hot = current > 100.0
        assert np.all(measured[hot] > 50.0)


def test_a_flat_shows_the_true_response_and_light(plan, observatory, truth, exposures):
    exposure = of_kind(exposures, "flat")[0]
    data = segments(observatory, exposure["id"])
    data = lit(plan, data - overscan(plan, data).mean(axis=(1, 2), keepdims=True))
    for number, name in enumerate(truth.amplifiers):
        expected = exposure["light_e"] * amplifier_pixels(truth.response, name)
        electrons = data[number] - amplifier_pixels(truth.bias_adu, name)
        electrons = electrons * truth.gain[number]
        residual = electrons - expected
        assert abs(residual.mean()) < 5 * np.sqrt(expected.mean() / expected.size)
        # The brighter-fatter effect takes noise from a bright flat: some, not much.
        ratio = residual.std() / np.sqrt(expected.mean())
        assert 0.88 < ratio < 0.97
        # The response is seen, not only the light.
        assert np.corrcoef(electrons.ravel(), expected.ravel())[0, 1] > 0.7


def test_flats_fluctuate_and_the_planted_one_is_saturated(
    plan, observatory, truth, exposures
):
    flats = of_kind(exposures, "flat")
    light = np.array([e["light_e"] for e in flats])
    saturated = np.array([e["saturated"] for e in flats])

    assert list(np.flatnonzero(saturated)) == [2]
    assert 0.005 < np.std(light[~saturated]) / plan.flat_level_e < 0.05
    data = segments(observatory, flats[2]["id"])
    full_adu = truth.bias_level_adu + truth.full_well_e / truth.gain
    median = np.median(lit(plan, data), axis=(1, 2))
    np.testing.assert_allclose(median, full_adu, atol=30.0)


def test_pixels_are_the_same_whatever_else_is_simulated(plan, truth):
    exposure = list_exposures(plan)[7]

    np.testing.assert_array_equal(
        expose(plan, truth, exposure), expose(plan, truth, exposure)
    )
