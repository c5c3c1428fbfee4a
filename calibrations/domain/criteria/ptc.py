"""Criteria of photon transfer curves. Standard library only."""

import math
from collections.abc import Mapping

from calibrations.domain.criteria.base import Criterion, Measured

__all__ = ["A00_RANGES", "CRITERIA"]

GAIN_PERCENT = 5.0
NOISE_PERCENT = 5.0
NOISE_CHI_SQUARED = 1.25
FULL_WELL_E = 90000.0

A00_RANGES: Mapping[str, tuple[float, float]] = {
    "ITL": (-4.56e-6, 6.91e-7),
    "E2V": (-3.52e-6, -2.61e-6),
}
"""By vendor, 1/electron; the ends are outside."""


def _noise_limit(measured: Measured) -> float:
    """1.25, or five standard deviations of a reduced chi² of so few pairs."""
    chance = 1.0 + 5.0 * math.sqrt(2.0 / (measured["N_PAIRS"] - 1.0))
    return max(NOISE_CHI_SQUARED, chance)


CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        stage="PTC",
        level="AMP",
        test="PTC_GAIN",
        statistic="abs(PTC_GAIN - AMP_GAIN) / AMP_GAIN * 100",
        definition="The gain is within 5 % of the camera model's.",
        sense="<",
        limit_expression="5.0",
        unit="%",
        dmtn101="16.1",
        value=lambda m: abs(m["PTC_GAIN"] - m["AMP_GAIN"]) / m["AMP_GAIN"] * 100.0,
        limit=lambda m: GAIN_PERCENT,
    ),
    Criterion(
        stage="PTC",
        level="AMP",
        test="PTC_NOISE",
        statistic="abs(PTC_NOISE - AMP_NOISE) / AMP_NOISE * 100",
        definition="The read noise is within 5 % of the camera model's.",
        sense="<",
        limit_expression="5.0",
        unit="%",
        dmtn101="16.2",
        value=lambda m: abs(m["PTC_NOISE"] - m["AMP_NOISE"]) / m["AMP_NOISE"] * 100.0,
        limit=lambda m: NOISE_PERCENT,
    ),
    Criterion(
        stage="PTC",
        level="AMP",
        test="NOISE_SIGNAL_INDEPENDENCE",
        statistic="NOISE_CHI_SQUARED",
        definition=(
            "The noise of the overscan is the same in all pairs: its reduced chi² "
            "about the mean is below 1.25, or below what chance allows with so few "
            "pairs (five standard deviations)."
        ),
        sense="<",
        limit_expression="max(1.25, 1 + 5 * sqrt(2 / (N_PAIRS - 1)))",
        unit="",
        dmtn101="—",
        value=lambda m: m["NOISE_CHI_SQUARED"],
        limit=_noise_limit,
        upstream=(
            "Upstream divides by the standard deviation of the values themselves, so "
            "that it compares their scatter in ADU with 1.25. Here the errors are "
            "those of the overscan's number of pixels. With 40 pairs a chi² of 1.25 "
            "is exceeded by one good amplifier in seven, hence the second limit."
        ),
    ),
    Criterion(
        stage="PTC",
        level="AMP",
        test="PTC_TURNOFF",
        statistic="90000 - PTC_TURNOFF * PTC_GAIN",
        definition=(
            "The curve turns off above the required full well of 90 000 electrons: "
            "what is missing to it is negative."
        ),
        sense="<",
        limit_expression="0",
        unit="electron",
        dmtn101="16.3",
        value=lambda m: FULL_WELL_E - m["PTC_TURNOFF"] * m["PTC_GAIN"],
        limit=lambda m: 0.0,
    ),
    Criterion(
        stage="PTC",
        level="AMP",
        test="PTC_BFE_A00",
        statistic="abs(PTC_BFE_A00 - (A00_MIN + A00_MAX) / 2)",
        definition=(
            "The brighter-fatter coefficient a00 lies in its vendor's range: ITL "
            "-4.56e-6 to 6.91e-7, E2V -3.52e-6 to -2.61e-6, per electron."
        ),
        sense="<",
        limit_expression="(A00_MAX - A00_MIN) / 2",
        unit="1/electron",
        dmtn101="16.4",
        value=lambda m: abs(m["PTC_BFE_A00"] - 0.5 * (m["A00_MIN"] + m["A00_MAX"])),
        limit=lambda m: 0.5 * (m["A00_MAX"] - m["A00_MIN"]),
    ),
)
