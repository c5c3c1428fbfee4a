"""Exposures as the Butler's dimensions: what a registry knows, and is told."""

from collections.abc import Iterable, Mapping
from typing import Any

from astropy.time import Time, TimeDelta
from lsst.daf.butler import Butler, CollectionType, Timespan

from calibrations.butler.instruments import INSTRUMENTS
from calibrations.butler.raw_headers import RawExposure
from calibrations.butler.raw_reader import RawFileError

__all__ = ["KnownInstruments", "exposure_record", "insert_exposures"]

DAY = TimeDelta(86400.0, format="sec", scale="tai")


class KnownInstruments:
    """Finds detectors and filters among those a repository has registered."""

    def __init__(self, butler: Butler, *, register: bool) -> None:
        self.butler = butler
        self.register = register
        self._detectors: dict[str, Mapping[str, int]] = {}
        self._filters: dict[str, set[str]] = {}

    def detector_id(self, exposure: RawExposure) -> int:
        """Give a detector's id from its name."""
        name = exposure.instrument
        if name not in self._detectors:
            self._detectors[name] = self._read_detectors(name)
        detectors = self._detectors[name]
        if not detectors:
            raise RawFileError(
                f"INSTRUME says {name}, which is not registered in this repository."
            )
        if exposure.detector_name is not None and exposure.detector_name in detectors:
            return detectors[exposure.detector_name]
        if len(detectors) == 1:
            return next(iter(detectors.values()))
        few = ", ".join(list(detectors)[:9]) + (", ..." if len(detectors) > 9 else "")
        raise RawFileError(
            f"RAFTBAY and CCDSLOT say detector {exposure.detector_name}; {name} has "
            f"{few}."
        )

    def _read_detectors(self, name: str) -> Mapping[str, int]:
        records = self._records("detector", name)
        if not records and self.register and name in INSTRUMENTS:
            INSTRUMENTS[name]().register(self.butler.registry)
            self.butler.collections.register(f"{name}/calib", CollectionType.CHAINED)
            records = self._records("detector", name)
        return {record.full_name: record.id for record in records}

    def _records(self, element: str, name: str) -> list[Any]:
        return self.butler.query_dimension_records(
            element, instrument=name, explain=False, limit=None
        )

    def check_filter(self, exposure: RawExposure) -> None:
        """Refuse a filter that is not registered."""
        name = exposure.instrument
        if name not in self._filters:
            self._filters[name] = {
                record.name for record in self._records("physical_filter", name)
            }
        if exposure.physical_filter not in self._filters[name]:
            filters = sorted(self._filters[name])
            few = ", ".join(filters[:20]) + (", ..." if len(filters) > 20 else "")
            raise RawFileError(
                f"FILTER says {exposure.physical_filter}; {name} has {few}."
            )


def insert_exposures(butler: Butler, exposures: Iterable[RawExposure]) -> None:
    """Describe days, groups and exposures to the registry; those there stay."""
    registry = butler.registry
    ordered = sorted(exposures, key=lambda e: e.id)
    days = {(e.instrument, e.day_obs): None for e in ordered}
    groups = {(e.instrument, e.group): None for e in ordered}
    for instrument, day in days:
        text = str(day)
        noon = Time(f"{text[:4]}-{text[4:6]}-{text[6:]}T12:00:00", scale="tai")
        registry.syncDimensionData(
            "day_obs",
            {
                "instrument": instrument,
                "id": day,
                "timespan": Timespan(noon, noon + DAY),
            },
        )
    registry.insertDimensionData(
        "group",
        *({"instrument": i, "name": name} for i, name in groups),
        skip_existing=True,
    )
    registry.insertDimensionData(
        "exposure", *(exposure_record(e) for e in ordered), skip_existing=True
    )


def exposure_record(exposure: RawExposure) -> dict[str, Any]:
    """Give an exposure's dimension record."""
    return {
        "instrument": exposure.instrument,
        "id": exposure.id,
        "obs_id": exposure.obs_id,
        "day_obs": exposure.day_obs,
        "group": exposure.group,
        "physical_filter": exposure.physical_filter,
        "seq_num": exposure.seq_num,
        "seq_start": exposure.seq_start,
        "seq_end": exposure.seq_end,
        "observation_type": exposure.observation_type,
        "observation_reason": exposure.observation_reason,
        "exposure_time": exposure.exposure_time_s,
        "dark_time": exposure.dark_time_s,
        "target_name": exposure.target_name,
        "science_program": exposure.science_program,
        "tracking_ra": exposure.tracking_ra_deg,
        "tracking_dec": exposure.tracking_dec_deg,
        "sky_angle": exposure.sky_angle_deg,
        "azimuth": exposure.azimuth_deg,
        "zenith_angle": exposure.zenith_angle_deg,
        "has_simulated": exposure.has_simulated,
        "can_see_sky": exposure.can_see_sky,
        "timespan": Timespan(exposure.begin_tai, exposure.end_tai),
    }
