import numpy as np
import pytest

from calibrations.domain.cameras import camera
from calibrations.simulation.plan import AmplifierFault, AmplifierSize, ObservatoryPlan
from calibrations.simulation.truth import (
    amplifier_pixels,
    load_truth,
    make_truth,
    noise_ratio,
    save_truth,
)

PLAN = ObservatoryPlan(
    size=AmplifierSize(32, 48),
    faults=(AmplifierFault(2, "C05", 1.5, from_day_obs=20260102),),
)


def test_truth_depends_on_the_seed_and_the_detector_alone():
    truth = make_truth(PLAN, 2)

    np.testing.assert_array_equal(truth.response, make_truth(PLAN, 2).response)
    assert not np.array_equal(truth.response, make_truth(PLAN, 3).response)
    other = ObservatoryPlan(seed=PLAN.seed + 1, size=PLAN.size)
    assert not np.array_equal(truth.bias_adu, make_truth(other, 2).bias_adu)


def test_truth_is_kept_beside_the_files(tmp_path):
    truth = make_truth(PLAN, 2)
    save_truth(tmp_path, truth)
    loaded = load_truth(tmp_path, 2)

    assert loaded.detector == 2
    assert list(loaded.amplifiers) == list(camera("LSSTComCam").detector(2).amplifiers)
    np.testing.assert_array_equal(loaded.dark_e_per_s, truth.dark_e_per_s)


def test_gain_is_near_the_nominal_one_but_never_it():
    truth = make_truth(PLAN, 2)
    ratio = truth.gain / truth.nominal_gain

    assert np.all(ratio != 1.0)
    assert np.all(np.abs(ratio - 1.0) < 0.01)


def test_healthy_amplifiers_are_quieter_than_nominal_and_a_fault_begins_on_its_day():
    truth = make_truth(PLAN, 2)
    before = noise_ratio(PLAN, truth, 20260101)
    after = noise_ratio(PLAN, truth, 20260102)

    assert np.all((before >= 0.90) & (before <= 0.92))
    faulty = truth.amplifiers == "C05"
    assert after[faulty] == [1.5]
    np.testing.assert_array_equal(after[~faulty], before[~faulty])


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        # Upper half: turned by 180 degrees, so that its top right pixel comes first.
        ("C10", (3, 1), (2, 0)),
        ("C17", (3, 15), (2, 14)),
        # Lower half: mirrored, so that its bottom right pixel comes first.
        ("C00", (0, 1), (1, 0)),
        ("C07", (0, 15), (1, 14)),
    ],
)
def test_an_amplifier_sees_its_part_of_the_detector(name, first, last):
    image = np.arange(4 * 16).reshape(4, 16)
    view = amplifier_pixels(image, name)

    assert view.shape == (2, 2)
    assert view[0, 0] == image[first]
    assert view[-1, -1] == image[last]
