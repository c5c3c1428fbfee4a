"""Criteria of fringe frames: ours, for ``cp_verify`` has none. Standard library only.

A science frame is measured before and after its fringes are subtracted, on the half of
the detector that the strength was not fitted on.
"""

import math

from calibrations.domain.criteria.base import Criterion, Measured

__all__ = ["CRITERIA"]

REMAINING = 0.3
"""Share of the structure that may remain: the wider wings of stars and the sky's own
gradients are in it."""

NOISE_ALLOWANCE = 0.01
LEAST_STRENGTH = 0.3
OURS = "Ours: cp_verify has no test of fringes."


def _remaining_limit(measured: Measured) -> float:
    """Allow a share of what was there, or what chance makes of nothing."""
    return max(
        REMAINING * measured["AMPLITUDE_BEFORE"], 3.0 * measured["AMPLITUDE_ERROR"]
    )


def _noise_limit(measured: Measured) -> float:
    """Scatter before, with one per cent and three errors of a scatter."""
    chance = 3.0 / math.sqrt(2.0 * measured["N_PIXELS"])
    return measured["NOISE_BEFORE"] * (1.0 + NOISE_ALLOWANCE + chance)


CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        stage="FRINGE",
        level="AMP",
        test="AMPLITUDE",
        statistic="AMPLITUDE_AFTER",
        definition=(
            "Of the structure in the sky no more than 30 % remains, or no more than "
            "three times its error, once the fringes are subtracted."
        ),
        sense="<=",
        limit_expression="max(0.3 * AMPLITUDE_BEFORE, 3 * AMPLITUDE_ERROR)",
        unit="",
        dmtn101="—",
        value=lambda m: m["AMPLITUDE_AFTER"],
        limit=_remaining_limit,
        upstream=OURS,
    ),
    Criterion(
        stage="FRINGE",
        level="AMP",
        test="NOISE",
        statistic="NOISE_AFTER",
        definition=(
            "Subtracting the fringes does not raise the scatter of the pixels by more "
            "than 1 % and three of its errors: the fringe frame is quiet enough."
        ),
        sense="<=",
        limit_expression="NOISE_BEFORE * (1.01 + 3 / sqrt(2 * N_PIXELS))",
        unit="",
        dmtn101="—",
        value=lambda m: m["NOISE_AFTER"],
        limit=_noise_limit,
        upstream=OURS,
    ),
    Criterion(
        stage="FRINGE",
        level="DET",
        test="PATTERN",
        statistic="0.3 + 5 * SCALE_ERROR",
        definition=(
            "The exposure shows the pattern of the fringe frame, by five errors at "
            "least 30 % as strong as the exposures it was made of: patterns that have "
            "nothing to do with one another are alike by 10 or 20 % by chance."
        ),
        sense="<=",
        limit_expression="SCALE",
        unit="",
        dmtn101="—",
        value=lambda m: LEAST_STRENGTH + 5.0 * m["SCALE_ERROR"],
        limit=lambda m: m["SCALE"],
        upstream=OURS,
    ),
)
