"""Criteria of deferred charge, our own: upstream has none. Standard library only."""

from calibrations.domain.criteria.base import Criterion

__all__ = ["CRITERIA"]

_OURS = "Ours: upstream has no tests of CTI."
MAX_CTI = 1e-5
"""End of the range in which eo_pipe shows CTI."""

MAX_RESIDUAL_EPER = 1e-6
DRIFT_FRACTION = 0.1
SIGMAS = 5.0

CRITERIA: tuple[Criterion, ...] = (
    Criterion(
        stage="CTI",
        level="AMP",
        test="SERIAL_EPER",
        statistic="abs(SERIAL_EPER)",
        definition=(
            "Once corrected, flats leave no more than 1e-6 of their charge a transfer "
            "in the first two columns of the serial overscan, beyond 5 errors of the "
            "measurement."
        ),
        sense="<=",
        limit_expression="1e-6 + 5 * SERIAL_EPER_ERR",
        unit="",
        dmtn101="—",
        value=lambda m: abs(m["SERIAL_EPER"]),
        limit=lambda m: MAX_RESIDUAL_EPER + SIGMAS * m["SERIAL_EPER_ERR"],
        upstream=_OURS,
    ),
    Criterion(
        stage="CTI",
        level="AMP",
        test="DRIFT_RESIDUAL",
        statistic="abs(DRIFT_RESIDUAL)",
        definition=(
            "The local offset that is left in corrected flats is none within 5 errors "
            "of its measurement, or a tenth of what was corrected."
        ),
        sense="<=",
        limit_expression="max(5 * DRIFT_RESIDUAL_ERR, 0.1 * DRIFT_SCALE)",
        unit="",
        dmtn101="—",
        value=lambda m: abs(m["DRIFT_RESIDUAL"]),
        limit=lambda m: max(
            SIGMAS * m["DRIFT_RESIDUAL_ERR"], DRIFT_FRACTION * m["DRIFT_SCALE"]
        ),
        upstream=_OURS,
    ),
    Criterion(
        stage="CTI",
        level="AMP",
        test="GLOBAL_CTI",
        statistic="GLOBAL_CTI",
        definition="The global loss is below 1e-5 a transfer, the range of eo_pipe.",
        sense="<",
        limit_expression="1e-5",
        unit="",
        dmtn101="—",
        value=lambda m: m["GLOBAL_CTI"],
        limit=lambda m: MAX_CTI,
        upstream=_OURS,
    ),
    Criterion(
        stage="CTI",
        level="AMP",
        test="PARALLEL_EPER",
        statistic="abs(PARALLEL_EPER)",
        definition=(
            "The parallel response, which nothing corrects, is below 1e-5 a transfer "
            "beyond 5 errors of the measurement."
        ),
        sense="<=",
        limit_expression="1e-5 + 5 * PARALLEL_EPER_ERR",
        unit="",
        dmtn101="—",
        value=lambda m: abs(m["PARALLEL_EPER"]),
        limit=lambda m: MAX_CTI + SIGMAS * m["PARALLEL_EPER_ERR"],
        upstream=_OURS,
        advisory=True,
    ),
    Criterion(
        stage="CTI",
        level="AMP",
        test="PROCESSING",
        statistic="FORCE_FAILURE",
        definition="The amplifier was measured, and has flats to verify it on.",
        sense="<=",
        limit_expression="0",
        unit="",
        dmtn101="—",
        value=lambda m: m.get("FORCE_FAILURE", 0.0),
        limit=lambda m: 0.0,
        upstream=_OURS,
    ),
)
