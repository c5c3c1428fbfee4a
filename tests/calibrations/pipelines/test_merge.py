import pytest
from astropy.table import Table

from calibrations.domain.criteria import evaluate_all
from calibrations.pipelines.judging import judge
from calibrations.pipelines.merge import (
    MergeDetectorRunTask,
    MergeExposureTask,
    MergeRunTask,
    exposure_statistics,
    summary,
)
from calibrations.pipelines.tables import (
    outcome_row,
    outcomes_table,
    stack_tables,
    table_from_rows,
)

GOOD = {
    "MEAN": 0.1,
    "NOISE": 7.0,
    "CR_NOISE": 7.0,
    "READ_NOISE": 7.0,
    "GAIN": 1.4,
    "READ_NOISE_ADU": 5.0,
}


def make_tests(exposure, detector, amplifiers):
    """Tests of a bias; amplifiers give what differs from good."""
    return outcomes_table(
        [
            outcome_row(outcome, exposure, detector, name)
            for name, changes in amplifiers.items()
            for outcome in evaluate_all("BIAS", "AMP", {**GOOD, **changes})
        ]
    )


def make_results(exposure, detector):
    return Table({"exposure": [exposure], "detector": [detector]})


def merge_exposure(*tests):
    task = MergeExposureTask(config=MergeExposureTask.ConfigClass())
    detectors = [int(t["detector"][0]) for t in tests]
    results = [make_results(1, d) for d in detectors]
    return task.run("LSSTComCam", detectors, tests, results)


def test_failures_are_named_and_kept_up_to_the_run():
    merged = merge_exposure(
        make_tests(1, 0, {"C10": {}, "C11": {"NOISE": 8.0, "CR_NOISE": 8.0}}),
        make_tests(1, 5, {"C10": {}}),
    )
    assert merged.stats == {
        "R22_S00": {"SUCCESS": False, "FAILURES": ["C11 NOISE"]},
        "R22_S12": {"SUCCESS": True},
        "SUCCESS": False,
    }
    run = MergeRunTask(config=MergeRunTask.ConfigClass()).run(
        "LSSTComCam", [1], [merged.tests], [merged.results]
    )
    assert run.stats == {
        1: {"SUCCESS": False, "FAILURES": ["R22_S00 C11 NOISE"]},
        "SUCCESS": False,
    }


def test_a_warning_is_listed_and_fails_nothing():
    merged = merge_exposure(make_tests(1, 0, {"C10": {"READ_NOISE_ADU": 9.0}}))
    assert merged.stats == {
        "R22_S00": {"SUCCESS": True, "WARNINGS": ["C10 READ_NOISE_CONSISTENT"]},
        "SUCCESS": True,
    }


def test_flat_failures_of_amplifiers_reach_the_run_beside_the_exposures_own():
    """Upstream keeps only SCATTER here."""
    numbers = {"READ_NOISE": 7.0, "N_INPUTS": 15.0, "MEAN": 100.0, "NOISE": 500.0}
    scattered = {"MEAN": 100.0, "SCATTER": 50.0}
    rows = [outcome_row(o, 3, 8, "C07") for o in evaluate_all("FLAT", "AMP", numbers)]
    rows += [outcome_row(o, 3, 8) for o in evaluate_all("FLAT", "DET", scattered)]
    rows += [outcome_row(o, 3) for o in evaluate_all("FLAT", "EXP", scattered)]
    found = summary(outcomes_table(rows), {8: "R22_S22"})
    assert found["FAILURES"] == ["R22_S22 C07 NOISE", "R22_S22 SCATTER", "SCATTER"]


def test_the_scatter_of_detectors_is_of_those_with_a_mean():
    table = table_from_rows(
        [{"FLAT_DET_MEAN": value} for value in (90.0, 110.0, None, float("nan"))]
    )
    assert exposure_statistics("FLAT", table) == {"MEAN": 100.0, "SCATTER": 10.0}
    assert exposure_statistics("BIAS", Table()) == {}


def test_rows_with_gaps_and_vectors_of_different_length_stack():
    import numpy as np

    one = table_from_rows([{"a": 1.0, "ok": True, "v": np.ones(3)}])
    two = table_from_rows([{"a": 2.0, "name": "x", "v": np.ones(5)}])
    both = stack_tables([one, two])
    assert both["v"].shape == (2, 5)
    assert np.isnan(both["v"][0, 3:]).all()
    assert both["ok"].mask.tolist() == [False, True]


@pytest.mark.parametrize("n", [0, 1])
def test_an_empty_table_of_tests_has_its_columns(n):
    rows = [outcome_row(o, 1) for o in evaluate_all("FLAT", "EXP", {})][:n]
    table = outcomes_table(rows)
    assert len(table) == n
    assert table["passed"].dtype == bool
    assert table["exposure"].dtype == "int64"


def test_a_calibration_judged_without_exposures_merges_straight_into_the_run():
    """Every row survives, on exposure 0, and failures stand under their detector."""
    task = MergeDetectorRunTask(config=MergeDetectorRunTask.ConfigClass())
    tests = [
        make_tests(0, 0, {"C10": {}, "C11": {"NOISE": 8.0, "CR_NOISE": 8.0}}),
        make_tests(0, 5, {"C10": {"READ_NOISE_ADU": 9.0}}),
    ]
    results = [Table({"detector": [0, 0]}), Table({"detector": [5]})]
    merged = task.run("LSSTComCam", [0, 5], tests, results)
    assert merged.stats == {
        "R22_S00": {"SUCCESS": False, "FAILURES": ["C11 NOISE"]},
        "R22_S12": {"SUCCESS": True, "WARNINGS": ["C10 READ_NOISE_CONSISTENT"]},
        "SUCCESS": False,
    }
    assert len(merged.tests) == sum(map(len, tests))
    assert set(merged.tests["exposure"]) == {0}
    assert merged.results["detector"].tolist() == [0, 0, 5]


@pytest.mark.parametrize(("stage", "has_matrix"), [("Crosstalk", True), ("Ptc", False)])
def test_only_stages_that_compare_amplifiers_have_a_matrix(stage, has_matrix):
    config = MergeDetectorRunTask.ConfigClass()
    config.connections.stage = stage
    connections = config.connections.ConnectionsClass(config=config)
    assert ("inputMatrix" in connections.inputs) == has_matrix
    assert ("matrix" in connections.outputs) == has_matrix


def test_judging_writes_amplifiers_then_the_detector():
    numbers = {"READ_NOISE": 7.0, "N_INPUTS": 15.0, "MEAN": 100.0, "NOISE": 500.0}
    found = judge(
        "FLAT", {"C07": numbers}, detector=8, whole={"MEAN": 100.0, "SCATTER": 1.0}
    )
    assert found.verify["AMP"]["C07"] == {
        "NOISE": False,
        "PROCESSING": True,
        "SUCCESS": False,
    }
    assert found.verify["DET"] == {"SCATTER": True, "SUCCESS": True}
    assert not found.success
    assert found.tests["amplifier"].tolist() == ["C07", "C07", ""]
    # What a test needs and does not find fails it.
    assert not judge("FLAT", {"C07": {}}, detector=8).verify["AMP"]["C07"]["NOISE"]
