"""The criteria of verification: what is tested, how, and what the limit is.

One table, read by the pipelines that test, the reports that show and the tests that
check. Pure data and pure functions: the standard library only.

Names of stages, levels, tests and statistics are those of Rubin's ``cp_verify``;
numbers in the column ``dmtn101`` are those of the verification requirements (DMTN-101).
Where upstream's code is wrong we do what the requirement means and ``upstream`` says
what differs. Raise `CRITERIA_VERSION` whenever a definition or a limit changes: every
result row carries it.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "CRITERIA",
    "CRITERIA_VERSION",
    "Criterion",
    "Outcome",
    "criteria_for",
    "criterion",
    "evaluate",
    "evaluate_all",
    "succeeded",
]

CRITERIA_VERSION = "2026.1"

Level = Literal["AMP", "DET", "EXP"]
Sense = Literal["<", "<="]
Measured = Mapping[str, float]
"""Numbers by name: statistics of the stage and, for some limits, ``READ_NOISE`` (e-,
nominal), ``GAIN`` (e-/adu), ``READ_NOISE_ADU`` (overscan) and ``N_INPUTS`` (of the
flat)."""

NOISE_ALLOWANCE = 0.05
"""DMTN-101 allows 5 %: 2.5 % of it for the noise of the calibration itself."""

SCATTER_ALLOWANCE = 0.05


@dataclass(frozen=True)
class Criterion:
    """One test: a statistic compared with a limit."""

    stage: str
    """``BIAS``, ``DARK`` or ``FLAT``."""

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
    """Number in DMTN-101, or a dash."""

    value: Callable[[Measured], float]
    limit: Callable[[Measured], float]

    upstream: str = ""
    """What ``cp_verify`` does otherwise, and why we do not."""

    advisory: bool = False
    """Reported, but does not decide about success."""


@dataclass(frozen=True)
class Outcome:
    """A criterion applied."""

    criterion: Criterion
    value: float
    limit: float
    passed: bool


def _relative(scatter: float, mean: float) -> float:
    """Scatter over mean; not a number unless the mean is positive."""
    return scatter / mean if mean > 0 else math.nan


def _noise(stage: str, dmtn101: str) -> Criterion:
    """Noise of the corrected frame against the nominal read noise."""
    return Criterion(
        stage=stage,
        level="AMP",
        test="NOISE",
        statistic="(NOISE - READ_NOISE) / READ_NOISE",
        definition=(
            "The clipped scatter of the corrected frame exceeds the amplifier's "
            "nominal read noise by no more than 5 %; less noise than nominal is fine."
        ),
        sense="<=",
        limit_expression="0.05",
        unit="",
        dmtn101=dmtn101,
        value=lambda m: (m["NOISE"] - m["READ_NOISE"]) / m["READ_NOISE"],
        limit=lambda m: NOISE_ALLOWANCE,
        upstream=(
            "Nominal read noise is the camera model's: upstream takes it from the "
            "photon transfer curve, which here is built after bias, dark and flat."
        ),
    )


def _mean(stage: str, dmtn101: str) -> Criterion:
    """Mean of the corrected frame against its noise."""
    return Criterion(
        stage=stage,
        level="AMP",
        test="MEAN",
        statistic="abs(MEAN)",
        definition="The mean of the corrected frame is zero within its noise.",
        sense="<",
        limit_expression="NOISE",
        unit="electron",
        dmtn101=dmtn101,
        value=lambda m: abs(m["MEAN"]),
        limit=lambda m: m["NOISE"],
    )


def _cosmic_ray_noise(stage: str, dmtn101: str) -> Criterion:
    """Clipping and cosmic-ray removal leave the same noise."""
    return Criterion(
        stage=stage,
        level="AMP",
        test="CR_NOISE",
        statistic="abs(NOISE - CR_NOISE) / CR_NOISE",
        definition=(
            "Clipped scatter, and plain scatter after cosmic rays are removed, agree "
            "within 5 %: what clipping removed were cosmic rays."
        ),
        sense="<=",
        limit_expression="0.05",
        unit="",
        dmtn101=dmtn101,
        value=lambda m: abs(m["NOISE"] - m["CR_NOISE"]) / m["CR_NOISE"],
        limit=lambda m: NOISE_ALLOWANCE,
    )


def _processing(stage: str, upstream: str = "") -> Criterion:
    """Build the test that statistics mean something."""
    return Criterion(
        stage=stage,
        level="AMP",
        test="PROCESSING",
        statistic="FORCE_FAILURE",
        definition=(
            "The amplifier could be measured: it has good pixels with some scatter, "
            "at most half of them saturated, and not too many hits for cosmic rays."
        ),
        sense="<=",
        limit_expression="0",
        unit="",
        dmtn101="—",
        value=lambda m: m.get("FORCE_FAILURE", 0.0),
        limit=lambda m: 0.0,
        upstream=upstream,
    )


def _read_noise_consistent(stage: str) -> Criterion:
    """Overscan noise against the nominal read noise."""
    return Criterion(
        stage=stage,
        level="AMP",
        test="READ_NOISE_CONSISTENT",
        statistic="(GAIN * READ_NOISE_ADU - READ_NOISE) / READ_NOISE",
        definition=(
            "The scatter of the overscan, in electrons, exceeds the nominal read noise "
            "by no more than 5 %. A failure says the nominal value may need another "
            "look; it does not fail the amplifier."
        ),
        sense="<=",
        limit_expression="0.05",
        unit="",
        dmtn101="—",
        value=lambda m: (
            (m["GAIN"] * m["READ_NOISE_ADU"] - m["READ_NOISE"]) / m["READ_NOISE"]
        ),
        limit=lambda m: NOISE_ALLOWANCE,
        upstream=(
            "Upstream lists it among the failures of an amplifier only when that "
            "amplifier failed something else; here it is always listed, as a warning."
        ),
        advisory=True,
    )


CRITERIA: tuple[Criterion, ...] = (
    _mean("BIAS", "4.2"),
    _noise("BIAS", "4.3"),
    _cosmic_ray_noise("BIAS", "4.4"),
    _processing("BIAS"),
    _read_noise_consistent("BIAS"),
    _mean("DARK", "5.2"),
    _noise("DARK", "5.3"),
    _cosmic_ray_noise("DARK", "5.4"),
    _processing("DARK"),
    _read_noise_consistent("DARK"),
    Criterion(
        stage="FLAT",
        level="AMP",
        test="NOISE",
        statistic="NOISE",
        definition=(
            "The clipped scatter of the flattened frame is what photons and readout "
            "make it, with the flat's own noise: no more than 1.05 times "
            "sqrt(MEAN * (1 + 1/N) + read noise²), N being the number of flats "
            "combined."
        ),
        sense="<=",
        limit_expression="1.05 * sqrt(MEAN * (1 + 1/N_INPUTS) + READ_NOISE**2)",
        unit="electron",
        dmtn101="—",
        value=lambda m: m["NOISE"],
        limit=lambda m: (
            (1 + NOISE_ALLOWANCE)
            * math.sqrt(
                max(m["MEAN"], 0.0) * (1 + 1 / m["N_INPUTS"]) + m["READ_NOISE"] ** 2
            )
        ),
        upstream=(
            "Upstream asks for NOISE <= sqrt(MEAN). A perfect frame divided by a flat "
            "of N inputs has variance MEAN * (1 + 1/N) + read noise², so with 15 "
            "inputs a healthy amplifier fails by 3 %. The 5 % on top is for the error "
            "of a scatter measured on a finite number of pixels. Upstream's number "
            "10.X does not exist in DMTN-101."
        ),
    ),
    _processing(
        "FLAT",
        "Upstream has no such test for flats: a wholly saturated one has no scatter "
        "and can pass.",
    ),
    Criterion(
        stage="FLAT",
        level="DET",
        test="SCATTER",
        statistic="SCATTER / MEAN",
        definition=(
            "The means of a detector's amplifiers scatter by no more than 5 % of "
            "their mean once flattened."
        ),
        sense="<=",
        limit_expression="0.05",
        unit="",
        dmtn101="—",
        value=lambda m: _relative(m["SCATTER"], m["MEAN"]),
        limit=lambda m: SCATTER_ALLOWANCE,
        upstream="Upstream's number 10.Y does not exist in DMTN-101.",
    ),
    Criterion(
        stage="FLAT",
        level="EXP",
        test="SCATTER",
        statistic="SCATTER / MEAN",
        definition=(
            "The means of an exposure's detectors scatter by no more than 5 % of "
            "their mean once flattened."
        ),
        sense="<=",
        limit_expression="0.05",
        unit="",
        dmtn101="—",
        value=lambda m: _relative(m["SCATTER"], m["MEAN"]),
        limit=lambda m: SCATTER_ALLOWANCE,
        upstream=(
            "Upstream compares the scatter in electrons with 0.05, which every real "
            "flat fails; here it is relative, as for the detector. Upstream's number "
            "10.Z does not exist in DMTN-101."
        ),
    ),
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


def evaluate(one: Criterion, measured: Measured) -> Outcome:
    """Apply a criterion. What cannot be computed, or is not a number, does not pass."""
    try:
        value, limit = float(one.value(measured)), float(one.limit(measured))
    except (KeyError, ZeroDivisionError, TypeError):
        value = limit = float("nan")
    passed = value < limit if one.sense == "<" else value <= limit
    return Outcome(one, value, limit, passed)


def evaluate_all(stage: str, level: str, measured: Measured) -> tuple[Outcome, ...]:
    """Apply every criterion of a stage and level."""
    return tuple(evaluate(one, measured) for one in criteria_for(stage, level))


def succeeded(outcomes: Iterable[Outcome]) -> bool:
    """Whether every test that decides has passed."""
    return all(outcome.passed or outcome.criterion.advisory for outcome in outcomes)
