"""Criteria of what is measured on frames: bias, dark, flat. Standard library only."""

import math
from dataclasses import replace

from calibrations.domain.criteria.base import Criterion
from calibrations.domain.criteria.requirements import requirement
from calibrations.domain.criteria.versions import FIRST_VERSION

__all__ = ["CRITERIA"]

NOISE_ALLOWANCE = 0.05
"""DMTN-101 allows 5 %: 2.5 % of it for the noise of the calibration itself."""

SCATTER_ALLOWANCE = 0.05


def _relative(scatter: float, mean: float) -> float:
    """Scatter over mean; not a number unless the mean is positive."""
    return scatter / mean if mean > 0 else math.nan


def _noise(stage: str) -> Criterion:
    """Noise of the corrected frame against the nominal read noise."""
    return Criterion(
        since=FIRST_VERSION,
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
        dmtn101=requirement(stage, "NOISE"),
        value=lambda m: (m["NOISE"] - m["READ_NOISE"]) / m["READ_NOISE"],
        limit=lambda m: NOISE_ALLOWANCE,
        upstream=(
            "The nominal read noise is the photon transfer curve's where one is in "
            "force, as upstream's; until one is built it is the camera model's, for "
            "DMTN-222's order builds it after bias, dark and flat."
        ),
    )


def _mean(stage: str) -> Criterion:
    """Mean of the corrected frame against its noise."""
    return Criterion(
        since=FIRST_VERSION,
        stage=stage,
        level="AMP",
        test="MEAN",
        statistic="abs(MEAN)",
        definition="The mean of the corrected frame is zero within its noise.",
        sense="<",
        limit_expression="NOISE",
        unit="electron",
        dmtn101=requirement(stage, "MEAN"),
        value=lambda m: abs(m["MEAN"]),
        limit=lambda m: m["NOISE"],
    )


def _cosmic_ray_noise(stage: str) -> Criterion:
    """Clipping and cosmic-ray removal leave the same noise."""
    return Criterion(
        since=FIRST_VERSION,
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
        dmtn101=requirement(stage, "CR_NOISE"),
        value=lambda m: abs(m["NOISE"] - m["CR_NOISE"]) / m["CR_NOISE"],
        limit=lambda m: NOISE_ALLOWANCE,
    )


def _processing(stage: str, upstream: str = "") -> Criterion:
    """Build the test that statistics mean something."""
    return Criterion(
        since=FIRST_VERSION,
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
        since=FIRST_VERSION,
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


def _nominal_by_model(one: Criterion) -> Criterion:
    """Give the form that a test had before photon transfer curves were built."""
    return replace(
        one,
        until=FIRST_VERSION,
        upstream=(
            "Nominal read noise and gain are the camera model's: upstream takes them "
            "from the photon transfer curve."
        ),
    )


CRITERIA: tuple[Criterion, ...] = (
    _mean("BIAS"),
    _nominal_by_model(_noise("BIAS")),
    replace(_noise("BIAS"), since="2026.2"),
    _cosmic_ray_noise("BIAS"),
    _processing("BIAS"),
    _nominal_by_model(_read_noise_consistent("BIAS")),
    replace(_read_noise_consistent("BIAS"), since="2026.2"),
    _mean("DARK"),
    _nominal_by_model(_noise("DARK")),
    replace(_noise("DARK"), since="2026.2"),
    _cosmic_ray_noise("DARK"),
    _processing("DARK"),
    _nominal_by_model(_read_noise_consistent("DARK")),
    replace(_read_noise_consistent("DARK"), since="2026.2"),
    Criterion(
        since=FIRST_VERSION,
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
        since=FIRST_VERSION,
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
        since=FIRST_VERSION,
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
