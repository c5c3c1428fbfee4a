"""Criteria of gains from flat pairs. Standard library only."""

from collections.abc import Mapping

from calibrations.domain.criteria.base import Criterion

__all__ = ["CRITERIA", "GAIN_SLOPES"]

GAIN_PERCENT = 5.0
NOISE_PERCENT = 5.0

GAIN_SLOPES: Mapping[str, float] = {"ITL": 0.00027, "E2V": 0.00046}
"""By vendor: by how many percent an ADU of signal raises the gain of a pair, for want
of a brighter-fatter correction (DM-35790)."""

CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        stage="GAIN",
        level="AMP",
        test="GAIN_FROM_FLAT_PAIR",
        statistic="abs(GAIN_FROM_FLAT_PAIR * GAIN_CORRECTION_FACTOR - AMP_GAIN)"
        " / AMP_GAIN * 100",
        definition=(
            "The gain of flat pairs, corrected for brighter-fatter, is within 5 % of "
            "the camera model's."
        ),
        sense="<",
        limit_expression="5.0",
        unit="%",
        dmtn101="6.1",
        value=lambda m: (
            abs(m["GAIN_FROM_FLAT_PAIR"] * m["GAIN_CORRECTION_FACTOR"] - m["AMP_GAIN"])
            / m["AMP_GAIN"]
            * 100.0
        ),
        limit=lambda m: GAIN_PERCENT,
        upstream=(
            "Upstream asks for vendor e2V where serial numbers say E2V, so that it "
            "fails on these; and its verdicts have no level of amplifiers, so that a "
            "merged failure names none. Here pairs of 2000 to 30 000 ADU are averaged "
            "first; upstream judges each."
        ),
    ),
    Criterion(
        stage="GAIN",
        level="AMP",
        test="ISR_NOISE",
        statistic="abs(ISR_NOISE - AMP_NOISE) / AMP_NOISE * 100",
        definition=(
            "The read noise of the overscans is within 5 % of the camera model's."
        ),
        sense="<",
        limit_expression="5.0",
        unit="%",
        dmtn101="6.2",
        value=lambda m: abs(m["ISR_NOISE"] - m["AMP_NOISE"]) / m["AMP_NOISE"] * 100.0,
        limit=lambda m: NOISE_PERCENT,
    ),
)
