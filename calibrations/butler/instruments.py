"""The instruments as the Butler knows them: what registering one writes.

A repository set up by obs_lsst has its own instrument classes and does not need these.
"""

from collections.abc import Mapping
from typing import ClassVar

from lsst.daf.butler import FormatterV2, Registry
from lsst.pipe.base import Instrument
from lsst.utils.introspection import get_full_type_name

from calibrations.butler.formatters import CcdRawFormatter
from calibrations.domain.cameras import camera
from calibrations.domain.cameras.filters import FILTERS
from taxicab.errors import NotFoundError

__all__ = [
    "INSTRUMENTS",
    "Latiss",
    "LsstCam",
    "LsstComCam",
    "LsstComCamSim",
    "RubinInstrument",
    "instrument",
]

EXPOSURE_MAX = 7050123199999
"""Largest exposure id that the day and sequence rule can give."""

VISIT_SYSTEM = 2
"""Rubin's: visits by the first and last sequence number (obs_base's VisitSystem)."""


class RubinInstrument(Instrument):
    """What Rubin's instruments have in common: all but name and filters."""

    name: ClassVar[str]

    physical_filters: ClassVar[Mapping[str, str]]
    """Each physical filter's band; its own name where no band fits."""

    @classmethod
    def getName(cls) -> str:
        """Name in the Butler's data ids."""
        return cls.name

    def getRawFormatter(self, dataId: object) -> type[FormatterV2]:
        """Class that reads this instrument's raw files."""
        return CcdRawFormatter

    def register(self, registry: Registry, *, update: bool = False) -> None:
        """Write instrument, detectors and filters, or check those that are there."""
        model = camera(self.name)
        with registry.transaction():
            registry.syncDimensionData(
                "instrument",
                {
                    "name": self.name,
                    "detector_max": max(d.id for d in model.detectors) + 1,
                    "visit_max": EXPOSURE_MAX,
                    "exposure_max": EXPOSURE_MAX,
                    "visit_system": VISIT_SYSTEM,
                    "class_name": get_full_type_name(self),
                },
                update=update,
            )
            for detector in model.detectors:
                registry.syncDimensionData(
                    "detector",
                    {
                        "instrument": self.name,
                        "id": detector.id,
                        "full_name": detector.name,
                        "name_in_raft": detector.slot,
                        "raft": detector.raft,
                        "purpose": detector.purpose.value,
                    },
                    update=update,
                )
            for name, band in self.physical_filters.items():
                registry.syncDimensionData(
                    "physical_filter",
                    {"instrument": self.name, "name": name, "band": band},
                    update=update,
                )


class LsstComCam(RubinInstrument):
    """The commissioning camera: one raft of ITL detectors."""

    name = "LSSTComCam"
    physical_filters = FILTERS["LSSTComCam"]


class LsstComCamSim(RubinInstrument):
    """The commissioning camera as operations rehearsals simulated it."""

    name = "LSSTComCamSim"
    physical_filters = FILTERS["LSSTComCamSim"]


class LsstCam(RubinInstrument):
    """The survey camera: 205 detectors of two makers."""

    name = "LSSTCam"
    physical_filters = FILTERS["LSSTCam"]


class Latiss(RubinInstrument):
    """The auxiliary telescope's imager and spectrograph: one ITL detector."""

    name = "LATISS"
    physical_filters = FILTERS["LATISS"]


INSTRUMENTS: Mapping[str, type[RubinInstrument]] = {
    cls.name: cls for cls in (LsstComCam, Latiss, LsstComCamSim, LsstCam)
}


def instrument(name: str) -> RubinInstrument:
    """Find an instrument by its name in the Butler."""
    try:
        return INSTRUMENTS[name]()
    except KeyError:
        raise NotFoundError(
            f"No instrument is called {name!r}; there are {', '.join(INSTRUMENTS)}."
        ) from None
