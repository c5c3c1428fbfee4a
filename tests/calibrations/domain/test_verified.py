"""Tests from the tables of a site's own cp_verify."""

from dataclasses import replace

import pytest

from calibrations.domain import verified
from calibrations.domain.criteria import criterion
from calibrations.domain.verified import read_tests, results_type

AMPLIFIER = {"exposure": 7, "detector": 3, "amplifier": "C10"}


@pytest.mark.parametrize(
    ("tests_type", "expected"),
    [
        ("verifyBiasTests", ("verifyBiasResults", "BIAS")),
        ("verifyFlatDetTests", ("verifyFlatDetResults", "FLAT")),
        ("verifyLinearizerTests", ("verifyLinearizerResults", "LINEARITY")),
        ("verifyPtcDetTests", ("verifyPtcDetResults", "PTC")),
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


def make_criterion(stage, level, test):
    return replace(
        criterion("BIAS", "AMP", "MEAN"), stage=stage, level=level, test=test
    )


def test_what_is_verified_without_an_exposure(monkeypatch):
    """Upstream's columns of each type: some lack exposure, level or VERIFY."""
    table = [
        make_criterion("PTC", "AMP", "PTC_GAIN"),
        make_criterion("LINEARITY", "AMP", "MAX_RESIDUAL_ERROR"),
        make_criterion("CROSSTALK", "DET", "NO_SIGNIFICANT_DETECTION"),
    ]
    monkeypatch.setattr(
        verified, "criteria_for", lambda stage: [c for c in table if c.stage == stage]
    )
    place = {"instrument": "LSSTCam", "detector": 3, "mjd": float("nan")}
    ptc = {**place, "amplifier": "C10", "PTC_VERIFY_PTC_GAIN": True}
    (row,) = read_tests([ptc], "PTC")
    assert (row["exposure"], row["amplifier"], row["passed"]) == (0, "C10", True)

    # A verdict under the test's bare name, beside a number that is none.
    linear = {**place, "amplifier": "C10", "LINEARITY_MAX_RESIDUAL_ERROR": False}
    (row,) = read_tests([linear], "LINEARITY")
    assert row["passed"] is False
    assert not list(
        read_tests([{**linear, "LINEARITY_MAX_RESIDUAL_ERROR": 0.3}], "LINEARITY")
    )

    crosstalk = {
        **place,
        "amplifier": "detector",
        "CROSSTALK_N_VALID": 2,
        "CROSSTALK_VERIFY_NO_SIGNIFICANT_DETECTION": False,
    }
    (row,) = read_tests([crosstalk], "CROSSTALK")
    assert (row["level"], row["amplifier"], row["detector"]) == ("DET", "", 3)
