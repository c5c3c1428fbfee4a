"""Tests from the tables of a site's own cp_verify."""

import pytest

from calibrations.domain.verified import read_tests, results_type

AMPLIFIER = {"exposure": 7, "detector": 3, "amplifier": "C10"}


@pytest.mark.parametrize(
    ("tests_type", "expected"),
    [
        ("verifyBiasTests", ("verifyBiasResults", "BIAS")),
        ("verifyFlatDetTests", ("verifyFlatDetResults", "FLAT")),
        ("biasTests", None),
        ("verifyBiasResults", None),
    ],
)
def test_the_table_beside(tests_type, expected):
    assert results_type(tests_type) == expected


def test_an_amplifier_has_a_row_for_each_test_that_was_made():
    row = AMPLIFIER | {
        "BIAS_MEAN": 0.5,
        "BIAS_NOISE": 8.0,
        "BIAS_VERIFY_MEAN": True,
        "BIAS_VERIFY_NOISE": False,
        "BIAS_VERIFY_PROCESSING": None,
    }
    mean, noise = read_tests([row], "BIAS")
    assert (mean["test"], mean["value"], mean["limit"]) == ("MEAN", 0.5, 8.0)
    assert (mean["exposure"], mean["detector"], mean["amplifier"]) == (7, 3, "C10")
    assert mean["passed"] is True
    # The table lacks the read noise: what was decided there stands all the same.
    assert (noise["passed"], noise["value"], noise["limit"]) == (False, None, None)
    assert noise["criteria_version"] == "cp_verify"


def test_rows_of_detectors_and_exposures():
    detector = {
        "exposure": 7,
        "detector": 3,
        "amplifier": None,
        "FLAT_DET_MEAN": 100.0,
        "FLAT_DET_SCATTER": 10.0,
        "FLAT_DET_VERIFY_SCATTER": False,
    }
    exposure = {
        "exposure": 7,
        "detector": None,
        "amplifier": None,
        "flat_SCATTER": 3.0,
        "flat_VERIFY_SCATTER": False,
    }
    first, second = read_tests([detector, exposure], "FLAT")
    assert (first["level"], first["value"], first["limit"]) == ("DET", 0.1, 0.05)
    assert (first["detector"], first["amplifier"]) == (3, "")
    assert (second["level"], second["detector"], second["value"]) == ("EXP", -1, None)
