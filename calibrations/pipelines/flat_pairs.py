"""From raw flats of one detector to measured pairs."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from logging import getLogger
from typing import Any

import numpy as np
from lsst.daf.butler import DeferredDatasetHandle

from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box, mask_bits
from calibrations.imaging.isr import ProcessedFrame
from calibrations.imaging.ptc import FlatPairs
from calibrations.imaging.ptc_pairs import (
    FlatExposure,
    PairBy,
    PairMeasurement,
    measure_pair,
    pair_flats,
)
from calibrations.imaging.statistics import clip_bias_factor, clipped_statistics
from calibrations.pipelines.processing import Calibrations, process_raw
from calibrations.pipelines.products import exposure_times
from calibrations.pipelines.ptc_configs import PairConfig

__all__ = ["MeasuredFlats", "find_pairs", "measure_flats", "measure_frames"]

log = getLogger(__name__)

LEFT_OUT = ("BAD", "NO_DATA")
FULL = ("SAT", "SUSPECT")
NOISE_SIGMA = 5.0
"""Clipping of overscans. At 3 the error of what is left is 7 % larger."""

Handles = Mapping[int, DeferredDatasetHandle]
Look = Callable[[ProcessedFrame, ProcessedFrame], None]


@dataclass
class MeasuredFlats:
    """Pairs of a detector, and what is remembered of their frames."""

    pairs: FlatPairs
    boxes: dict[str, Box]
    alone: list[int] = field(default_factory=list)
    """Flats without a partner."""

    headers: list[Mapping[str, Any]] = field(default_factory=list)

    def meta(self, config: PairConfig, calibrations: Calibrations) -> dict[str, Any]:
        """Tell what a table was made from, as plain values."""
        cards: dict[str, Any] = {
            "CALIB_CREATION_DATETIME": config.creationTime,
            "PAIRED_BY": config.matchExposuresType,
            "UNPAIRED": list(self.alone),
        }
        times = exposure_times(self.headers)
        ids = sorted(int(one) for one in self.pairs.exposures.ravel())
        cards |= {f"CPP_INPUT_{i}": one for i, one in enumerate(ids)}
        first = self.headers[0] if self.headers else {}
        cards |= {
            key: first[key]
            for key in ("INSTRUME", "DET_SER", "LSST_NUM")
            if key in first
        }
        return {**cards, **times, **calibrations.cards()}


def find_pairs(
    handles: Iterable[DeferredDatasetHandle], config: PairConfig
) -> tuple[list[tuple[int, int]], list[int], dict[int, DeferredDatasetHandle]]:
    """Find which flats form pairs.

    Returns
    -------
    pairs, alone, handles
        Exposure ids of pairs, ids of flats without a partner, and all by id.

    Raises
    ------
    ImageError
        Raised if there is no pair at all.
    """
    by_id = {int(handle.dataId["exposure"]): handle for handle in handles}
    by = PairBy(config.matchExposuresType)
    exposures = [_describe(i, handle, by, config) for i, handle in by_id.items()]
    tolerance = config.fluxTolerance if by is PairBy.FLUX else config.timeTolerance
    pairs, alone = pair_flats(exposures, by, tolerance=tolerance)
    if alone:
        log.warning("Flats without a partner: %s.", ", ".join(map(str, alone)))
    if not pairs:
        raise ImageError(
            f"None of {len(by_id)} flats has a partner of the same {by.value.lower()}."
        )
    return pairs, alone, by_id


def measure_flats(
    handles: Iterable[DeferredDatasetHandle],
    calibrations: Calibrations,
    config: PairConfig,
    *,
    look: Look | None = None,
) -> MeasuredFlats:
    """Process and measure all pairs of a detector, two frames at a time.

    Parameters
    ----------
    handles
        Raw flats of one detector.
    calibrations
        Applied to each.
    config
        Choices.
    look
        Called with the two frames of each pair, in ADU, once they are measured.

    Raises
    ------
    ImageError
        Raised if there is no pair.
    """
    pairs, alone, by_id = find_pairs(handles, config)
    measured: dict[str, list[PairMeasurement]] = {}
    noises: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {}
    times: list[float] = []
    headers: list[Mapping[str, Any]] = []
    boxes: dict[str, Box] = {}
    settings = config.isr_settings()
    for ids in pairs:
        raws = [by_id[i] for i in ids]
        first, second = frames = [
            process_raw(raw.get(), raw.dataId, calibrations, settings).in_adu()
            for raw in raws
        ]
        boxes = frames[0].boxes
        for name, one in measure_frames(first, second, config).items():
            measured.setdefault(name, []).append(one)
            noise, error = _overscan_noise(frames, name)
            noises.setdefault(name, []).append(noise)
            errors.setdefault(name, []).append(error)
        times.append(float(frames[0].header.get("EXPTIME") or np.nan))
        headers += [_kept_cards(frame.header) for frame in frames]
        if look is not None:
            look(first, second)
    gathered = FlatPairs.gather(
        measured,
        pairs,
        noises_adu=noises,
        noise_errors_adu=errors,
        exposure_times_s=times,
    )
    return MeasuredFlats(gathered, boxes, alone, headers)


def measure_frames(
    first: ProcessedFrame, second: ProcessedFrame, config: PairConfig
) -> dict[str, PairMeasurement]:
    """Measure one pair of processed frames, in ADU, amplifier by amplifier."""
    useless = ((first.mask | second.mask) & mask_bits(*LEFT_OUT)) > 0
    full = ((first.mask | second.mask) & mask_bits(*FULL)) > 0
    settings = config.pair_settings()
    measured = {}
    for name, box in first.boxes.items():
        where = box.slices
        measured[name] = measure_pair(
            first.image[where],
            second.image[where],
            mask=useless[where],
            saturated=full[where],
            noise_adu=_overscan_noise((first, second), name)[0],
            settings=settings,
        )
        if measured[name].flag:
            exposure = first.header.get("OBSID") or first.header.get("SEQNUM")
            log.info("%s of %s: %s.", name, exposure, measured[name].flag)
    return measured


def _describe(
    exposure: int, handle: DeferredDatasetHandle, by: PairBy, config: PairConfig
) -> FlatExposure:
    """Tell a flat by its record, or by its header where the header alone knows."""
    record = handle.dataId.records["exposure"]
    flux = float("nan")
    if by is PairBy.FLUX:
        value = handle.get().header.get(config.matchExposuresByFluxKeyword)
        flux = float("nan") if value is None else float(value)
    return FlatExposure(
        exposure,
        float(record.exposure_time),
        flux,
        str(record.physical_filter),
    )


def _overscan_noise(frames: Sequence[ProcessedFrame], name: str) -> tuple[float, float]:
    """Read noise of a pair, ADU, and its error from the size of the overscans.

    Of the difference of the two: the charge that bright pixels leave behind is a
    pattern of the columns, which a single overscan shows as noise that grows with
    signal.
    """
    first, second = (frame.serial_overscans[name].residual for frame in frames)
    difference = clipped_statistics(first - second, sigma=NOISE_SIGMA)
    factor = math.sqrt(0.5 * clip_bias_factor(NOISE_SIGMA))
    noise = factor * difference.stdev_clip
    return noise, noise / math.sqrt(2.0 * max(first.size, 1))


def _kept_cards(header: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what products tell of their inputs."""
    names = ("DATE-BEG", "DATE-END", "INSTRUME", "DET_SER", "LSST_NUM", "EXPTIME")
    return {name: header[name] for name in names if header.get(name) is not None}
