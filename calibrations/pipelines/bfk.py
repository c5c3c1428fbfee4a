"""Generation of brighter-fatter kernels: covariances of flats in, a table out.

In the order of DMTN-222 they come from the photon transfer curve, which has measured
them; in that of cp_pipe flats are measured anew, with more corrections applied.
"""

from collections.abc import Iterable
from typing import Any

from astropy.table import Table
from lsst.daf.butler import DeferredDatasetHandle
from lsst.pex.config import Field
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    QuantumContext,
    Struct,
    connectionTypes,
)

from calibrations.imaging.brighter_fatter import BrighterFatterKernel
from calibrations.imaging.brighter_fatter_kernels import solve_kernels
from calibrations.imaging.brighter_fatter_levels import choose_kernels
from calibrations.imaging.errors import ImageError
from calibrations.imaging.ptc import PhotonTransferCurve
from calibrations.imaging.ptc_solve import solve_ptc
from calibrations.pipelines.applying import RawInputConnections, calibration_input
from calibrations.pipelines.flat_pairs import measure_flats
from calibrations.pipelines.processing import (
    Calibrations,
    by_exposure,
    read_calibrations,
)
from calibrations.pipelines.ptc_configs import KernelConfig, PtcConfig
from calibrations.pipelines.reading import read_dataset

__all__ = ["BfkTask", "BfkTaskConfig"]

BY_DETECTOR = ("instrument", "detector")
OF_PTC = ("INSTRUME", "DET_SER", "LSST_NUM", "UNPAIRED", "PAIRED_BY")


class BfkConnections(RawInputConnections, dimensions=BY_DETECTOR):
    """Flats of a detector, and its photon transfer curve, in; kernels out."""

    measured = calibration_input(
        "ptc", "Photon transfer curve with its covariances.", "ArrowAstropy"
    )
    output = connectionTypes.Output(
        name="bfk",
        doc="Brighter-fatter kernel of each amplifier.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
        isCalibration=True,
    )

    def __init__(self, *, config: Any = None) -> None:
        super().__init__(config=config)
        if not config.usePtcCovariances:
            del self.measured


class BfkTaskConfig(
    PipelineTaskConfig, PtcConfig, KernelConfig, pipelineConnections=BfkConnections
):
    """Configuration of `BfkTask`."""

    usePtcCovariances = Field(
        dtype=bool,
        default=True,
        doc=(
            "Take gains and covariances from the photon transfer curve; otherwise the "
            "selected flats are measured anew."
        ),
    )

    def setDefaults(self) -> None:
        """Nothing is applied where pixels are not looked at."""
        super().setDefaults()
        self.applies = []


class BfkTask(PipelineTask):
    """Turn covariances into kernels."""

    ConfigClass = BfkTaskConfig
    _DefaultName = "cpBfk"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, solve, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        if self.config.usePtcCovariances:
            ptc = read_dataset(butlerQC, inputRefs.measured)
            outputs = self.from_ptc(ptc)
            outputs.output.meta |= {
                "LSST CALIB UUID PTC": str(inputRefs.measured.id),
                "LSST CALIB RUN PTC": inputRefs.measured.run,
            }
        else:
            raws = by_exposure(butlerQC.get(inputRefs.raws))
            outputs = self.from_flats(raws, calibrations)
        butlerQC.put(outputs, outputRefs)

    def from_ptc(self, ptc: Table) -> Struct:
        """Make the table from the covariances of a photon transfer curve."""
        curves = list(PhotonTransferCurve.from_table(ptc).values())
        inputs = {
            key: value
            for key, value in ptc.meta.items()
            if key in OF_PTC or key.startswith(("CPP_INPUT_", "DATE-", "MJD-"))
        }
        return self._solve(curves, inputs)

    def from_flats(
        self, raws: Iterable[DeferredDatasetHandle], calibrations: Calibrations
    ) -> Struct:
        """Make the table from flats of their own."""
        measured = measure_flats(raws, calibrations, self.config)
        curves = solve_ptc(measured.pairs, self.config.ptc_settings())
        return self._solve(curves, measured.meta(self.config, calibrations))

    def _solve(self, curves: list[PhotonTransferCurve], meta: dict[str, Any]) -> Struct:
        if not curves:
            raise ImageError("The photon transfer curve has no amplifier.")
        settings = self.config.kernel_settings()
        if self.config.level == "AUTO":
            kernels, settings = choose_kernels(curves, settings)
        else:
            kernels = solve_kernels(curves, settings)
        for kernel in kernels:
            if not kernel.valid:
                self.log.warning(
                    "The kernel of %s is not valid: %s.",
                    kernel.amplifier,
                    kernel.reason,
                )
        table = BrighterFatterKernel.to_table(kernels)
        table.meta |= {
            **meta,
            "CALIB_CREATION_DATETIME": self.config.creationTime,
            "AVERAGE": self.config.average,
            "LEVEL": "DETECTOR" if settings.per_detector else "AMP",
            "N_LAGS": settings.n_kept or settings.n_lags,
        }
        return Struct(output=table)
