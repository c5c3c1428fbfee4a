"""What a criterion is, and how one is applied. The standard library only."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from calibrations.domain.criteria.versions import version_order

__all__ = [
    "Criterion",
    "Level",
    "Measured",
    "Outcome",
    "Sense",
    "evaluate",
    "succeeded",
]

Level = Literal["AMP", "DET", "EXP"]
Sense = Literal["<", "<="]
Measured = Mapping[str, float]
"""Numbers by name: statistics of the stage and, for some limits, ``READ_NOISE`` (e-,
nominal), ``GAIN`` (e-/adu), ``READ_NOISE_ADU`` (overscan) and ``N_INPUTS`` (of the
flat)."""


@dataclass(frozen=True)
class Criterion:
    """One test: a statistic compared with a limit."""

    stage: str
    """Of verification, such as ``BIAS``: the type in capitals."""

    level: Level
    """Measured for each amplifier, detector or exposure."""

    test: str

    statistic: str
    """What is compared, as an expression of measured numbers."""

    definition: str
    """The test in words, for people."""

    sense: Sense
    """The test passes when ``statistic sense limit``."""

    limit_expression: str
    """The limit, as an expression of measured numbers, or a number."""

    unit: str
    """Of statistic and limit; empty when dimensionless."""

    dmtn101: str
    """Number in DMTN-101, or a dash: as `requirements` has it."""

    value: Callable[[Measured], float]
    limit: Callable[[Measured], float]

    upstream: str = ""
    """What ``cp_verify`` does otherwise, and why we do not."""

    advisory: bool = False
    """Reported, but does not decide about success."""

    since: str = "2026.2"
    """Version of the criteria that first had it in this form."""

    until: str = ""
    """Last version that had it in this form; empty while it holds."""

    def is_in(self, version: str) -> bool:
        """Whether a version of the criteria had it in this form."""
        order = version_order(version)
        return version_order(self.since) <= order and (
            not self.until or order <= version_order(self.until)
        )


@dataclass(frozen=True)
class Outcome:
    """A criterion applied."""

    criterion: Criterion
    value: float
    limit: float
    passed: bool


def evaluate(one: Criterion, measured: Measured) -> Outcome:
    """Apply a criterion. What cannot be computed, or is not a number, does not pass."""
    try:
        value, limit = float(one.value(measured)), float(one.limit(measured))
    except (KeyError, ZeroDivisionError, TypeError, ValueError):
        value = limit = float("nan")
    passed = value < limit if one.sense == "<" else value <= limit
    return Outcome(one, value, limit, passed)


def succeeded(outcomes: Iterable[Outcome]) -> bool:
    """Whether every test that decides has passed."""
    return all(outcome.passed or outcome.criterion.advisory for outcome in outcomes)
