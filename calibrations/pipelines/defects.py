"""Generation of defects: combined bias, dark and flat in, one table of boxes out.

The combined calibrations are looked up at the time of the exposures that were selected,
as for any other calibration; these also say for which detectors, and in which filter a
flat is looked at. Their pixels are not.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np
from astropy.table import Table
from lsst.daf.butler import DataCoordinate
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    QuantumContext,
    Struct,
)

from calibrations.imaging.defect_search import FoundDefects, FrameKind, find_defects
from calibrations.imaging.defects import (
    DefectBoxes,
    boxes_from_mask,
    mask_defects,
    mask_edges,
    merge_masks,
)
from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box, CcdImage, amplifier_boxes, mask_bits
from calibrations.pipelines.defect_configs import (
    MeasureDefectsConfig,
    MeasureFlatDefectsConfig,
    MergeDefectsConfig,
)
from calibrations.pipelines.processing import amplifier_constants, by_exposure
from calibrations.pipelines.reading import read_dataset

__all__ = ["MeasureDefectsTask", "MeasureFlatDefectsTask", "MergeDefectsTask"]

CARD = "LSST CALIB DEFECTS"
SHAPE = "SHAPE"


class MeasureDefectsTask(PipelineTask):
    """Find the defects of one combined calibration."""

    ConfigClass = MeasureDefectsConfig
    _DefaultName = "cpMeasureDefects"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read the calibration, and one raw for the layout; write."""
        image: CcdImage = butlerQC.get(inputRefs.image)
        raw = by_exposure(butlerQC.get(inputRefs.raws))[0]
        boxes = amplifier_boxes(raw.get())
        gains = camera_gains(raw.dataId)
        outputs = self.run(image, boxes, gains)
        outputs.found.meta[f"{CARD} SOURCE"] = inputRefs.image.datasetType.name
        outputs.found.meta[f"{CARD} SOURCE UUID"] = str(inputRefs.image.id)
        outputs.found.meta[f"{CARD} SOURCE RUN"] = inputRefs.image.run
        butlerQC.put(outputs, outputRefs)

    def run(
        self, image: CcdImage, boxes: Mapping[str, Box], gains: Mapping[str, float]
    ) -> Struct:
        """Search one calibration.

        Parameters
        ----------
        image
            Bias, dark (per second) or flat.
        boxes
            Amplifiers in it.
        gains
            Electrons per ADU, where the calibration's header has none.
        """
        if (shape := bounding_shape(boxes)) != image.data.shape:
            raise ImageError(
                f"The calibration has shape {image.data.shape}, the exposures "
                f"{shape}: they are not of the same readout window."
            )
        unmeasured = np.zeros(image.data.shape, dtype=bool)
        if image.mask is not None:
            unmeasured = (image.mask & mask_bits("BAD", "NO_DATA")) > 0
        unit: Literal["electron", "adu"] = (
            "adu"
            if str(image.header.get("BUNIT", "")).startswith("adu")
            else "electron"
        )
        made_with = {
            name: float(image.header.get(f"LSST ISR GAIN {name}") or gain)
            for name, gain in gains.items()
        }
        found = find_defects(
            image.data,
            boxes,
            kind=frame_kind(image),
            gains=gains if unit == "adu" else made_with,
            unit=unit,
            unusable=unmeasured,
            # A pixel without a good input was saturated in all of them.
            saturated=unmeasured,
            settings=self.config.defect_settings(),
        )
        for name in found.dead:
            self.log.warning("Amplifier %s measures nothing: wholly defective.", name)
        return Struct(found=to_table(found, image))


class MeasureFlatDefectsTask(MeasureDefectsTask):
    """Find the defects of a combined flat of one filter."""

    ConfigClass = MeasureFlatDefectsConfig
    _DefaultName = "cpMeasureFlatDefects"


class MergeDefectsTask(PipelineTask):
    """Join what bias, dark and flat show, edges and what somebody entered."""

    ConfigClass = MergeDefectsConfig
    _DefaultName = "cpMergeDefects"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, join, write."""
        refs = sorted(
            inputRefs.inputFlatDefects, key=lambda r: str(r.dataId["physical_filter"])
        )
        manual_ref = getattr(inputRefs, "manualDefects", None)
        merged = self.run(
            read_dataset(butlerQC, inputRefs.inputBiasDefects),
            read_dataset(butlerQC, inputRefs.inputDarkDefects),
            [read_dataset(butlerQC, ref) for ref in refs],
            read_dataset(butlerQC, manual_ref) if manual_ref else None,
        )
        butlerQC.put(merged, outputRefs)

    def run(
        self,
        bias: Table,
        dark: Table,
        flats: Sequence[Table],
        manual: Table | None = None,
    ) -> Struct:
        """Merge the defects of a detector.

        Of several flats the one of most exposures counts, as upstream: whoever wants
        another selects exposures of its filter alone.
        """
        flat = max(flats, key=lambda table: int(table.meta[f"{CARD} N_INPUTS"]))
        tables = {"BIAS": bias, "DARK": dark, "FLAT": flat}
        shape = cast(tuple[int, int], tuple(bias.meta[f"{CARD} {SHAPE}"]))
        masks = [
            mask_defects(DefectBoxes.from_table(table), shape)
            for table in tables.values()
        ]
        mask = merge_masks(
            masks,
            self.config.combinationMode,
            fraction=self.config.combinationFraction,
        )
        meta: dict[str, Any] = {f"{CARD} {SHAPE}": list(shape)}
        for kind, table in tables.items():
            meta |= renamed_cards(kind, table)
        meta |= summed_counts(tables.values())
        if self.config.edgesAsDefects:
            mask |= mask_edges(
                shape,
                rows=self.config.nPixBorderUpDown,
                columns=self.config.nPixBorderLeftRight,
            )
        if manual is not None:
            boxes = DefectBoxes.from_table(manual)
            mask |= mask_defects(boxes, shape)
            meta[f"{CARD} N_MANUAL"] = len(boxes)
        merged = boxes_from_mask(mask).to_table()
        merged.meta |= meta
        return Struct(mergedDefects=merged)


def camera_gains(data_id: DataCoordinate) -> dict[str, float]:
    """Give the camera model's gains of a detector."""
    constants, _ = amplifier_constants(data_id)
    return {name: one.gain for name, one in constants.items()}


def bounding_shape(boxes: Mapping[str, Box]) -> tuple[int, int]:
    """Rows and columns that the amplifiers cover."""
    return max(b.y1 for b in boxes.values()), max(b.x1 for b in boxes.values())


def frame_kind(image: CcdImage) -> FrameKind:
    """Read from its header whether a calibration is a bias, a dark or a flat."""
    kind = str(image.header.get("OBSTYPE", "")).lower()
    if kind not in ("bias", "dark", "flat"):
        raise ImageError(
            f"Defects are found in biases, darks and flats; this is {kind or 'nothing'}"
            " by its OBSTYPE."
        )
    return cast(FrameKind, kind)


def to_table(found: FoundDefects, image: CcdImage) -> Table:
    """Give the boxes, with the counts of each amplifier beside them."""
    table = boxes_from_mask(found.mask).to_table()
    table.meta[f"{CARD} {SHAPE}"] = list(found.mask.shape)
    table.meta[f"{CARD} N_INPUTS"] = int(image.header.get("NCOMBINE") or 0)
    table.meta[f"{CARD} DEAD"] = list(found.dead)
    for name in found.n_hot:
        table.meta[f"{CARD} {name} N_HOT"] = found.n_hot[name]
        table.meta[f"{CARD} {name} N_COLD"] = found.n_cold[name]
        table.meta[f"{CARD} {name} N_BAD_COLUMNS"] = found.n_bad_columns[name]
    table.meta[f"{CARD} N_BAD_COLUMNS"] = sum(found.n_bad_columns.values())
    return table


def summed_counts(tables: Any) -> dict[str, int]:
    """Add up what bias, dark and flat have, amplifier by amplifier."""
    total: dict[str, int] = {}
    for table in tables:
        for key, value in table.meta.items():
            if key.endswith(("N_HOT", "N_COLD", "N_BAD_COLUMNS")):
                total[key] = total.get(key, 0) + int(value)
    return total


def renamed_cards(kind: str, table: Table) -> dict[str, Any]:
    """Keep where the defects of a kind come from, under its name."""
    kept = ("SOURCE", "SOURCE UUID", "SOURCE RUN", "N_INPUTS", "DEAD")
    return {
        f"{CARD} {kind} {word}": table.meta[f"{CARD} {word}"]
        for word in kept
        if f"{CARD} {word}" in table.meta
    }
