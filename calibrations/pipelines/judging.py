"""Judge what was measured of a calibration: rows for each test, and upstream's tree.

For stages that read a calibration, or a table made of exposures. `verify.py` does the
same for a processed frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from astropy.table import Table

from calibrations.domain.criteria import Measured, Outcome, evaluate_all, succeeded
from calibrations.pipelines.tables import NO_EXPOSURE, outcome_row, outcomes_table

__all__ = ["Judgement", "judge", "verdicts"]


@dataclass(frozen=True)
class Judgement:
    """The criteria of a stage applied to one detector."""

    tests: Table
    """The long table: a row for each amplifier and test, then those of the detector."""

    verify: Mapping[str, Any]
    """``AMP`` by amplifier and ``DET``, each test by name: True where it passed."""

    success: bool


def judge(
    stage: str,
    amplifiers: Mapping[str, Measured],
    *,
    detector: int,
    exposure: int = NO_EXPOSURE,
    whole: Measured | None = None,
) -> Judgement:
    """Apply the criteria of a stage.

    Parameters
    ----------
    stage
        In capitals, such as ``PTC``.
    amplifiers
        By amplifier, the numbers the criteria of level ``AMP`` ask for. What a
        criterion needs and does not find fails its test.
    detector, exposure
        What was measured; exposure 0 where a calibration itself is judged.
    whole
        Numbers that the criteria of level ``DET`` ask for, if the stage has any.
    """
    rows: list[dict[str, Any]] = []
    verify: dict[str, Any] = {"AMP": {}}
    success = True
    for name, measured in amplifiers.items():
        outcomes = evaluate_all(stage, "AMP", measured)
        rows += [outcome_row(one, exposure, detector, name) for one in outcomes]
        verify["AMP"][name] = verdicts(outcomes)
        success &= succeeded(outcomes)
    if whole is not None:
        outcomes = evaluate_all(stage, "DET", whole)
        rows += [outcome_row(one, exposure, detector) for one in outcomes]
        verify["DET"] = verdicts(outcomes)
        success &= succeeded(outcomes)
    return Judgement(outcomes_table(rows), verify, success)


def verdicts(outcomes: tuple[Outcome, ...]) -> dict[str, bool]:
    """Give test by test whether it passed, and ``SUCCESS`` for those that decide."""
    passed = {outcome.criterion.test: outcome.passed for outcome in outcomes}
    return passed | {"SUCCESS": succeeded(outcomes)}
