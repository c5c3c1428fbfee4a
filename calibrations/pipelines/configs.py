"""Configuration shared by the tasks of this folder."""

from datetime import UTC, datetime

from lsst.pex.config import Config, Field, ListField

from calibrations.imaging.isr import IsrSettings

__all__ = ["APPLICABLE", "ApplyConfig", "CombineConfig", "IsrConfig"]

APPLICABLE = (
    "ptc",
    "crosstalk",
    "linearizer",
    "cti",
    "bias",
    "dark",
    "defects",
    "bfk",
    "flat",
)
"""Calibrations that may be applied, in the order of `calibrations.imaging.isr`."""


class IsrConfig(Config):
    """Choices of instrument signature removal."""

    overscanSkip = Field(
        dtype=int, default=3, doc="Overscan columns (rows) skipped at each side."
    )
    overscanSigma = Field(
        dtype=float, default=3.0, doc="Clipping of the overscan fit, in sigma."
    )
    doParallelOverscan = Field(
        dtype=bool, default=True, doc="Subtract the parallel overscan as well."
    )
    parallelMaxDeviation = Field(
        dtype=float,
        default=100.0,
        doc="Parallel overscan pixels deviating more than this are left out (adu).",
    )

    def isr_settings(self) -> IsrSettings:
        """Give the choices in the form the image code takes."""
        return IsrSettings(
            overscan_skip=self.overscanSkip,
            overscan_sigma=self.overscanSigma,
            do_parallel_overscan=self.doParallelOverscan,
            parallel_max_deviation_adu=self.parallelMaxDeviation,
        )


class ApplyConfig(IsrConfig):
    """Signature removal, with a choice of calibrations."""

    applies = ListField(
        dtype=str,
        default=[],
        doc=f"Calibrations to apply, of {', '.join(APPLICABLE)}.",
    )
    appliesIfThere = ListField(
        dtype=str,
        default=[],
        doc="Calibrations to apply where one is in force, and to do without otherwise.",
    )

    @property
    def applicable(self) -> tuple[str, ...]:
        """Everything that is applied, if it is there."""
        return (*self.applies, *self.appliesIfThere)

    def validate(self) -> None:
        """Refuse the name of a calibration that cannot be applied."""
        super().validate()
        if unknown := sorted(set(self.applicable) - set(APPLICABLE)):
            raise ValueError(
                f"It names {', '.join(unknown)}; what can be applied is "
                f"{', '.join(APPLICABLE)}."
            )


class CombineConfig(ApplyConfig):
    """Choices of combination, and what goes into the product's header."""

    creationTime = Field(
        dtype=str,
        default="",
        doc=(
            "ISO-8601 time (UTC) written as CALIB_CREATION_*. When not given it is the "
            "time the configuration was made; it is kept with the quantum graph, so "
            "executing one graph again gives the same bytes."
        ),
    )
    clip = Field(dtype=float, default=3.0, doc="Clipping threshold, in sigma.")
    nIter = Field(dtype=int, default=3, doc="Clipping passes.")
    minInputs = Field(
        dtype=int, default=3, doc="Refuse to combine fewer usable inputs than this."
    )
    maxVisitsToCalcErrorFromInputVariance = Field(
        dtype=int,
        default=5,
        doc="With fewer inputs than this the error comes from the inputs' variances.",
    )
    maxMemory = Field(
        dtype=int,
        default=512,
        doc="A stack of frames bigger than this is kept on disk (MB).",
    )
    distributionPercentiles = ListField(
        dtype=float,
        default=[0, 5, 16, 50, 84, 95, 100],
        doc="Percentiles of each amplifier written to the header.",
    )
    binFactor = Field(dtype=int, default=8, doc="Binning of the picture to look at.")

    def setDefaults(self) -> None:
        """Note the time, to the second."""
        super().setDefaults()
        self.creationTime = (
            datetime.now(UTC).replace(tzinfo=None).isoformat("T", "seconds")
        )

    def validate(self) -> None:
        """Refuse a creation time that is none."""
        super().validate()
        try:
            datetime.fromisoformat(self.creationTime)
        except ValueError as e:
            raise ValueError(
                f"creationTime is {self.creationTime!r}: an ISO-8601 time such as "
                "2026-11-23T16:30:00 was expected."
            ) from e
