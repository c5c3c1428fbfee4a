"""The criteria of verification: what is tested, how, and what the limit is.

One table, read by the pipelines that test, the reports that show and the tests that
check. Pure data and pure functions: the standard library only.

Names of stages, levels, tests and statistics are those of Rubin's ``cp_verify``;
numbers in the column ``dmtn101`` are those of the verification requirements (DMTN-101).
Where upstream's code is wrong we do what the requirement means and ``upstream`` says
what differs. Raise `CRITERIA_VERSION` whenever a definition or a limit changes: every
result row carries it.
"""

from calibrations.domain.criteria import (
    bfk,
    crosstalk,
    cti,
    defects,
    frames,
    fringe,
    gain,
    linearizer,
    ptc,
)
from calibrations.domain.criteria.base import (
    Criterion,
    Measured,
    Outcome,
    evaluate,
    succeeded,
)

__all__ = [
    "CRITERIA",
    "CRITERIA_VERSION",
    "Criterion",
    "Measured",
    "Outcome",
    "criteria_for",
    "criterion",
    "evaluate",
    "evaluate_all",
    "succeeded",
]

CRITERIA_VERSION = "2026.2"

CRITERIA: tuple[Criterion, ...] = (
    *frames.CRITERIA,
    *defects.CRITERIA,
    *ptc.CRITERIA,
    *gain.CRITERIA,
    *linearizer.CRITERIA,
    *crosstalk.CRITERIA,
    *bfk.CRITERIA,
    *cti.CRITERIA,
    *fringe.CRITERIA,
)


def criteria_for(stage: str, level: str | None = None) -> tuple[Criterion, ...]:
    """Return the criteria of a stage, in the order they are applied."""
    return tuple(
        one
        for one in CRITERIA
        if one.stage == stage.upper() and level in (None, one.level)
    )


def criterion(stage: str, level: str, test: str) -> Criterion:
    """Return one criterion, or raise `LookupError` naming those there are."""
    for one in criteria_for(stage, level):
        if one.test == test:
            return one
    known = ", ".join(f"{one.level} {one.test}" for one in criteria_for(stage))
    raise LookupError(
        f"There is no {stage} test {level} {test}; there are: {known or 'none'}."
    )


def evaluate_all(stage: str, level: str, measured: Measured) -> tuple[Outcome, ...]:
    """Apply every criterion of a stage and level."""
    return tuple(evaluate(one, measured) for one in criteria_for(stage, level))
