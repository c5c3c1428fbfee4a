"""LSSTComCam and its simulated twin: one raft of nine ITL detectors.

Plain Python. Numbers are those of obs_lsst's ``policy/comCam`` (every amplifier) and
``policy/comCamSim`` (each detector's median).
"""

from calibrations.domain.cameras.chips import (
    ITL,
    SATURATION_ADU,
    make_detector,
    numbers,
)
from calibrations.domain.cameras.model import Camera

__all__ = ["COMCAM", "COMCAM_SIM"]

CCD_PITCH_MM = 42.25

# Slot: serial number, gains (e-/ADU) and read noises (e-) from C10 to C17, C07 to C00.
_COMCAM: dict[str, tuple[str, str, str]] = {
    "S00": (
        "ITL-3800C-229",
        "1.352 1.360 1.342 1.334 1.305 1.345 1.356 1.320 "
        "1.401 1.434 1.433 1.423 1.303 1.294 1.381 1.401",
        "8.7 10.0 10.9 11.2 11.2 10.5 8.7 7.3 6.9 8.3 9.1 10.6 10.7 10.5 9.7 8.8",
    ),
    "S01": (
        "ITL-3800C-251",
        "1.374 1.359 1.345 1.348 1.349 1.347 1.352 1.338 "
        "1.375 1.408 1.405 1.400 1.402 1.415 1.416 1.402",
        "5.3 5.4 5.5 5.4 5.4 5.5 5.0 5.7 7.0 6.1 6.3 6.4 7.0 6.7 6.6 6.6",
    ),
    "S02": (
        "ITL-3800C-215",
        "1.375 1.387 1.357 1.381 1.381 1.353 1.383 1.325 "
        "1.351 1.381 1.365 1.367 1.372 1.398 1.407 1.375",
        "7.3 7.7 8.1 8.1 8.0 8.1 6.9 7.2 7.8 6.8 7.6 7.7 7.4 7.5 7.0 7.0",
    ),
    "S10": (
        "ITL-3800C-326",
        "1.394 1.383 1.386 1.378 1.381 1.389 1.383 1.365 "
        "1.306 1.381 1.382 1.355 1.379 1.352 1.391 1.381",
        "7.7 8.8 9.6 10.0 9.8 8.9 7.8 7.9 7.7 7.9 8.7 9.2 9.4 9.2 9.2 8.1",
    ),
    "S11": (
        "ITL-3800C-283",
        "1.354 1.342 1.355 1.349 1.347 1.300 1.329 1.314 "
        "1.344 1.385 1.404 1.418 1.414 1.425 1.428 1.437",
        "5.8 6.5 6.5 7.2 6.8 6.8 6.1 6.1 7.1 6.9 7.6 7.9 8.0 7.6 7.2 6.8",
    ),
    "S12": (
        "ITL-3800C-243",
        "1.376 1.366 1.324 1.371 1.376 1.355 1.361 1.346 "
        "1.379 1.418 1.429 1.438 1.432 1.440 1.430 1.429",
        "6.8 7.4 7.8 7.9 8.0 7.9 7.0 6.2 8.1 8.2 9.1 9.5 10.5 10.6 11.0 9.2",
    ),
    "S20": (
        "ITL-3800C-319",
        "1.372 1.386 1.396 1.399 1.398 1.381 1.401 1.381 "
        "1.407 1.450 1.436 1.450 1.445 1.429 1.442 1.429",
        "6.7 7.3 7.6 8.2 8.0 7.7 6.8 5.8 6.3 8.0 9.3 10.0 10.1 9.7 9.0 8.1",
    ),
    "S21": (
        "ITL-3800C-209",
        "1.310 1.282 1.266 1.280 1.303 1.304 1.311 1.288 "
        "1.173 1.386 1.377 1.384 1.389 1.383 1.374 1.372",
        "7.0 7.3 7.8 8.4 7.9 7.6 6.9 6.2 7.5 7.8 8.8 9.8 9.6 9.7 8.9 8.2",
    ),
    "S22": (
        "ITL-3800C-206",
        "1.404 1.389 1.397 1.402 1.394 1.337 1.379 1.353 "
        "1.375 1.392 1.384 1.379 1.406 1.418 1.414 1.427",
        "8.3 9.5 10.0 10.4 10.2 9.3 8.0 7.7 8.1 8.8 10.0 10.8 11.0 10.9 10.1 9.0",
    ),
}

# Slot: median gain (e-/ADU), read noise (e-) and saturation (ADU).
_SIMULATED: dict[str, tuple[float, float, float]] = {
    "S00": (1.692, 12.63, 117303.0),
    "S01": (1.667, 7.80, 126514.0),
    "S02": (1.678, 9.78, 114452.0),
    "S10": (1.689, 11.78, 123653.0),
    "S11": (1.654, 9.02, 132182.0),
    "S12": (1.680, 10.77, 121488.0),
    "S20": (1.695, 10.92, 133528.0),
    "S21": (1.622, 10.16, 143116.0),
    "S22": (1.699, 12.90, 127234.0),
}


def _centre(slot: str) -> tuple[float, float]:
    """Place a slot in its raft, in mm; its digits are row and column."""
    row, column = int(slot[1]), int(slot[2])
    return (column - 1) * CCD_PITCH_MM, (row - 1) * CCD_PITCH_MM


COMCAM = Camera(
    "LSSTComCam",
    "CC",
    tuple(
        make_detector(
            ITL,
            number,
            f"R22_{slot}",
            serial,
            gains=numbers(gains),
            read_noises_e=numbers(noises),
            saturations_adu=[SATURATION_ADU],
            centre_mm=_centre(slot),
        )
        for number, (slot, (serial, gains, noises)) in enumerate(_COMCAM.items())
    ),
)

COMCAM_SIM = Camera(
    "LSSTComCamSim",
    "CC",
    tuple(
        make_detector(
            ITL,
            number,
            f"R22_{slot}",
            _COMCAM[slot][0],
            gains=[gain],
            read_noises_e=[noise],
            saturations_adu=[saturation],
            centre_mm=_centre(slot),
        )
        for number, (slot, (gain, noise, saturation)) in enumerate(_SIMULATED.items())
    ),
)
