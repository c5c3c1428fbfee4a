"""Verification of CTI: correct flats, look at their overscans again, judge them.

Upstream has none; tests and names are ours, in the manner of the others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lsst.daf.butler import DataCoordinate
from lsst.pex.config import Field, ListField
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    QuantumContext,
    Struct,
)

from calibrations.imaging.cti import DeferredCharge, deferred_charge_from_table
from calibrations.imaging.cti_checks import residual_cti
from calibrations.imaging.cti_overscan import OverscanProfile
from calibrations.pipelines.applying import BY_DETECTOR, RawInputConnections
from calibrations.pipelines.configs import ApplyConfig
from calibrations.pipelines.cti import gather_profiles
from calibrations.pipelines.judging import judge
from calibrations.pipelines.processing import read_calibrations
from calibrations.pipelines.tables import table_from_rows
from calibrations.pipelines.verification import detector_outputs, result_rows

__all__ = ["VerifyCtiConfig", "VerifyCtiTask"]

STAGE = "CTI"


class VerifyCtiConnections(RawInputConnections, dimensions=BY_DETECTOR):
    """Flats and their CTI in, statistics and tests out."""

    locals().update(detector_outputs("Cti"))


class VerifyCtiConfig(
    PipelineTaskConfig, ApplyConfig, pipelineConnections=VerifyCtiConnections
):
    """Configuration of `VerifyCtiTask`."""

    maxImageMean = Field(
        dtype=float, default=150000.0, doc="Brighter flats are left out (electron)."
    )
    localOffsetColumnRange = ListField(
        dtype=int, default=[3, 13], doc="Overscan columns of the local offset, from 1."
    )

    def setDefaults(self) -> None:
        """Correct for what is verified."""
        super().setDefaults()
        self.applies = ["cti"]

    def validate(self) -> None:
        """Refuse to verify what is not applied."""
        super().validate()
        if "cti" not in self.applies:
            raise ValueError("CTI that is not corrected for cannot be verified.")


class VerifyCtiTask(PipelineTask):
    """Look for deferred charge that a correction left."""

    ConfigClass = VerifyCtiConfig
    _DefaultName = "cpVerifyCti"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read one flat at a time, measure, judge, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        profiles = gather_profiles(
            butlerQC.get(inputRefs.raws), calibrations, self.config
        )
        charges = deferred_charge_from_table(calibrations.tables["cti"])
        butlerQC.put(self.run(profiles, charges, outputRefs.stats.dataId), outputRefs)

    def run(
        self,
        profiles: Mapping[str, Sequence[OverscanProfile]],
        charges: Mapping[str, DeferredCharge],
        data_id: DataCoordinate,
    ) -> Struct:
        """Judge what is left.

        Parameters
        ----------
        profiles
            Overscans of corrected flats, by amplifier.
        charges
            What corrected them.
        data_id
            Of the detector.
        """
        first, last = self.config.localOffsetColumnRange
        amplifiers: dict[str, dict[str, Any]] = {
            name: residual_cti(
                flats,
                charges[name],
                columns=(int(first), int(last)),
                max_signal_e=self.config.maxImageMean,
            )
            for name, flats in profiles.items()
        }
        judgement = judge(STAGE, amplifiers, detector=int(data_id["detector"]))
        stats = {
            "AMP": amplifiers,
            "VERIFY": judgement.verify,
            "SUCCESS": judgement.success,
        }
        return Struct(
            stats=stats,
            results=table_from_rows(result_rows(STAGE, stats, data_id)),
            tests=judgement.tests,
        )
