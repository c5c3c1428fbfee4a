import numpy as np
import pytest

from calibrations.domain.criteria import evaluate_all
from calibrations.imaging.linearity import (
    LinearityType,
    Linearizer,
    join_double_spline,
)
from calibrations.imaging.linearity_checks import residual_linearity

NODES = np.array([0.0, 1000.0, 2000.0, 4000.0])


def make(kind, coeffs=(), **more):
    options = {
        "residuals": np.array([1e-4, -1e-4, np.nan]),
        "signals_adu": np.array([500.0, 1000.0, 2000.0]),
        "used": np.array([True, True, False]),
    }
    return Linearizer(
        "C00", LinearityType(kind), np.asarray(coeffs, float), **(options | more)
    )


def spline(values, error=0.1):
    return make(
        "Spline",
        np.concatenate([NODES, values]),
        fit_params_err=np.full(NODES.size + 2, error),
    )


def outcomes(second):
    found = evaluate_all("LINEARITY", "AMP", residual_linearity(second))
    return {one.criterion.test: one.passed for one in found}


def test_first_knot_is_no_reason_to_fail():
    # Upstream divides by the first knot, which is 0, and fails every spline.
    perfect = spline([0.0, 0.0, 0.0, 0.0])
    assert residual_linearity(perfect)["MAX_RESIDUAL"] == 0
    assert all(outcomes(perfect).values())


def test_spline_is_judged_by_its_largest_relative_value():
    # 1.2 % at 1000 adu is more than 1 %; -0.5 % at 4000 is not.
    bent = spline([0.0, 12.0, 0.0, -20.0])
    assert residual_linearity(bent)["MAX_RESIDUAL"] == pytest.approx(1.2, rel=1e-4)
    assert not outcomes(bent)["MAX_RESIDUAL_ERROR"]
    # 0.5 % passes upstream's limit, and is 5 times ours where it is well measured.
    slightly = spline([0.0, 5.0, 0.0, 0.0])
    assert outcomes(slightly)["MAX_RESIDUAL_ERROR"]
    assert not outcomes(slightly)["RESIDUAL_CURVE"]
    assert outcomes(spline([0.0, 5.0, 0.0, 0.0], error=1.0))["RESIDUAL_CURVE"]


def test_double_splines_and_tables_are_judged_in_per_cent():
    absolute = (NODES, np.array([0.0, 0.0, 30.0, 0.0]))
    both = make("DoubleSpline", join_double_spline(None, absolute))
    assert residual_linearity(both)["MAX_RESIDUAL"] == pytest.approx(1.5, rel=1e-4)
    table = np.zeros(3000)
    table[1500] = 30.0
    looked_up = make("LookupTable", table=table)
    assert residual_linearity(looked_up)["MAX_RESIDUAL"] == pytest.approx(2.0)
    assert not outcomes(looked_up)["MAX_RESIDUAL_ERROR"]


@pytest.mark.parametrize(
    ("kind", "coeffs", "passed"),
    [
        ("Squared", [9e-7], True),
        ("Squared", [-1.1e-6], False),
        ("Polynomial", [1e-9, 9e-10], True),
        ("Polynomial", [1e-9, 1.1e-9], False),
    ],
)
def test_polynomials_are_judged_by_their_terms(kind, coeffs, passed):
    assert outcomes(make(kind, coeffs))["MAX_RESIDUAL_ERROR"] is passed


def test_what_could_not_be_measured_fails():
    numbers = residual_linearity(make("Spline", valid=False, reason="dead"))
    assert numbers == {"FORCE_FAILURE": 1.0}
    failed = outcomes(make("Spline", valid=False, reason="dead"))
    assert not any(failed.values())
