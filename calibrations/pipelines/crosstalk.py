"""Generation of crosstalk: exposures with bright spots in, one matrix a detector out.

Two tasks, because outliers are told by comparing the detectors of one vendor.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from lsst.daf.butler import DeferredDatasetHandle
from lsst.pex.config import Field
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
    connectionTypes,
)

from calibrations.butler.camera_policy import site_camera
from calibrations.imaging.crosstalk import CrosstalkMatrix
from calibrations.imaging.crosstalk_fits import (
    CrosstalkSettings,
    filter_outliers,
    fit_crosstalk,
)
from calibrations.imaging.crosstalk_pixels import BrightPixels, find_bright_pixels
from calibrations.imaging.isr import mask_bits
from calibrations.pipelines.applying import BY_DETECTOR, RawInputConnections
from calibrations.pipelines.configs import ApplyConfig
from calibrations.pipelines.processing import (
    Calibrations,
    by_exposure,
    process_raw,
    read_calibrations,
)
from calibrations.pipelines.readout import readout_view

__all__ = [
    "BrightPixelsConfig",
    "CrosstalkFilterConfig",
    "CrosstalkFilterTask",
    "CrosstalkSolveConfig",
    "CrosstalkSolveTask",
    "gather_bright_pixels",
]

LEFT_OUT = ("BAD", "NO_DATA")


class BrightPixelsConfig(ApplyConfig):
    """Choices of the search for bright pixels and of the fit."""

    threshold = Field(
        dtype=float, default=30000.0, doc="A pixel above it is a source (electron)."
    )
    growMaskRadius = Field(
        dtype=int, default=20, doc="Around an amplifier's own bright objects (pixels)."
    )
    backgroundBlock = Field(
        dtype=int, default=64, doc="Side of the background's blocks (pixels)."
    )
    maxPixels = Field(
        dtype=int, default=2000, doc="Used of one source and exposure, at most."
    )
    fluxOrder = Field(
        dtype=int, default=0, doc="0: linear coefficients; 1: quadratic ones as well."
    )
    significanceLimit = Field(
        dtype=float, default=3.0, doc="A coefficient is valid beyond so many errors."
    )


class CrosstalkSolveConnections(RawInputConnections, dimensions=BY_DETECTOR):
    """Raws of one detector in, what they show out."""

    proposal = connectionTypes.Output(
        name="crosstalkProposal",
        doc="Coefficients of one detector as measured.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
    )


class CrosstalkSolveConfig(
    PipelineTaskConfig,
    BrightPixelsConfig,
    pipelineConnections=CrosstalkSolveConnections,
):
    """Configuration of `CrosstalkSolveTask`."""

    def validate(self) -> None:
        """Refuse to measure what has been subtracted, or flattened."""
        super().validate()
        if wrong := {"crosstalk", "flat"} & set(self.applicable):
            raise ValueError(
                f"Crosstalk is not measured with {' and '.join(sorted(wrong))} applied."
            )


class CrosstalkSolveTask(PipelineTask):
    """Measure the crosstalk between the amplifiers of one detector."""

    ConfigClass = CrosstalkSolveConfig
    _DefaultName = "cpCrosstalkSolve"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read one exposure at a time, fit, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        handles = butlerQC.get(inputRefs.raws)
        samples = gather_bright_pixels(handles, calibrations, self.config)
        matrix = fit_crosstalk(
            samples,
            CrosstalkSettings(
                flux_order=self.config.fluxOrder,
                significance=self.config.significanceLimit,
            ),
        )
        n_missing = int((~np.isfinite(matrix.coeffs)).sum())
        if n_missing:
            self.log.warning(
                "%d of %d pairs of amplifiers have too few bright pixels",
                n_missing,
                matrix.coeffs.size - len(matrix.amplifiers),
            )
        matrix.meta.update(calibrations.cards())
        ids = sorted(int(handle.dataId["exposure"]) for handle in handles)
        matrix.meta["INPUT_EXPOSURES"] = ids
        butlerQC.put(Struct(proposal=matrix.to_table()), outputRefs)


def gather_bright_pixels(
    handles: Sequence[DeferredDatasetHandle],
    calibrations: Calibrations,
    config: BrightPixelsConfig,
) -> list[BrightPixels]:
    """Find the bright pixels of each exposure, in electrons and readout order."""
    samples = []
    settings = config.isr_settings()
    for handle in by_exposure(handles):
        raw = handle.get()
        frame = process_raw(raw, handle.dataId, calibrations, settings)
        left_out = (frame.mask & mask_bits(*LEFT_OUT)) > 0
        samples.append(
            find_bright_pixels(
                {n: readout_view(frame.image, frame, raw, n) for n in raw.amplifiers},
                masks={n: readout_view(left_out, frame, raw, n) for n in frame.boxes},
                threshold_e=config.threshold,
                grow=config.growMaskRadius,
                block=config.backgroundBlock,
                max_pixels=config.maxPixels,
            )
        )
    return samples


class CrosstalkFilterConnections(PipelineTaskConnections, dimensions=("instrument",)):
    """Proposals of all detectors in, their crosstalk out."""

    proposals = connectionTypes.Input(
        name="crosstalkProposal",
        doc="Coefficients of each detector as measured.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
        multiple=True,
    )
    crosstalk = connectionTypes.Output(
        name="crosstalk",
        doc="Coefficients between the amplifiers of each detector.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
        multiple=True,
        isCalibration=True,
    )


class CrosstalkFilterConfig(
    PipelineTaskConfig, pipelineConnections=CrosstalkFilterConnections
):
    """Configuration of `CrosstalkFilterTask`."""

    doFiltering = Field(
        dtype=bool,
        default=True,
        doc="Replace outliers by the median of the vendor's detectors.",
    )
    nSigmaCoeffClip = Field(dtype=float, default=3.0, doc="Of the linear coefficients.")
    nSigmaCoeffSqrClip = Field(
        dtype=float, default=6.0, doc="Of the quadratic coefficients."
    )


class CrosstalkFilterTask(PipelineTask):
    """Compare detectors of one vendor and layout, and replace what stands out."""

    ConfigClass = CrosstalkFilterConfig
    _DefaultName = "cpCrosstalkFilter"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read all, filter, write each."""
        proposals = {
            int(ref.dataId["detector"]): butlerQC.get(ref)
            for ref in inputRefs.proposals
        }
        instrument = str(inputRefs.proposals[0].dataId["instrument"])
        filtered = self.run(instrument, proposals)
        for ref in outputRefs.crosstalk:
            detector = int(ref.dataId["detector"])
            if detector in filtered:
                butlerQC.put(filtered[detector], ref)

    def run(self, instrument: str, proposals: dict[int, Table]) -> dict[int, Table]:
        """Filter group by group; a group that is small is left as it is."""
        camera = site_camera(instrument)
        matrices = {k: CrosstalkMatrix.from_table(t) for k, t in proposals.items()}
        groups: dict[tuple[Any, ...], list[int]] = {}
        for detector, matrix in sorted(matrices.items()):
            key = (camera.detector(detector).vendor, matrix.amplifiers)
            groups.setdefault(key, []).append(detector)
        result: dict[int, Table] = {}
        for members in groups.values():
            group = [matrices[detector] for detector in members]
            if self.config.doFiltering:
                group = filter_outliers(
                    group,
                    sigma=self.config.nSigmaCoeffClip,
                    sigma_squared=self.config.nSigmaCoeffSqrClip,
                )
            for detector, matrix in zip(members, group, strict=True):
                if matrix.replaced.any():
                    self.log.info(
                        "Detector %d: %d coefficients are their vendor's median",
                        detector,
                        int(matrix.replaced.sum()),
                    )
                result[detector] = matrix.to_table()
        return result
