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
from taxicab.errors import NotFoundError

__all__ = ["INSTRUMENTS", "Latiss", "LsstComCam", "RubinInstrument", "instrument"]

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
                        "purpose": "SCIENCE",
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
    physical_filters = {
        "u_02": "u",
        "u_05": "u",
        "u_06": "u",
        "g_01": "g",
        "g_07": "g",
        "r_03": "r",
        "i_06": "i",
        "z_02": "z",
        "z_03": "z",
        "y_04": "y",
        "pinhole": "pinhole",
        "OG590_2_5mm": "OG590_2_5mm",
        "empty": "white",
        "none": "none",
        "unknown": "unknown",
    }


class Latiss(RubinInstrument):
    """The auxiliary telescope's imager and spectrograph: one ITL detector."""

    name = "LATISS"
    physical_filters = {
        "empty~empty": "white",
        "SDSSg_65mm~empty": "g",
        "SDSSr_65mm~empty": "r",
        "SDSSi_65mm~empty": "i",
        "SDSSz_65mm~empty": "z",
        "SDSSy_65mm~empty": "y",
        "BG40_65mm_1~empty": "g",
        "OG550_65mm_1~empty": "r",
        "FELH0600~empty": "r",
        "empty~holo4_003": "white",
        "empty~blue300lpmm_qn1": "white",
        "unknown~unknown": "unknown~unknown",
        "unknown": "unknown",
    }


INSTRUMENTS: Mapping[str, type[RubinInstrument]] = {
    cls.name: cls for cls in (LsstComCam, Latiss)
}


def instrument(name: str) -> RubinInstrument:
    """Find an instrument by its name in the Butler."""
    try:
        return INSTRUMENTS[name]()
    except KeyError:
        raise NotFoundError(
            f"No instrument is called {name!r}; there are {', '.join(INSTRUMENTS)}."
        ) from None
