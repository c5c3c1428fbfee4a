"""Criteria of linearizers. Standard library only."""

from calibrations.domain.criteria.base import Criterion, Measured

__all__ = ["CRITERIA", "MAX_QUADRATIC_PER_ADU", "MAX_RESIDUAL_PERCENT"]

MAX_RESIDUAL_PERCENT = 1.0
MAX_QUADRATIC_PER_ADU = 1e-6
MAX_CURVE_PERCENT = 0.1


def _limit(measured: Measured) -> float:
    """Per cent for splines and tables, a coefficient for polynomials."""
    if "QUADRATIC" in measured:
        return MAX_QUADRATIC_PER_ADU
    return MAX_RESIDUAL_PERCENT


CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        stage="LINEARITY",
        level="AMP",
        test="MAX_RESIDUAL_ERROR",
        statistic="MAX_RESIDUAL, or QUADRATIC of a polynomial",
        definition=(
            "A second linearizer, measured on linearized flats, has nothing left to "
            "correct. Spline, DoubleSpline and LookupTable: no more than 1 % of the "
            "signal at any knot or count. Squared and Polynomial: a quadratic term of "
            "at most 1e-6 per ADU, and each further term a thousandth of that for "
            "every power of ADU."
        ),
        sense="<=",
        limit_expression="1 (percent), or 1e-6 (1/adu)",
        unit="percent or 1/adu",
        dmtn101="—",
        value=lambda m: m["QUADRATIC"] if "QUADRATIC" in m else m["MAX_RESIDUAL"],
        limit=_limit,
        upstream=(
            "Upstream divides a spline by its first knot, which is 0, so that every "
            "spline fails; compares a table's fraction with a percentage, so that 100 "
            "% pass; does not know DoubleSpline; and compares the higher terms of a "
            "polynomial with its measured quadratic one, which good polynomials fail."
        ),
    ),
    Criterion(
        stage="LINEARITY",
        level="AMP",
        test="RESIDUAL_CURVE",
        statistic="MAX_EXCESS",
        definition=(
            "What a second spline still corrects is at most 0.1 % of the signal at "
            "every knot, beyond 5 errors of the measurement. Other kinds have no knots."
        ),
        sense="<=",
        limit_expression="0.1",
        unit="percent",
        dmtn101="—",
        value=lambda m: m["MAX_EXCESS"] if "QUADRATIC" not in m else 0.0,
        limit=lambda m: MAX_CURVE_PERCENT,
        upstream=(
            "Ours: pairs beyond 1 % of a line are beyond the turnoff and take no part, "
            "so that no linearizer at all would pass a limit of 1 %."
        ),
    ),
    Criterion(
        stage="LINEARITY",
        level="AMP",
        test="PROCESSING",
        statistic="FORCE_FAILURE",
        definition=(
            "The amplifier has a linearizer, and enough flats to measure a second one."
        ),
        sense="<=",
        limit_expression="0",
        unit="",
        dmtn101="—",
        value=lambda m: m.get("FORCE_FAILURE", 0.0),
        limit=lambda m: 0.0,
        upstream="Ours: upstream leaves a bad amplifier out, and it passes.",
    ),
)
