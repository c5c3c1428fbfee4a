"""Criteria of brighter-fatter kernels. Standard library only."""

from calibrations.domain.criteria.base import Criterion, Measured

__all__ = ["CRITERIA"]

REMAINING = 0.5
"""Of the covariance of neighbours; what a kernel of few pairs can be trusted to."""

SIGNIFICANT = 3.0
EXCESS = 0.05

OURS = (
    "Ours: upstream compares sizes of stars before and after, a draft that fails only "
    "when its fit succeeds."
)


def _remaining(measured: Measured) -> float:
    """Covariance that is certainly left, over what there was."""
    left = abs(measured["NEIGHBOUR_AFTER"])
    certain = max(left - SIGNIFICANT * measured["NEIGHBOUR_ERROR"], 0.0)
    return certain / max(measured["NEIGHBOUR_BEFORE"], measured["NEIGHBOUR_ERROR"])


CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        stage="BFK",
        level="AMP",
        test="KERNEL_VALID",
        statistic="1 - KERNEL_VALID",
        definition=(
            "The kernel is valid: zero at its rim, its centre the negative minimum, "
            "nowhere above 0.025 of the centre."
        ),
        sense="<=",
        limit_expression="0",
        unit="",
        dmtn101="—",
        value=lambda m: 1.0 - m["KERNEL_VALID"],
        limit=lambda m: 0.0,
        upstream=(
            "Ours: upstream keeps the validity in the calibration and does not test "
            "it; it also takes the rim's tolerance for a relative one."
        ),
    ),
    Criterion(
        stage="BFK",
        level="AMP",
        test="NEIGHBOUR_COVARIANCE",
        statistic="max(abs(NEIGHBOUR_AFTER) - 3 * NEIGHBOUR_ERROR, 0)"
        " / max(NEIGHBOUR_BEFORE, NEIGHBOUR_ERROR)",
        definition=(
            "Correcting flats takes away at least half of the covariance of "
            "neighbouring pixels (mean of C10 and C01 over the mean squared), as far "
            "as three standard errors can tell."
        ),
        sense="<=",
        limit_expression="0.5",
        unit="",
        dmtn101="—",
        value=_remaining,
        limit=lambda m: REMAINING,
        upstream=OURS,
    ),
    Criterion(
        stage="BFK",
        level="AMP",
        test="VARIANCE",
        statistic="max(abs(VARIANCE_RATIO_AFTER - 1) - 3 * VARIANCE_RATIO_ERROR, 0)",
        definition=(
            "The variance of corrected flats is that of photons and readout within "
            "5 %, as far as three standard errors can tell."
        ),
        sense="<=",
        limit_expression="0.05",
        unit="",
        dmtn101="—",
        value=lambda m: max(
            abs(m["VARIANCE_RATIO_AFTER"] - 1.0)
            - SIGNIFICANT * m["VARIANCE_RATIO_ERROR"],
            0.0,
        ),
        limit=lambda m: EXCESS,
        upstream=OURS,
    ),
)
