"""Criteria of defects. Standard library only.

They compare what a frame shows with the defects masked and with them in sight. None is
defined in DMTN-101, and ``cp_verify`` says so too.
"""

import math

from calibrations.domain.criteria.base import Criterion, Measured

__all__ = ["CRITERIA"]

MOST_IMPROBABLE = 1e-3
"""Share of an amplifier's pixels: one bad column in five hundred is twice as much."""

SOME_IMPROBABLE = 5.0
"""So many are always allowed, so that chance does not fail a small amplifier."""


def _stdev_limit(measured: Measured) -> float:
    """Scatter with all in sight, and what leaving out pixels at random may add."""
    chance = 5.0 * math.sqrt(measured["DEFECT_PIXELS"] / 2.0) / measured["N_PIXELS"]
    return measured["UNMASKED_STDEV"] * (1.0 + chance)


def _improbable_limit(measured: Measured) -> float:
    """Pixels that may be improbable and yet are no defects."""
    return MOST_IMPROBABLE * measured["N_PIXELS"] + SOME_IMPROBABLE


CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        stage="DEFECTS",
        level="AMP",
        test="OUTLIERS",
        statistic="OUTLIERS",
        definition=(
            "With the defects masked no more pixels lie beyond the 5 sigma clip than "
            "with them in sight."
        ),
        sense="<=",
        limit_expression="UNMASKED_OUTLIERS",
        unit="pixel",
        dmtn101="—",
        value=lambda m: m["OUTLIERS"],
        limit=lambda m: m["UNMASKED_OUTLIERS"],
    ),
    Criterion(
        stage="DEFECTS",
        level="AMP",
        test="STDEV",
        statistic="STDEV",
        definition=(
            "Masking the defects does not raise the clipped scatter, but for what "
            "leaving out as many pixels at random would."
        ),
        sense="<=",
        limit_expression=(
            "UNMASKED_STDEV * (1 + 5 * sqrt(DEFECT_PIXELS / 2) / N_PIXELS)"
        ),
        unit="electron",
        dmtn101="—",
        value=lambda m: m["STDEV"],
        limit=_stdev_limit,
        upstream=(
            "Upstream leaves no room for chance, so an amplifier whose masked pixels "
            "lie within the noise (edges, filled columns) fails every other time."
        ),
    ),
    Criterion(
        stage="DEFECTS",
        level="AMP",
        test="MIN",
        statistic="UNMASKED_MIN",
        definition="The least value without a mask is not above that with one.",
        sense="<=",
        limit_expression="MIN",
        unit="electron",
        dmtn101="—",
        value=lambda m: m["UNMASKED_MIN"],
        limit=lambda m: m["MIN"],
    ),
    Criterion(
        stage="DEFECTS",
        level="AMP",
        test="MAX",
        statistic="MAX",
        definition="The greatest value with a mask is not above that without one.",
        sense="<=",
        limit_expression="UNMASKED_MAX",
        unit="electron",
        dmtn101="—",
        value=lambda m: m["MAX"],
        limit=lambda m: m["UNMASKED_MAX"],
    ),
    Criterion(
        stage="DEFECTS",
        level="AMP",
        test="PROB_TEST",
        statistic="STAT_OUTLIERS",
        definition=(
            "What noise does not explain is in the list: of the pixels that are not "
            "masked, no more than 0.1 %, and 5, are less probable than one in all, "
            "next to their neighbours."
        ),
        sense="<=",
        limit_expression="0.001 * N_PIXELS + 5",
        unit="pixel",
        dmtn101="—",
        value=lambda m: m["STAT_OUTLIERS"],
        limit=_improbable_limit,
        upstream=(
            "Upstream asks that the improbable pixels of the whole amplifier are as "
            "many as the masked ones, exactly; its own comment calls that a bad test, "
            "and it practically always fails. Here those outside of the mask count: a "
            "bad column that is not in the list fails, and the shadow of dust, which "
            "a flat corrects, does not. Upstream also normalises the "
            "image in place, so that what it measures next is of another image."
        ),
    ),
)
