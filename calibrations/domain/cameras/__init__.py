"""The cameras as their makers describe them: detectors, amplifiers, nominal numbers.

Plain Python. Geometry and nominal values are those of Rubin's camera model
(obs_lsst's policy files); what a calibration measures may differ, and that difference
is what verification looks at.
"""

from collections.abc import Mapping

from calibrations.domain.cameras.comcam import COMCAM, COMCAM_SIM
from calibrations.domain.cameras.latiss import LATISS
from calibrations.domain.cameras.lsstcam import LSSTCAM
from calibrations.domain.cameras.model import (
    AmplifierModel,
    Camera,
    Detector,
    FocalBox,
    PixelBox,
    Purpose,
    SegmentLayout,
)
from taxicab.errors import NotFoundError

__all__ = [
    "CAMERAS",
    "AmplifierModel",
    "Camera",
    "Detector",
    "FocalBox",
    "PixelBox",
    "Purpose",
    "SegmentLayout",
    "camera",
    "detector_name",
]

CAMERAS: Mapping[str, Camera] = {
    c.name: c for c in (COMCAM, LATISS, COMCAM_SIM, LSSTCAM)
}


def camera(name: str) -> Camera:
    """Find a camera by the name its instrument has in the Butler."""
    try:
        return CAMERAS[name]
    except KeyError:
        raise NotFoundError(
            f"No camera is called {name!r}; there are {', '.join(CAMERAS)}."
        ) from None


def detector_name(instrument: str, detector: int | None) -> str:
    """Name a detector as people do; its number where the camera is not described."""
    if detector is None:
        return ""
    known = CAMERAS.get(instrument)
    names = {one.id: one.name for one in known.detectors} if known else {}
    return names.get(detector, f"detector {detector}")
