"""Effects switched on: what is on file, and what of it is in the pixels."""

import dataclasses

import numpy as np
import pytest

from calibrations.simulation.effects import Effects, full_effects
from calibrations.simulation.pixels import expose
from calibrations.simulation.plan import (
    AmplifierSize,
    Night,
    ObservatoryPlan,
    list_exposures,
)
from calibrations.simulation.readout import respond
from calibrations.simulation.truth import (
    amplifier_pixels,
    load_truth,
    make_truth,
    save_truth,
)

PLAN = ObservatoryPlan(
    seed=3,
    size=AmplifierSize(60, 90),
    nights=(Night(20260101, {"dark": 1, "flat": 1, "science": 1}),),
    saturated_flat=None,
    effects=full_effects(),
)
DARK, FLAT, SCIENCE = list_exposures(PLAN)


def with_effects(**changes):
    return dataclasses.replace(PLAN, effects=Effects(**changes))


@pytest.fixture(scope="module")
def truth():
    return make_truth(PLAN, 4)


def data(plan, adu):
    """Light-sensitive pixels and overscan above its far columns, in ADU."""
    size = plan.size
    frame = adu[:, : size.ny].astype(float)
    end = size.prescan + size.nx
    frame -= np.median(frame[:, :, end + 20 :], axis=(1, 2), keepdims=True)
    return frame[:, :, size.prescan : end], frame[:, :, end:]


def test_the_truth_of_every_effect_is_on_file(truth, tmp_path):
    save_truth(tmp_path, truth)
    loaded = load_truth(tmp_path, 4)

    for field in dataclasses.fields(truth):
        np.testing.assert_array_equal(
            getattr(loaded, field.name), getattr(truth, field.name)
        )
        assert np.size(getattr(loaded, field.name)) > 0, field.name
    assert loaded.a_matrix[0, 0] == -3e-6
    assert loaded.a_matrix[1, 0] > loaded.a_matrix[0, 1] > 0
    assert loaded.covariances_e2(50000.0)[0, 0] < 45000.0
    seen = loaded.responded_e("C12", np.array([1e5]))
    assert seen == pytest.approx(respond(np.array([1e5]), loaded.nonlinearity[2]))
    assert 0.985 < seen / 1e5 < 0.997


def test_gain_and_noise_are_those_without_effects(truth):
    plain = make_truth(dataclasses.replace(PLAN, effects=Effects()), 4)

    np.testing.assert_array_equal(plain.gain, truth.gain)
    np.testing.assert_array_equal(plain.bias_level_adu, truth.bias_level_adu)
    np.testing.assert_array_equal(plain.crosstalk, np.zeros((16, 16)))
    assert plain.area_change.size == plain.fringes.size == plain.defects.size == 0


def test_planted_defects_are_in_the_images_and_nowhere_else(truth):
    n = PLAN.effects.planted_defects
    kinds = list(truth.defect_kinds)
    assert kinds.count("bias") == 16 * n
    # And one column each.
    assert kinds.count("hot") == kinds.count("cold") == 16 * n + 1
    hot = np.zeros(truth.dark_e_per_s.shape, bool)
    for (x, y, width, height), kind in zip(
        truth.defects, truth.defect_kinds, strict=True
    ):
        if kind == "hot":
            hot[y : y + height, x : x + width] = True
    np.testing.assert_array_equal(truth.dark_e_per_s > 5.0, hot)


def test_hot_pixels_shine_in_a_dark(truth):
    pixels, _ = data(PLAN, expose(PLAN, truth, DARK))
    current = np.stack(
        [amplifier_pixels(truth.dark_e_per_s, name) for name in truth.amplifiers]
    )
    electrons = pixels * truth.gain[:, np.newaxis, np.newaxis]
    hot = current > 5.0

    # 10 e-/s in 30.4 s, less what a cosmic ray or a neighbour changes.
    assert np.median(electrons[hot]) == pytest.approx(304.0, abs=10.0)
    assert abs(np.median(electrons[~hot])) < 10.0


def test_deferred_charge_trails_into_the_overscan():
    plan = with_effects(drift_scale=(3e-4, 3e-4), trap_size_e=(8.0, 8.0))
    truth = make_truth(plan, 4)
    without = with_effects()
    for number, (one, trails) in enumerate(((plan, True), (without, False))):
        _, overscan = data(one, expose(one, make_truth(one, 4), FLAT))
        first = overscan[:, :, 0].mean(axis=1) * truth.gain
        # 50 000 × 3e-4 × exp(−1/2.4) of the drift and 7 of the trap.
        error = truth.nominal_read_noise_e.max() / np.sqrt(plan.size.ny)
        expected = 17.0 * trails
        assert np.all(np.abs(first - expected) < 5 * error + 2), number


def test_an_amplifier_that_bends_reads_less_of_a_bright_flat():
    plan = with_effects(nonlinearity=(0.01, 0.01))
    truth = make_truth(plan, 4)
    straight, _ = data(with_effects(), expose(with_effects(), truth, FLAT))
    bent, _ = data(plan, expose(plan, truth, FLAT))
    ratio = bent.mean(axis=(1, 2)) / straight.mean(axis=(1, 2))
    level = straight.mean(axis=(1, 2)) * truth.gain
    expected = [
        respond(np.array([s]), curve)[0] / s
        for s, curve in zip(level, truth.nonlinearity, strict=True)
    ]

    # The same noise is in both; pixels scatter by a per cent around their mean.
    np.testing.assert_allclose(ratio, expected, atol=1e-4)
    assert np.all(ratio < 0.997)


def test_science_frames_show_stars_fringes_and_ghosts(truth):
    plan = with_effects(stars=2, fringe_amplitude=0.05, crosstalk=0.01)
    own = make_truth(plan, 4)
    pixels, _ = data(plan, expose(plan, own, SCIENCE))
    plain = with_effects()
    empty, _ = data(plain, expose(plain, make_truth(plain, 4), SCIENCE))

    assert pixels.max() > 10000.0 > empty.max()
    scatter = pixels.std(axis=(1, 2)) / np.median(pixels, axis=(1, 2))
    assert np.all(scatter > empty.std(axis=(1, 2)) / np.median(empty, axis=(1, 2)))
    # A ghost stands where the source does, readout order, an amplifier further.
    source = int(np.argmax(pixels.max(axis=(1, 2))[:-1]))
    place = np.unravel_index(np.argmax(pixels[source]), pixels[source].shape)
    ghost = pixels[source + 1][place] - np.median(pixels[source + 1])
    expected = own.crosstalk[source, source + 1] * pixels[source][place]
    assert ghost == pytest.approx(expected, abs=6 * np.sqrt(3200.0))
    assert expected > 3 * np.sqrt(3200.0)


def test_dust_tearing_and_vignetting_shape_the_light(truth):
    plain = make_truth(with_effects(), 8)
    dusty = make_truth(with_effects(dust=2, vignetting=0.1), 8)
    ratio = dusty.response / plain.response

    # Detector 8 is in the corner: its own corner is darkest, its inner one nearly not.
    assert ratio[-1, -1] < ratio[0, 0]
    assert ratio[0, 0] == pytest.approx(1.0, abs=0.05)
    assert ratio.min() < 1 - 0.9 * PLAN.effects.dust_depth
    steps = np.unique(np.round(truth.tearing.astype(float), 4))
    np.testing.assert_allclose(steps, [0.996, 1.0, 1.004])
    # What one column loses its neighbour has.
    np.testing.assert_allclose(truth.tearing.mean(axis=1), 1.0, atol=1e-6)
