import math

import pytest

from calibrations.domain.criteria import (
    CRITERIA,
    CRITERIA_VERSION,
    criteria_for,
    criterion,
    evaluate,
    evaluate_all,
    succeeded,
)

NOMINAL = {
    "MEAN": 0.5,
    "NOISE": 8.0,
    "CR_NOISE": 8.0,
    "READ_NOISE": 8.0,
    "GAIN": 1.5,
    "READ_NOISE_ADU": 5.0,
    "N_INPUTS": 15.0,
}


@pytest.mark.parametrize(
    ("stage", "level", "test", "measured", "passed"),
    [
        ("BIAS", "AMP", "MEAN", {"MEAN": 7.99}, True),
        ("BIAS", "AMP", "MEAN", {"MEAN": -8.0}, False),
        ("BIAS", "AMP", "NOISE", {"NOISE": 8.39}, True),
        ("BIAS", "AMP", "NOISE", {"NOISE": 8.41}, False),
        # One-sided: an amplifier may be better than nominal.
        ("DARK", "AMP", "NOISE", {"NOISE": 4.0}, True),
        ("DARK", "AMP", "CR_NOISE", {"CR_NOISE": 8.5}, False),
        ("DARK", "AMP", "CR_NOISE", {"CR_NOISE": 7.7}, True),
        ("BIAS", "AMP", "PROCESSING", {}, True),
        ("BIAS", "AMP", "PROCESSING", {"FORCE_FAILURE": 1.0}, False),
        ("BIAS", "AMP", "READ_NOISE_CONSISTENT", {"READ_NOISE_ADU": 5.5}, True),
        ("BIAS", "AMP", "READ_NOISE_CONSISTENT", {"READ_NOISE_ADU": 5.7}, False),
        ("FLAT", "DET", "SCATTER", {"MEAN": 100.0, "SCATTER": 5.0}, True),
        ("FLAT", "DET", "SCATTER", {"MEAN": 100.0, "SCATTER": 5.1}, False),
        ("FLAT", "EXP", "SCATTER", {"MEAN": 50000.0, "SCATTER": 40.0}, True),
        ("FLAT", "EXP", "SCATTER", {"MEAN": -50000.0, "SCATTER": 40.0}, False),
    ],
)
def test_a_test_passes_up_to_its_limit(stage, level, test, measured, passed):
    outcome = evaluate(criterion(stage, level, test), {**NOMINAL, **measured})
    assert outcome.passed is passed


@pytest.mark.parametrize("n_inputs", [5, 15, 100])
@pytest.mark.parametrize("mean", [500.0, 20000.0, 100000.0])
def test_a_perfect_flat_passes_and_a_tenth_more_noise_does_not(mean, n_inputs):
    perfect = math.sqrt(mean + mean / n_inputs + 64)
    numbers = {"MEAN": mean, "READ_NOISE": 8.0, "N_INPUTS": n_inputs}
    noise = criterion("FLAT", "AMP", "NOISE")
    assert evaluate(noise, {**numbers, "NOISE": perfect}).passed
    assert not evaluate(noise, {**numbers, "NOISE": 1.1 * perfect}).passed
    # What upstream asks for would refuse it.
    assert perfect > math.sqrt(mean)


@pytest.mark.parametrize("one", CRITERIA, ids=lambda c: f"{c.stage}-{c.level}-{c.test}")
def test_what_is_not_a_number_does_not_pass(one):
    for numbers in (
        {},
        dict.fromkeys([*NOMINAL, "SCATTER", "FORCE_FAILURE"], math.nan),
    ):
        outcome = evaluate(one, numbers)
        assert outcome.passed is (one.test == "PROCESSING" and not numbers)


def test_the_advisory_test_does_not_decide():
    outcomes = evaluate_all("BIAS", "AMP", {**NOMINAL, "READ_NOISE_ADU": 9.0})
    assert [o.criterion.test for o in outcomes if not o.passed] == [
        "READ_NOISE_CONSISTENT"
    ]
    assert succeeded(outcomes)
    assert not succeeded(evaluate_all("BIAS", "AMP", {**NOMINAL, "NOISE": 9.0}))


def test_the_table_is_complete_and_names_what_there_is():
    numbers = {(c.stage, c.test): c.dmtn101 for c in CRITERIA if c.dmtn101 != "—"}
    assert numbers == {
        ("BIAS", "MEAN"): "4.2",
        ("BIAS", "NOISE"): "4.3",
        ("BIAS", "CR_NOISE"): "4.4",
        ("DARK", "MEAN"): "5.2",
        ("DARK", "NOISE"): "5.3",
        ("DARK", "CR_NOISE"): "5.4",
    }
    assert len({(c.stage, c.level, c.test) for c in CRITERIA}) == len(CRITERIA)
    assert all(c.definition.endswith(".") and c.limit_expression for c in CRITERIA)
    assert CRITERIA_VERSION
    assert len(criteria_for("bias")) == 5
    with pytest.raises(LookupError, match="EXP SCATTER"):
        criterion("FLAT", "AMP", "COLOUR")
