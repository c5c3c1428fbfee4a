"""The criteria of verification: what is tested, how, and what the limit is.

One table, read by the pipelines that test, the reports that show and the tests that
check. Pure data and pure functions: the standard library only.

Names of stages, levels, tests and statistics are those of Rubin's ``cp_verify``;
numbers in the column ``dmtn101`` are those of the verification requirements (DMTN-101).
Where upstream's code is wrong we do what the requirement means and ``upstream`` says
what differs. When a definition or a limit changes, add a version to `VERSIONS`, end the
criterion that held with ``until`` and put the new one beside it: every result row
carries its version, and the limits of older ones stay readable.
"""

from collections.abc import Mapping
from dataclasses import dataclass

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
from calibrations.domain.criteria.requirements import requirement
from calibrations.domain.criteria.statistics import (
    STATISTICS,
    Statistic,
    find_statistic,
)
from calibrations.domain.criteria.versions import (
    CRITERIA_VERSION,
    VERSIONS,
    Version,
    version_order,
)

__all__ = [
    "ALL_CRITERIA",
    "CRITERIA",
    "CRITERIA_VERSION",
    "STAGES",
    "STATISTICS",
    "VERSIONS",
    "Change",
    "Criterion",
    "Measured",
    "Outcome",
    "Statistic",
    "Version",
    "changes_of",
    "criteria_for",
    "criterion",
    "evaluate",
    "evaluate_all",
    "find_statistic",
    "requirement",
    "stage_of",
    "succeeded",
]

ALL_CRITERIA: tuple[Criterion, ...] = (
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

"""Those of every version."""

CRITERIA = tuple(one for one in ALL_CRITERIA if one.is_in(CRITERIA_VERSION))
"""Those that judge now."""

STAGES: Mapping[str, str] = {
    "bias": "BIAS",
    "dark": "DARK",
    "flat": "FLAT",
    "defects": "DEFECTS",
    "ptc": "PTC",
    "gain": "GAIN",
    "linearizer": "LINEARITY",
    "crosstalk": "CROSSTALK",
    "bfk": "BFK",
    "cti": "CTI",
    "fringe": "FRINGE",
}
"""Stage of each kind of verification, named as in ``verify{Kind}``."""


def stage_of(kind: str) -> str:
    """Name the stage of a calibration type, or of a stem such as ``Linearizer``."""
    return STAGES.get(kind.lower(), kind.upper())


def criteria_for(
    stage: str, level: str | None = None, *, version: str = CRITERIA_VERSION
) -> tuple[Criterion, ...]:
    """Return the criteria of a stage, in the order they are applied.

    Parameters
    ----------
    stage
        Of verification, such as ``PTC``, or the calibration type.
    level
        Only those of amplifiers, detectors or exposures.
    version
        As they were in this version; `LookupError` where it is none.
    """
    version_order(version)  # an unknown version is refused, not found empty
    wanted = stage_of(stage)
    return tuple(
        one
        for one in ALL_CRITERIA
        if one.stage == wanted and level in (None, one.level) and one.is_in(version)
    )


def criterion(
    stage: str, level: str, test: str, *, version: str = CRITERIA_VERSION
) -> Criterion:
    """Return one criterion, or raise `LookupError` naming those there are."""
    for one in criteria_for(stage, level, version=version):
        if one.test == test:
            return one
    known = ", ".join(
        f"{one.level} {one.test}" for one in criteria_for(stage, version=version)
    )
    raise LookupError(
        f"There is no {stage} test {level} {test}; there are: {known or 'none'}."
    )


def evaluate_all(
    stage: str, level: str, measured: Measured, *, version: str = CRITERIA_VERSION
) -> tuple[Outcome, ...]:
    """Apply every criterion of a stage and level."""
    return tuple(
        evaluate(one, measured) for one in criteria_for(stage, level, version=version)
    )


@dataclass(frozen=True)
class Change:
    """What a version did to one test: new, another form, or gone."""

    stage: str
    level: str
    test: str
    before: Criterion | None
    after: Criterion | None


def changes_of(version: str) -> tuple[Change, ...]:
    """List what a version changed against the one before it."""
    order = version_order(version)
    before = (
        {_key(one): one for one in ALL_CRITERIA if one.is_in(VERSIONS[order - 1].name)}
        if order
        else {}
    )
    after = {_key(one): one for one in ALL_CRITERIA if one.is_in(version)}
    return tuple(
        Change(*key, before.get(key), after.get(key))
        for key in dict.fromkeys([*before, *after])
        if before.get(key) is not after.get(key)
    )


def _key(one: Criterion) -> tuple[str, str, str]:
    return one.stage, one.level, one.test
