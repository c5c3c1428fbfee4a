"""Which instrument class a pipeline runs with. Imports no lsst.

Our pipelines name one camera and serve all that this project describes.
"""

from calibrations.butler.records import ButlerSettings

__all__ = ["INSTRUMENT_CLASSES", "choose_instrument_class"]

_MODULE = "calibrations.butler.instruments"

INSTRUMENT_CLASSES = {
    "LSSTComCam": f"{_MODULE}.LsstComCam",
    "LSSTComCamSim": f"{_MODULE}.LsstComCamSim",
    "LSSTCam": f"{_MODULE}.LsstCam",
    "LATISS": f"{_MODULE}.Latiss",
}

OWN_PIPELINES = "resource://calibrations/"


def choose_instrument_class(settings: ButlerSettings, address: str) -> str:
    """Name the class that takes the place of the one in a pipeline's file.

    The site's choice comes first. A pipeline of somebody else, such as cp_pipe's, keeps
    its own, which is said by an empty text.
    """
    if settings.instrument_class or not address.startswith(OWN_PIPELINES):
        return settings.instrument_class
    return INSTRUMENT_CLASSES.get(settings.instrument, "")
