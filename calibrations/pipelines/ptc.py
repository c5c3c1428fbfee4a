"""Generation of photon transfer curves: raw flats of one detector in, a table out."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from lsst.daf.butler import DeferredDatasetHandle
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    QuantumContext,
    Struct,
    connectionTypes,
)

from calibrations.butler.camera_policy import site_camera
from calibrations.domain.cameras.model import PIXEL_MM
from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box, mask_bits
from calibrations.imaging.isr import ProcessedFrame
from calibrations.imaging.ptc import PhotonTransferCurve
from calibrations.imaging.ptc_gain_ratios import (
    BinnedFlat,
    adjust_gains,
    bin_flat,
    choose_reference,
    fit_gain_ratios,
)
from calibrations.imaging.ptc_solve import solve_ptc
from calibrations.pipelines.applying import RawInputConnections
from calibrations.pipelines.flat_pairs import measure_flats
from calibrations.pipelines.processing import (
    Calibrations,
    by_exposure,
    read_calibrations,
)
from calibrations.pipelines.ptc_configs import PtcConfig, RatioConfig

__all__ = ["PtcTask", "PtcTaskConfig"]

BY_DETECTOR = ("instrument", "detector")
USELESS = ("BAD", "NO_DATA", "SAT", "SUSPECT")


class PtcConnections(RawInputConnections, dimensions=BY_DETECTOR):
    """All selected flats of a detector in, its photon transfer curves out."""

    output = connectionTypes.Output(
        name="ptc",
        doc="Photon transfer curve of each amplifier.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
        isCalibration=True,
    )


class PtcTaskConfig(
    PipelineTaskConfig, PtcConfig, RatioConfig, pipelineConnections=PtcConnections
):
    """Configuration of `PtcTask`."""


class PtcTask(PipelineTask):
    """Pair flats, measure them and fit the curve of each amplifier."""

    ConfigClass = PtcTaskConfig
    _DefaultName = "cpPtc"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, measure, fit, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        raws = by_exposure(butlerQC.get(inputRefs.raws))
        butlerQC.put(self.run(raws, calibrations), outputRefs)

    def run(
        self, raws: Iterable[DeferredDatasetHandle], calibrations: Calibrations
    ) -> Struct:
        """Make the table of one detector."""
        raws = list(raws)
        flats: list[tuple[float, BinnedFlat]] = []

        def look(frame: ProcessedFrame, _: ProcessedFrame) -> None:
            if self.config.doAdjustGainRatios:
                flats.append(_binned(frame, self.config))

        measured = measure_flats(raws, calibrations, self.config, look=look)
        curves = solve_ptc(measured.pairs, self.config.ptc_settings())
        meta = measured.meta(self.config, calibrations)
        if self.config.doAdjustGainRatios:
            radius = _Radius(raws[0].dataId, measured.boxes)
            curves, adjusted = adjust(curves, flats, radius, self.config)
            meta |= adjusted
        for curve in curves:
            if curve.bad:
                self.log.warning("%s is bad: %s.", curve.amplifier, curve.reason)
        return Struct(output=PhotonTransferCurve.to_table(curves, meta))


def adjust(
    curves: list[PhotonTransferCurve],
    flats: list[tuple[float, BinnedFlat]],
    radius: "_Radius",
    config: RatioConfig,
) -> tuple[list[PhotonTransferCurve], dict[str, Any]]:
    """Adjust the gains to one another by the flats of the right level.

    Returns
    -------
    curves, meta
        Curves with new gains; and for the table what was done or why nothing was.
    """
    settings = config.ratio_settings()
    gains = np.array([curve.gain for curve in curves])
    chosen = [flat for level, flat in flats if config.minAdu <= level <= config.maxAdu]
    if not chosen:
        return curves, {"GAIN_RATIOS": "no flat of the right level"}
    try:
        reference = choose_reference(
            gains,
            np.array([curve.noise_e for curve in curves]),
            np.array([curve.turnoff_adu for curve in curves]),
            settings,
        )
    except ImageError as error:
        return curves, {"GAIN_RATIOS": str(error)}
    # Evenly over all levels, if there are more than needed.
    step = max(1, -(-len(chosen) // config.nFlats))
    ratios = [
        fit_gain_ratios(
            dataclasses.replace(flat, values=flat.values * gains[flat.amplifier]),
            len(curves),
            reference,
            radius_mm=radius.of(flat),
            settings=settings,
        )
        for flat in chosen[::step]
    ]
    adjusted = adjust_gains(gains, ratios)
    meta = {
        "GAIN_RATIOS": f"adjusted by {len(ratios)} flats",
        "GAIN_RATIO_REFERENCE": curves[reference].amplifier,
    }
    new = [
        dataclasses.replace(curve, gain=float(gain))
        for curve, gain in zip(curves, adjusted, strict=True)
    ]
    return new, meta


def _binned(frame: ProcessedFrame, config: RatioConfig) -> tuple[float, BinnedFlat]:
    """Bin a frame in ADU, before gains are known, and give its level."""
    flat = bin_flat(
        frame.image,
        frame.boxes,
        dict.fromkeys(frame.boxes, 1.0),
        mask=(frame.mask & mask_bits(*USELESS)) > 0,
        settings=config.ratio_settings(),
    )
    return float(np.median(flat.values)) if flat.values.size else float("nan"), flat


class _Radius:
    """Distance of pixels from the centre of the focal plane."""

    def __init__(self, data_id: Mapping[str, Any], boxes: Mapping[str, Box]) -> None:
        detector = site_camera(str(data_id["instrument"])).detector(
            int(data_id["detector"])
        )
        self._turns = detector.quarter_turns
        self._centre = detector.centre_mm
        self._shape = (
            max(box.y1 for box in boxes.values()),
            max(box.x1 for box in boxes.values()),
        )
        # A small readout window is taken for the whole detector, seen coarsely.
        self._scales = [
            full / small * PIXEL_MM
            for full, small in zip(detector.shape, self._shape, strict=True)
        ]

    def of(self, flat: BinnedFlat) -> np.ndarray:
        """Give the distances of a flat's bins, mm."""
        ny, nx = self._shape
        y = (flat.y - 0.5 * (ny - 1)) * self._scales[0]
        x = (flat.x - 0.5 * (nx - 1)) * self._scales[1]
        for _ in range(self._turns):
            x, y = -y, x
        distance: np.ndarray = np.hypot(x + self._centre[0], y + self._centre[1])
        return distance
