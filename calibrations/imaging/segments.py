"""Signature removal on the amplifiers of one raw frame, before they are assembled.

NumPy in, NumPy out. Steps in the order of Rubin's ``IsrTaskLSST``: serial overscan,
saturation, gain, crosstalk, parallel overscan, linearity, deferred charge. Segments
are whole (prescan, pixels, overscans) and in readout order throughout.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calibrations.imaging.crosstalk import CrosstalkMatrix, subtract_crosstalk
from calibrations.imaging.cti import DeferredCharge, correct_deferred_charge
from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import RawAmplifier, RawFrame, mask_bits
from calibrations.imaging.linearity import Linearizer
from calibrations.imaging.overscan import (
    Overscan,
    subtract_parallel_overscan,
    subtract_serial_overscan,
)

__all__ = [
    "AmplifierConstants",
    "IsrSettings",
    "SegmentCorrections",
    "Segments",
    "correct_segments",
]


@dataclass(frozen=True)
class AmplifierConstants:
    """What must be known of an amplifier to turn counts into electrons."""

    gain: float
    """Electrons per ADU."""

    read_noise_e: float
    """Nominal read noise, in electrons."""

    saturation_adu: float
    """Level above the overscan from which a pixel is saturated."""

    suspect_adu: float = float("inf")
    """Level above the overscan from which a pixel is suspect: the turnoff of the
    photon transfer curve."""

    is_bad: bool = False
    """Nothing of the amplifier can be used."""


@dataclass(frozen=True)
class IsrSettings:
    """Choices of the overscan fit, and what is kept of it."""

    overscan_skip: int = 3
    """Overscan columns (rows) left out at each side."""

    overscan_sigma: float = 3.0
    do_parallel_overscan: bool = True
    parallel_max_deviation_adu: float = 100.0
    keep_segments: bool = False
    """Keep the corrected segments, overscans included, beside the image."""


@dataclass(frozen=True)
class SegmentCorrections:
    """Calibrations that act on segments; what is None is not applied."""

    crosstalk: CrosstalkMatrix | None = None
    linearizers: Mapping[str, Linearizer] | None = None
    deferred_charge: Mapping[str, DeferredCharge] | None = None


@dataclass
class Segments:
    """The amplifiers of a frame, corrected."""

    data: dict[str, np.ndarray]
    """Whole segments in electrons, float32, readout order."""

    masks: dict[str, np.ndarray]
    """Mask planes of the light-sensitive regions, uint16."""

    header: dict[str, Any]
    """What was done, as ``LSST ISR`` cards."""

    overscans: dict[str, Overscan] = field(repr=False)
    """The serial fits."""


def correct_segments(
    raw: RawFrame,
    constants: Mapping[str, AmplifierConstants],
    corrections: SegmentCorrections,
    settings: IsrSettings,
) -> Segments:
    """Turn counts as read into electrons.

    Parameters
    ----------
    raw
        Counts as read.
    constants
        Gain, noise and levels of every amplifier of ``raw``.
    corrections
        Calibrations that act before assembly, keyed by amplifier where each has its
        own.
    settings
        Choices of the overscan fit.

    Raises
    ------
    ImageError
        Raised if a calibration lacks an amplifier of the frame.
    """
    _check_amplifiers(raw, corrections)
    segments = Segments({}, {}, {}, {})
    for name, amplifier in raw.amplifiers.items():
        _subtract_overscan(segments, amplifier, constants[name], settings)
    if corrections.crosstalk is not None:
        segments.data = subtract_crosstalk(segments.data, corrections.crosstalk)
    for name, amplifier in raw.amplifiers.items():
        gain = constants[name].gain
        if settings.do_parallel_overscan and _has_parallel_overscan(amplifier):
            _subtract_parallel(segments, amplifier, gain, settings)
        if corrections.linearizers is not None:
            # Linearizers are measured, and act, on ADU.
            linear = corrections.linearizers[name].linearize(segments.data[name] / gain)
            segments.data[name] = (linear * gain).astype(np.float32)
        if corrections.deferred_charge is not None:
            segments.data[name] = correct_deferred_charge(
                segments.data[name], corrections.deferred_charge[name]
            )
    return segments


def _subtract_overscan(
    segments: Segments,
    amplifier: RawAmplifier,
    constants: AmplifierConstants,
    settings: IsrSettings,
) -> None:
    """Subtract one amplifier's serial overscan, mask what is full, apply the gain."""
    name = amplifier.name
    overscan = subtract_serial_overscan(
        amplifier.data,
        amplifier.serial_overscan,
        n_skip=settings.overscan_skip,
        sigma=settings.overscan_sigma,
    )
    segments.overscans[name] = overscan
    segments.header |= _overscan_cards("SERIAL", name, overscan, "adu")
    residual = f"LSST ISR OVERSCAN RESIDUAL SERIAL STDEV {name}"
    segments.header[residual] = overscan.residual_stdev
    lit = overscan.data[amplifier.data_box.slices]
    mask = np.zeros(lit.shape, dtype=np.uint16)
    mask[lit >= constants.saturation_adu] |= mask_bits("SAT")
    if np.isfinite(constants.suspect_adu):
        mask[lit >= constants.suspect_adu] |= mask_bits("SUSPECT")
    if constants.is_bad:
        mask |= np.uint16(mask_bits("BAD"))
    segments.masks[name] = mask
    segments.data[name] = overscan.data * np.float32(constants.gain)


def _subtract_parallel(
    segments: Segments, amplifier: RawAmplifier, gain: float, settings: IsrSettings
) -> None:
    """Subtract one amplifier's parallel overscan, in electrons."""
    parallel = subtract_parallel_overscan(
        segments.data[amplifier.name],
        amplifier.parallel_overscan,
        n_skip=settings.overscan_skip,
        sigma=settings.overscan_sigma,
        max_deviation=settings.parallel_max_deviation_adu * gain,
    )
    segments.header |= _overscan_cards("PARALLEL", amplifier.name, parallel, "electron")
    segments.data[amplifier.name] = parallel.data


def _check_amplifiers(raw: RawFrame, corrections: SegmentCorrections) -> None:
    """Refuse a calibration that does not know every amplifier."""
    crosstalk = corrections.crosstalk
    known = {
        "crosstalk": None if crosstalk is None else crosstalk.amplifiers,
        "linearizer": corrections.linearizers,
        "cti": corrections.deferred_charge,
    }
    for kind, amplifiers in known.items():
        if amplifiers is None:
            continue
        if missing := sorted(set(raw.amplifiers) - set(amplifiers)):
            raise ImageError(
                f"The {kind} has no amplifier {', '.join(missing)}, which the raw "
                f"frame has; it has {', '.join(amplifiers)}."
            )


def _has_parallel_overscan(amplifier: RawAmplifier) -> bool:
    """Whether there are rows to fit."""
    ny, nx = amplifier.parallel_overscan.shape
    return ny > 0 and nx > 0


def _overscan_cards(
    direction: str, name: str, overscan: Overscan, unit: str
) -> dict[str, Any]:
    """Header cards of one fit, named as ``IsrTaskLSST`` names them."""
    prefix = f"LSST ISR OVERSCAN {direction}"
    return {
        f"{prefix} MEAN {name}": overscan.mean,
        f"{prefix} MEDIAN {name}": overscan.median,
        f"{prefix} STDEV {name}": overscan.stdev,
        f"{prefix} UNITS": unit,
    }
