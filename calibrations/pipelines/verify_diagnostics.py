"""Diagnostics that reviewers of a camera ask for, as columns beside the statistics.

They have no limits: a report shows them. Definitions are those of
`calibrations.imaging.diagnostics`; columns begin with ``EO``, after the camera team's
``eo_pipe``.
"""

from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from calibrations.imaging import diagnostics
from calibrations.imaging.frames import CcdImage, RawFrame
from calibrations.imaging.isr import ProcessedFrame, mask_bits

__all__ = ["Remembered", "dark_defect_columns", "exposure_columns", "flat_columns"]

Columns = dict[str, dict[str, float]]
LEFT_OUT = ("DETECTED", "BAD", "NO_DATA", "SAT")

ROW_STEP = 4
"""Rows are compared in every fourth column: all of them would take as long as the
tests themselves. An excess of the ratio over 1 is a quarter of that of all columns."""


def exposure_columns(frame: ProcessedFrame, raw: RawFrame, *, is_flat: bool) -> Columns:
    """Measure what one exposure shows.

    Read noise in boxes of the serial overscan (ADU); of flats also the edge responses,
    if segments were kept, and the variance of the rows' means over what chance gives.
    """
    left_out = (frame.mask & mask_bits(*LEFT_OUT)) > 0 if is_flat else None
    columns: Columns = {}
    for name, box in frame.boxes.items():
        residual = frame.serial_overscans[name].residual
        columns[name] = {
            "EO_READ_NOISE_ADU": diagnostics.overscan_read_noise(residual, edge=0)
        }
        if left_out is None:
            continue
        _, ratio = diagnostics.row_means_variance(
            frame.image[box.slices][:, ::ROW_STEP], left_out[box.slices][:, ::ROW_STEP]
        )
        columns[name]["EO_ROW_MEANS_VARIANCE_RATIO"] = ratio
        if name in frame.segments:
            amplifier = raw.amplifiers[name]
            serial, parallel = diagnostics.edge_responses(
                frame.segments[name],
                amplifier.data_box,
                amplifier.serial_overscan,
                amplifier.parallel_overscan,
            )
            columns[name] |= {"EO_SERIAL_EPER": serial, "EO_PARALLEL_EPER": parallel}
    return columns


def dark_defect_columns(frame: ProcessedFrame, dark: CcdImage) -> Columns:
    """Count bright columns and pixels of the combined dark, in electrons per second."""
    columns: Columns = {}
    for name, box in frame.boxes.items():
        n_columns, n_pixels = diagnostics.bright_defects(dark.data[box.slices])
        columns[name] = {"EO_BRIGHT_COLUMNS": n_columns, "EO_BRIGHT_PIXELS": n_pixels}
    return columns


def flat_columns(frame: ProcessedFrame, flat: CcdImage) -> Columns:
    """Count dark columns and pixels of the combined flat, and look for tearing."""
    torn = diagnostics.tearing(flat.data, frame.boxes, frame.readout_corners)
    columns: Columns = {}
    for name, box in frame.boxes.items():
        n_columns, n_pixels = diagnostics.dark_defects(flat.data[box.slices])
        columns[name] = {
            "EO_DARK_COLUMNS": n_columns,
            "EO_DARK_PIXELS": n_pixels,
            "EO_TEARING": torn[name],
        }
    return columns


class Remembered:
    """Numbers of a calibration, measured once for all the exposures it is applied to.

    Keeps those of the calibrations that were asked for last: a few numbers each.
    """

    def __init__(self, maximum: int = 512) -> None:
        self.maximum = maximum
        self._known: OrderedDict[UUID, Columns] = OrderedDict()

    def get(self, dataset: UUID | None, measure: Callable[[], Columns]) -> Columns:
        """Give the numbers of a dataset, measuring them the first time.

        What has no id yet is measured every time.
        """
        if dataset is None:
            return measure()
        if dataset not in self._known:
            self._known[dataset] = measure()
            if len(self._known) > self.maximum:
                self._known.popitem(last=False)
        self._known.move_to_end(dataset)
        return self._known[dataset]
