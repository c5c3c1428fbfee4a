"""What verification measures: names, units and meaning. Standard library only.

Names are those of Rubin's ``cp_verify``; a column of a Results table is the stage's
name, an underscore and the statistic's (see `Statistic.column`). Reports and metrics
take their units from here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["STATISTICS", "Statistic", "find_statistic"]


_WITH_DET = ("FLAT", "CROSSTALK")
"""Stages whose detector's own columns say so."""


@dataclass(frozen=True)
class Statistic:
    """One number, or one vector, of a Results table."""

    stage: str
    level: str
    """AMP, DET or EXP."""

    name: str
    unit: str
    """Empty when dimensionless."""

    definition: str

    @property
    def column(self) -> str:
        """Its column in Results; upstream writes those of exposures in lower case."""
        if self.level == "EXP":
            return f"{self.stage.lower()}_{self.name}"
        middle = "DET_" if self.level == "DET" and self.stage in _WITH_DET else ""
        return f"{self.stage}_{middle}{self.name}"


def _group(
    stage: str, level: str, rows: Iterable[tuple[str, str, str]]
) -> tuple[Statistic, ...]:
    return tuple(Statistic(stage, level, *row) for row in rows)


def _frame(stage: str, unit: str) -> tuple[Statistic, ...]:
    """List what frames have in common; ``unit`` is of the calibration."""
    return _group(
        stage,
        "AMP",
        (
            ("MEAN", "electron", "Plain mean of the corrected frame."),
            ("NOISE", "electron", "Scatter, clipped at 5 sigma in three passes."),
            ("READ_NOISE_ADU", "adu", "Scatter left in the serial overscan."),
            ("BIAS_SHIFT_COUNT", "", "Jumps of the level along the serial overscan."),
            ("BIAS_SHIFT_NOISE", "adu", "Noise of the rows that jumps stand out from."),
            (
                f"{stage}_DIST_<p>_PCT",
                unit,
                "Percentile p of the combined calibration, from its header: 0.0 is the "
                "minimum, 100.0 the maximum.",
            ),
            ("SERIAL_PROF", "electron", "Mean of each column, a vector."),
            ("PARALLEL_PROF", "electron", "Mean of each row, a vector."),
            (
                "NOISE_SPECTRUM",
                "electron2",
                "Power of the noise along rows by frequency, a vector.",
            ),
            ("EO_READ_NOISE_ADU", "adu", "Scatter in random boxes of the overscan."),
        ),
    )


_COSMIC = ("CR_NOISE", "electron", "Plain scatter once cosmic rays are repaired.")

STATISTICS: tuple[Statistic, ...] = (
    *_frame("BIAS", "electron"),
    *_group(
        "BIAS",
        "AMP",
        (
            _COSMIC,
            ("AMP_CORNER", "electron", "Mean of a square at the readout corner."),
        ),
    ),
    *_frame("DARK", "electron/s"),
    *_group(
        "DARK",
        "AMP",
        (
            _COSMIC,
            (
                "EO_BRIGHT_COLUMNS",
                "",
                "Columns of the combined dark with 20 pixels in a row of 5 e-/s.",
            ),
            ("EO_BRIGHT_PIXELS", "", "Pixels of 5 e-/s in no such column."),
        ),
    ),
    *_frame("FLAT", ""),
    *_group(
        "FLAT",
        "AMP",
        (
            (
                "EO_DARK_COLUMNS",
                "",
                "Columns of the combined flat with 100 pixels in a row below 80 %.",
            ),
            ("EO_DARK_PIXELS", "", "Pixels below 80 % in no such column."),
            (
                "EO_TEARING",
                "",
                "Greatest step of the combined flat at a border of amplifiers.",
            ),
            (
                "EO_ROW_MEANS_VARIANCE_RATIO",
                "",
                "Variance of the rows' means over what independent pixels give, in "
                "every fourth column.",
            ),
            ("EO_SERIAL_EPER", "", "Charge a transfer in the serial overscan."),
            ("EO_PARALLEL_EPER", "", "Charge a transfer in the parallel overscan."),
        ),
    ),
    *_group(
        "FLAT",
        "DET",
        (
            ("MEAN", "electron", "Mean of the amplifiers' means."),
            ("SCATTER", "electron", "Standard deviation of the amplifiers' means."),
        ),
    ),
    *_group(
        "FLAT",
        "EXP",
        (
            ("MEAN", "electron", "Mean of the detectors' means."),
            (
                "SCATTER",
                "electron",
                "Standard deviation (population) of the detectors' means.",
            ),
        ),
    ),
    *_group(
        "DEFECTS",
        "AMP",
        (
            ("DEFECT_PIXELS", "pixel", "Pixels that the defects mask."),
            ("FRAC", "", "Share of the amplifier's pixels that the defects mask."),
            ("OUTLIERS", "pixel", "Unmasked pixels beyond the clipping limit."),
            ("STAT_OUTLIERS", "pixel", "Pixels less likely than one in all."),
            ("MEDIAN", "electron", "Median of what is not masked."),
            ("STDEV", "electron", "Scatter of what is not masked."),
            ("MIN", "electron", "Least value of what is not masked."),
            ("MAX", "electron", "Greatest value of what is not masked."),
            ("UNMASKED_<s>", "", "The same statistic with the mask ignored."),
        ),
    ),
    *_group(
        "PTC",
        "AMP",
        (
            ("PTC_GAIN", "electron/adu", "Gain of the photon transfer curve."),
            ("AMP_GAIN", "electron/adu", "Gain of the camera model."),
            ("PTC_NOISE", "electron", "Read noise of the photon transfer curve."),
            ("AMP_NOISE", "electron", "Read noise of the camera model."),
            ("PTC_TURNOFF", "adu", "Flux from which the variance falls."),
            ("PTC_BFE_A00", "1/electron", "Brighter-fatter coefficient a00."),
            ("PTC_MAX_RAW_MEANS", "adu", "Greatest mean of any pair."),
            (
                "NOISE_CHI_SQUARED",
                "",
                "Reduced chi² of the overscan's noise about its mean over all pairs.",
            ),
            (
                "PTC_ROW_MEAN_VARIANCE_SLOPE",
                "",
                "Variance of the rows' means over the one that photons alone make.",
            ),
        ),
    ),
    *_group(
        "GAIN",
        "AMP",
        (
            ("MEAN_FLUX_FLAT_PAIR", "adu", "Mean flux of the pair."),
            ("GAIN_FROM_FLAT_PAIR", "electron/adu", "Gain of one pair of flats."),
            ("GAIN_CORRECTION_FACTOR", "", "Allowance for brighter-fatter."),
            ("AMP_GAIN", "electron/adu", "Gain of the camera model."),
            ("ISR_NOISE", "electron", "Read noise from the overscan."),
            ("AMP_NOISE", "electron", "Read noise of the camera model."),
        ),
    ),
    *_group(
        "LINEARITY",
        "AMP",
        (
            (
                "MAX_RESIDUAL",
                "percent",
                "Greatest correction that a second linearizer still makes.",
            ),
            ("QUADRATIC", "1/adu", "Quadratic term of a second polynomial."),
            (
                "FIT_RESIDUAL",
                "percent",
                "Robust scatter of linearized flats about proportionality to light.",
            ),
        ),
    ),
    *_group(
        "CROSSTALK",
        "DET",
        (
            ("N_VALID", "", "Pairs of amplifiers with a significant coefficient left."),
            ("N_MEASURED", "", "Pairs of amplifiers that could be measured."),
        ),
    ),
    *_group(
        "CROSSTALK",
        "AMP",
        (("MAX_PULL", "", "Greatest coefficient left, over its error."),),
    ),
    *_group(
        "BFK",
        "AMP",
        (
            ("KERNEL_VALID", "", "1 where the kernel passed its own checks."),
            (
                "NEIGHBOUR_BEFORE",
                "1/electron",
                "Mean of C10 and C01 of flats over the mean squared, uncorrected.",
            ),
            ("NEIGHBOUR_AFTER", "1/electron", "The same once corrected."),
            ("NEIGHBOUR_ERROR", "1/electron", "Standard error of the two."),
            (
                "VARIANCE_RATIO_AFTER",
                "",
                "Variance of corrected flats over that of photons and readout.",
            ),
            ("VARIANCE_RATIO_ERROR", "", "Its standard error."),
        ),
    ),
    *_group(
        "CTI",
        "AMP",
        (
            ("SERIAL_EPER", "", "Charge a transfer left in the serial overscan."),
            ("PARALLEL_EPER", "", "Charge a transfer left in the parallel overscan."),
            ("GLOBAL_CTI", "", "Loss of charge a transfer that is corrected."),
            ("DRIFT_SCALE", "", "Strength of the local offset that is corrected."),
            ("DRIFT_RESIDUAL", "", "Local offset that is left once corrected."),
        ),
    ),
    *_group(
        "FRINGE",
        "AMP",
        (
            ("AMPLITUDE_BEFORE", "", "Structure of the sky, in fractions of it."),
            ("AMPLITUDE_AFTER", "", "The same once fringes are subtracted."),
            ("AMPLITUDE_ERROR", "", "Error of the two."),
            ("NOISE_BEFORE", "", "Scatter of pixels, in fractions of the sky."),
            ("NOISE_AFTER", "", "The same once fringes are subtracted."),
        ),
    ),
    *_group(
        "FRINGE",
        "DET",
        (
            ("SCALE", "", "Strength of the fringe frame in the exposure."),
            ("SCALE_ERROR", "", "Its error."),
        ),
    ),
)
"""By stage; those with a parameter in angle brackets stand for several columns."""


def find_statistic(stage: str, column: str) -> Statistic | None:
    """Find what a column of a stage's Results table is; None where it is not told."""
    for one in STATISTICS:
        if one.stage != stage:
            continue
        head, found, tail = one.column.partition("<")
        tail = tail.partition(">")[2]
        if column == one.column or (
            found and column.startswith(head) and column.endswith(tail)
        ):
            return one
    return None
