"""Criteria of crosstalk. Standard library only."""

import math

from calibrations.domain.criteria.base import Criterion

__all__ = ["CRITERIA"]

CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        stage="CROSSTALK",
        level="DET",
        test="NO_SIGNIFICANT_DETECTION",
        statistic="N_VALID",
        definition=(
            "Measured again on corrected exposures, no pair of amplifiers has a "
            "significant coefficient. Significant is what chance gives to one of a "
            "hundred detectors in all of its pairs, the errors of the matrix counted "
            "in."
        ),
        sense="<=",
        limit_expression="0",
        unit="",
        dmtn101="—",
        value=lambda m: m["N_VALID"] if m["N_MEASURED"] > 0 else math.nan,
        limit=lambda m: 0.0,
        upstream=(
            "Upstream calls 3 sigma significant, which chance gives to half of all "
            "detectors of 240 pairs, and leaves out what the matrix's own errors add; "
            "its verdict has no level, so that a merged failure names nothing. A "
            "detector without a bright pixel passes there and fails here."
        ),
    ),
    Criterion(
        stage="CROSSTALK",
        level="AMP",
        test="RESIDUAL_PULLS",
        statistic="MAX_PULL",
        definition=(
            "No coefficient that is left, with this amplifier the source, is beyond 5 "
            "of its errors."
        ),
        sense="<=",
        limit_expression="5",
        unit="",
        dmtn101="—",
        # A source without bright pixels is not measured: the detector's test counts.
        value=lambda m: m["MAX_PULL"] if m["N_MEASURED"] > 0 else 0.0,
        limit=lambda m: 5.0,
        upstream="Ours: says which amplifier it is.",
        advisory=True,
    ),
)
