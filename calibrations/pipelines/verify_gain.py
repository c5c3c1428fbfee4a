"""Verification of gains by single pairs of flats, against the camera model."""

from collections.abc import Iterable, Sequence
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

from calibrations.butler.camera_policy import site_camera
from calibrations.domain.criteria.gain import GAIN_SLOPES
from calibrations.imaging.ptc import FlatPairs
from calibrations.pipelines.applying import RawInputConnections
from calibrations.pipelines.flat_pairs import measure_flats
from calibrations.pipelines.judging import judge
from calibrations.pipelines.processing import (
    Calibrations,
    by_exposure,
    read_calibrations,
)
from calibrations.pipelines.ptc_configs import PairConfig
from calibrations.pipelines.tables import table_from_rows
from calibrations.pipelines.verify_ptc import calibration_outputs, vendor_of

__all__ = ["VerifyGainTask"]

BY_DETECTOR = ("instrument", "detector")
STAGE = "GAIN"


class VerifyGainConnections(RawInputConnections, dimensions=BY_DETECTOR):
    """Flats of a detector in; statistics, results and tests out."""

    locals().update(calibration_outputs("Gain"))


class VerifyGainConfig(
    PipelineTaskConfig, PairConfig, pipelineConnections=VerifyGainConnections
):
    """Configuration of `VerifyGainTask`."""

    minAdu = Field(dtype=float, default=2000.0, doc="Faintest pair judged (adu).")
    maxAdu = Field(
        dtype=float,
        default=30000.0,
        doc="Brightest pair judged (adu): beyond, the correction is no straight line.",
    )

    def setDefaults(self) -> None:
        """One lag is enough for a variance."""
        super().setDefaults()
        # In the order of cp_pipe biases and darks come later.
        self.applies = []
        self.appliesIfThere = ["bias", "dark", "defects"]
        self.maximumRangeCovariancesAstier = 1


class VerifyGainTask(PipelineTask):
    """Compare gains of flat pairs with the camera model's."""

    ConfigClass = VerifyGainConfig
    _DefaultName = "cpVerifyGain"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, verify, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        raws = by_exposure(butlerQC.get(inputRefs.raws))
        butlerQC.put(self.run(raws, calibrations), outputRefs)

    def run(
        self, raws: Iterable[DeferredDatasetHandle], calibrations: Calibrations
    ) -> Struct:
        """Verify one detector."""
        raws = list(raws)
        data_id = raws[0].dataId
        instrument, detector_id = str(data_id["instrument"]), int(data_id["detector"])
        detector = site_camera(instrument).detector(detector_id)
        measured = measure_flats(raws, calibrations, self.config)
        vendor = vendor_of(measured.headers[0], detector)
        slope = GAIN_SLOPES.get(vendor, float("nan"))
        amplifiers, rows = {}, []
        for i, name in enumerate(measured.pairs.amplifiers):
            nominal = detector.amplifiers[name]
            camera = {
                "AMP_GAIN": float(nominal.gain),
                "AMP_NOISE": float(nominal.read_noise_e),
            }
            pairs = pair_rows(measured.pairs, i, slope, nominal.gain)
            amplifiers[name] = {
                **average(pairs, self.config.minAdu, self.config.maxAdu),
                **camera,
            }
            rows += [(name, {**pair, **camera}) for pair in pairs]
        judgement = judge(STAGE, amplifiers, detector=detector_id)
        base: dict[str, Any] = {"instrument": instrument, "detector": detector_id}
        return Struct(
            stats={
                "AMP": amplifiers,
                "METADATA": {"VENDOR": vendor},
                "CATALOG": {},
                "DET": {},
                "ISR": {},
                "VERIFY": dict(judgement.verify),
                "SUCCESS": judgement.success,
            },
            results=table_from_rows(
                [
                    {**base, "exposure": 0, "amplifier": name}
                    | {f"{STAGE}_{key}": value for key, value in values.items()}
                    | {
                        f"{STAGE}_VERIFY_{key}": value
                        for key, value in judgement.verify["AMP"][name].items()
                    }
                    for name, values in amplifiers.items()
                ]
                + [
                    {**base, "exposure": int(values.pop("EXPOSURE"))}
                    | {"amplifier": name}
                    | {f"{STAGE}_{key}": value for key, value in values.items()}
                    for name, values in rows
                ]
            ),
            tests=judgement.tests,
        )


def pair_rows(
    pairs: FlatPairs, i: int, slope: float, nominal_gain: float
) -> list[dict[str, float]]:
    """Give the numbers of each pair of one amplifier.

    Parameters
    ----------
    pairs, i
        Measured pairs, index of the amplifier.
    slope
        By how many percent an ADU raises the gain.
    nominal_gain
        For the read noise in electrons.
    """
    return [
        {
            "EXPOSURE": float(first),
            "MEAN_FLUX_FLAT_PAIR": float(pairs.means_adu[i, k]),
            "GAIN_FROM_FLAT_PAIR": float(pairs.gains[i, k]),
            "GAIN_CORRECTION_FACTOR": 1.0 - slope * float(pairs.means_adu[i, k]) / 100,
            "ISR_NOISE": float(pairs.noises_adu[i, k]) * nominal_gain,
        }
        for k, first in enumerate(pairs.exposures[:, 0])
    ]


def average(
    pairs: Sequence[dict[str, float]], min_adu: float, max_adu: float
) -> dict[str, float]:
    """Average the pairs in range; NaN without one.

    The corrected gain is averaged, and the mean factor taken out of it again, so that
    gain and factor multiply to that average.
    """
    chosen = [
        pair
        for pair in pairs
        if min_adu <= pair["MEAN_FLUX_FLAT_PAIR"] <= max_adu
        and np.isfinite(pair["GAIN_FROM_FLAT_PAIR"])
    ]
    names = ("MEAN_FLUX_FLAT_PAIR", "GAIN_CORRECTION_FACTOR")
    noises = [pair["ISR_NOISE"] for pair in pairs if np.isfinite(pair["ISR_NOISE"])]
    noise = float(np.median(noises)) if noises else float("nan")
    if not chosen:
        nan = float("nan")
        return {
            **dict.fromkeys((*names, "GAIN_FROM_FLAT_PAIR"), nan),
            "ISR_NOISE": noise,
            "N_PAIRS": 0.0,
        }
    means = {name: float(np.mean([pair[name] for pair in chosen])) for name in names}
    corrected = [
        pair["GAIN_FROM_FLAT_PAIR"] * pair["GAIN_CORRECTION_FACTOR"] for pair in chosen
    ]
    return {
        **means,
        "GAIN_FROM_FLAT_PAIR": float(np.mean(corrected))
        / means["GAIN_CORRECTION_FACTOR"],
        "ISR_NOISE": noise,
        "N_PAIRS": float(len(chosen)),
    }
