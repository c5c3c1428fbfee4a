"""LATISS: the auxiliary telescope's one ITL detector.

Plain Python. Numbers are those of obs_lsst's ``policy/latiss``.
"""

from calibrations.domain.cameras.chips import ITL, make_detector, numbers
from calibrations.domain.cameras.model import Camera

__all__ = ["LATISS"]

LATISS = Camera(
    "LATISS",
    "AT",
    (
        make_detector(
            ITL,
            0,
            "RXX_S00",
            "ITL-3800C-068",
            gains=numbers(
                "1.081 1.047 1.080 1.081 1.064 1.067 1.080 1.056 "
                "1.103 1.104 1.105 1.084 1.094 1.087 1.093 1.097"
            ),
            read_noises_e=numbers(
                "8.4 8.5 8.4 8.6 8.4 8.4 8.4 8.0 8.5 10.0 10.3 9.7 9.1 9.4 9.9 9.1"
            ),
            saturations_adu=[120000.0],
            centre_mm=(-0.515, -0.055),
        ),
    ),
)
