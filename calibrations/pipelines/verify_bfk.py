"""Verification of brighter-fatter kernels: flats are corrected and measured again.

The tests are ours. What a kernel must do is take away the correlations that it was made
to explain, best seen on flats that it was not made of.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from lsst.daf.butler import DeferredDatasetHandle
from lsst.pex.config import Field
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    QuantumContext,
    Struct,
)

from calibrations.imaging.brighter_fatter import (
    BrighterFatterKernel,
    correct_brighter_fatter,
)
from calibrations.imaging.brighter_fatter_checks import compare_pairs
from calibrations.imaging.frames import mask_bits
from calibrations.imaging.isr import ProcessedFrame
from calibrations.imaging.ptc_pairs import PairMeasurement
from calibrations.pipelines.applying import RawInputConnections, calibration_input
from calibrations.pipelines.flat_pairs import find_pairs, measure_frames
from calibrations.pipelines.judging import judge
from calibrations.pipelines.processing import (
    Calibrations,
    by_exposure,
    process_raw,
    read_calibrations,
)
from calibrations.pipelines.ptc_configs import PairConfig
from calibrations.pipelines.reading import read_dataset
from calibrations.pipelines.tables import table_from_rows
from calibrations.pipelines.verify_ptc import calibration_outputs

__all__ = ["VerifyBfkTask"]

BY_DETECTOR = ("instrument", "detector")
STAGE = "BFK"
LEFT_OUT = ("SAT", "SUSPECT", "BAD", "NO_DATA")

Kernels = dict[str, BrighterFatterKernel]


class VerifyBfkConnections(RawInputConnections, dimensions=BY_DETECTOR):
    """Flats and kernels of a detector in; statistics, results and tests out."""

    candidate = calibration_input("bfk", "Kernels to verify.", "ArrowAstropy")
    locals().update(calibration_outputs("Bfk"))


class VerifyBfkConfig(
    PipelineTaskConfig, PairConfig, pipelineConnections=VerifyBfkConnections
):
    """Configuration of `VerifyBfkTask`."""

    maxPairs = Field(
        dtype=int, default=10, doc="Brightest unsaturated pairs that are corrected."
    )
    maxFraction = Field(
        dtype=float,
        default=0.8,
        doc="Pairs beyond this fraction of the turnoff are left out.",
    )

    def setDefaults(self) -> None:
        """Gains are the curve's; neighbours are two lags away at most."""
        super().setDefaults()
        self.applies = []
        # In the order of cp_pipe kernels come before curves, biases and darks.
        self.appliesIfThere = ["ptc", "bias", "dark", "defects"]
        self.maximumRangeCovariancesAstier = 2


class VerifyBfkTask(PipelineTask):
    """Correct flats by the kernels and see what is left of the correlations."""

    ConfigClass = VerifyBfkConfig
    _DefaultName = "cpVerifyBfk"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, verify, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        kernels = BrighterFatterKernel.from_table(
            read_dataset(butlerQC, inputRefs.candidate)
        )
        raws = by_exposure(butlerQC.get(inputRefs.raws))
        butlerQC.put(self.run(raws, calibrations, kernels), outputRefs)

    def run(
        self,
        raws: Iterable[DeferredDatasetHandle],
        calibrations: Calibrations,
        kernels: Kernels,
    ) -> Struct:
        """Verify the kernels of one detector."""
        raws = list(raws)
        data_id = raws[0].dataId
        instrument, detector_id = str(data_id["instrument"]), int(data_id["detector"])
        before: dict[str, list[PairMeasurement]] = {name: [] for name in kernels}
        after: dict[str, list[PairMeasurement]] = {name: [] for name in kernels}
        noises_e: dict[str, float] = {}
        for first, second in self._frames(raws, calibrations):
            noises_e = {
                name: float(first.header[f"LSST ISR READNOISE {name}"])
                for name in kernels
            }
            plain = measure_frames(first.in_adu(), second.in_adu(), self.config)
            for frame in (first, second):
                correct_frame(frame, kernels)
            moved = measure_frames(first.in_adu(), second.in_adu(), self.config)
            for name in kernels:
                before[name].append(plain[name])
                after[name].append(moved[name])
        amplifiers = {}
        for name, kernel in kernels.items():
            effect = compare_pairs(
                before[name],
                after[name],
                gain=kernel.gain,
                noise_e=noises_e.get(name, 0.0),
            )
            amplifiers[name] = {
                "KERNEL_VALID": float(kernel.valid),
                "KERNEL_CENTRE": float(kernel.kernel.min()),
                **{key.upper(): float(value) for key, value in vars(effect).items()},
            }
        judgement = judge(STAGE, amplifiers, detector=detector_id)
        base: dict[str, Any] = {"instrument": instrument, "detector": detector_id}
        rows = []
        for name, values in amplifiers.items():
            verify = judgement.verify["AMP"][name]
            rows.append(
                {**base, "amplifier": name}
                | {f"{STAGE}_{key}": value for key, value in values.items()}
                | {f"{STAGE}_VERIFY_{key}": value for key, value in verify.items()}
                | {f"{STAGE}_REASON": kernels[name].reason}
            )
        stats = {
            "AMP": amplifiers,
            "METADATA": {},
            "CATALOG": {},
            "DET": {},
            "ISR": {},
            "VERIFY": dict(judgement.verify),
            "SUCCESS": judgement.success,
        }
        return Struct(stats=stats, results=table_from_rows(rows), tests=judgement.tests)

    def _frames(
        self, raws: list[DeferredDatasetHandle], calibrations: Calibrations
    ) -> Iterable[tuple[ProcessedFrame, ProcessedFrame]]:
        """Process the brightest pairs that are below the turnoff, one at a time."""
        pairs, _, by_id = find_pairs(raws, self.config)
        # Long exposures first: they are bright, until they are too bright.
        pairs = sorted(
            pairs,
            key=lambda ids: (
                -float(by_id[ids[0]].dataId.records["exposure"].exposure_time)
            ),
        )
        settings = self.config.isr_settings()
        n_used = 0
        for ids in pairs:
            if n_used >= self.config.maxPairs:
                break
            first = self._process(by_id[ids[0]], calibrations, settings)
            if self._is_too_bright(first):
                continue
            n_used += 1
            yield first, self._process(by_id[ids[1]], calibrations, settings)

    def _process(
        self, raw: DeferredDatasetHandle, calibrations: Calibrations, settings: Any
    ) -> ProcessedFrame:
        return process_raw(raw.get(), raw.dataId, calibrations, settings)

    def _is_too_bright(self, frame: ProcessedFrame) -> bool:
        """Whether the median amplifier is near its turnoff."""
        fractions = []
        for name, box in frame.boxes.items():
            turnoff = frame.header.get(f"LSST ISR PTCTURNOFF {name}")
            if turnoff:
                level = float(np.nanmedian(frame.image[box.slices])) / frame.gains[name]
                fractions.append(level / float(turnoff))
        return bool(fractions) and float(np.median(fractions)) > self.config.maxFraction


def correct_frame(frame: ProcessedFrame, kernels: Kernels) -> None:
    """Correct a frame in electrons in place, by the kernels that are valid.

    A kernel is per electron of the gain it was measured with.
    """
    left_out = (frame.mask & mask_bits(*LEFT_OUT)) > 0
    for name, box in frame.boxes.items():
        kernel = kernels.get(name)
        if kernel is None or not kernel.valid:
            continue
        ratio = np.float32(kernel.gain / frame.gains[name])
        corrected = correct_brighter_fatter(
            frame.image[box.slices] * ratio, kernel, mask=left_out[box.slices]
        )
        frame.image[box.slices] = corrected / ratio
