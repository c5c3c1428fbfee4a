import math
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from calibrations.domain.criteria import (
    CRITERIA,
    STAGES,
    changes_of,
    criteria_for,
    criterion,
    evaluate,
    evaluate_all,
    find_statistic,
    requirement,
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


@pytest.mark.parametrize("n_pairs", [0, 1])
def test_a_curve_without_pairs_fails_and_stops_nothing(n_pairs):
    outcomes = evaluate_all("PTC", "AMP", {"N_PAIRS": n_pairs, "NOISE_CHI_SQUARED": 1})
    assert not any(outcome.passed for outcome in outcomes)


def test_the_advisory_test_does_not_decide():
    outcomes = evaluate_all("BIAS", "AMP", {**NOMINAL, "READ_NOISE_ADU": 9.0})
    assert [o.criterion.test for o in outcomes if not o.passed] == [
        "READ_NOISE_CONSISTENT"
    ]
    assert succeeded(outcomes)
    assert not succeeded(evaluate_all("BIAS", "AMP", {**NOMINAL, "NOISE": 9.0}))


def test_the_table_is_complete_and_names_what_there_is():
    # One table of requirements, and every criterion says what stands there.
    assert all(c.dmtn101 == requirement(c.stage, c.test) for c in CRITERIA)
    assert {("BIAS", "NOISE"): "4.3", ("DARK", "CR_NOISE"): "5.4"}.items() <= {
        (c.stage, c.test): c.dmtn101 for c in CRITERIA
    }.items()
    assert len({(c.stage, c.level, c.test) for c in CRITERIA}) == len(CRITERIA)
    assert all(c.definition.endswith(".") and c.limit_expression for c in CRITERIA)
    assert {c.stage for c in CRITERIA} <= set(STAGES.values())
    assert len(criteria_for("bias")) == 5
    with pytest.raises(LookupError, match="EXP SCATTER"):
        criterion("FLAT", "AMP", "COLOUR")


def test_limits_of_an_older_version_stay_readable():
    """The first version knew no photon transfer curve."""
    old = criterion("BIAS", "AMP", "NOISE", version="2026.1")
    new = criterion("BIAS", "AMP", "NOISE")
    assert old is not new
    assert "camera model's: upstream takes" in old.upstream
    assert (old.until, new.since, new.until) == ("2026.1", "2026.2", "")
    assert len(criteria_for("BIAS", version="2026.1")) == len(criteria_for("BIAS"))
    assert evaluate_all("BIAS", "AMP", NOMINAL, version="2026.1")[0].passed
    with pytest.raises(LookupError, match=r"2026\.1, 2026\.2"):
        criteria_for("BIAS", version="1999.9")


def test_a_version_lists_what_it_changed():
    changes = {(c.stage, c.level, c.test): c for c in changes_of("2026.2")}
    noise = changes["BIAS", "AMP", "NOISE"]
    assert noise.before is criterion("BIAS", "AMP", "NOISE", version="2026.1")
    assert noise.after is criterion("BIAS", "AMP", "NOISE")
    assert ("BIAS", "AMP", "MEAN") not in changes
    assert all(c.before is None and c.after for c in changes_of("2026.1"))


def test_statistics_have_upstreams_columns_and_a_unit():
    assert find_statistic("BIAS", "BIAS_MEAN").unit == "electron"
    assert find_statistic("DARK", "DARK_DARK_DIST_50.0_PCT").unit == "electron/s"
    assert find_statistic("FLAT", "FLAT_DET_SCATTER").level == "DET"
    assert find_statistic("FLAT", "flat_SCATTER").level == "EXP"
    assert find_statistic("PTC", "PTC_PTC_GAIN").unit == "electron/adu"
    assert find_statistic("BIAS", "BIAS_COLOUR") is None


def test_the_page_of_criteria_is_in_step(tmp_path):
    """It is written by a command from the same table."""
    call_command("write_criteria", "--check")
    page = tmp_path / "criteria.md"
    with pytest.raises(CommandError, match="write_criteria"):
        call_command("write_criteria", str(page), "--check")
    call_command("write_criteria", str(page), stdout=StringIO())
    text = page.read_text()
    assert all(f"{c.level} {c.test}" in text for c in CRITERIA)
    assert "### 2026.1" in text
