"""Raw FITS files in the LSST layout: primary header and one extension per amplifier.

Keywords are those the camera's own files carry; nothing says when a file was written.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import TimeDelta

from calibrations.domain.cameras import Detector, camera
from calibrations.simulation.plan import (
    AmplifierSize,
    ObservatoryPlan,
    PlannedExposure,
)

__all__ = ["file_name", "segment_header", "write_raw"]

RAFT_SERIAL = "LCA-11021_RTM-031"


def observation_name(plan: ObservatoryPlan, exposure: PlannedExposure) -> str:
    """Name an exposure as the camera does, such as CC_O_20261109_000001."""
    code = camera(plan.instrument).code
    return f"{code}_O_{exposure.day_obs}_{exposure.seq_num:06d}"


def file_name(
    plan: ObservatoryPlan, exposure: PlannedExposure, detector: Detector
) -> str:
    """Name a raw file as the camera does."""
    return f"{observation_name(plan, exposure)}_{detector.name}.fits"


def write_raw(
    path: Path,
    plan: ObservatoryPlan,
    exposure: PlannedExposure,
    detector: Detector,
    adu: np.ndarray,
) -> None:
    """Write one detector's exposure, segments of shape (16, ny, nx) in file order."""
    hdus = fits.HDUList([fits.PrimaryHDU()])
    hdus[0].header.update(primary_cards(plan, exposure, detector))
    hdus[0].header["HIERARCH SIMULATE PIXELS"] = (1, "not light but a model of it")
    for number, (name, pixels) in enumerate(
        zip(detector.amplifiers, adu, strict=True), start=1
    ):
        header = segment_header(name, number, plan.size)
        if plan.compressed:
            hdus.append(
                fits.CompImageHDU(
                    pixels.astype(np.int32), header, compression_type="RICE_1"
                )
            )
        else:
            hdus.append(fits.ImageHDU(pixels, header))
    path.parent.mkdir(parents=True, exist_ok=True)
    hdus.writeto(path, overwrite=True)


def primary_cards(
    plan: ObservatoryPlan, exposure: PlannedExposure, detector: Detector
) -> Mapping[str, str | int | float]:
    """Give the cards that describe exposure and detector."""
    begin = exposure.begin_tai
    end = begin + TimeDelta(exposure.dark_time_s, format="sec")
    kind = exposure.kind
    filter_name = plan.physical_filter
    return {
        "TIMESYS": "TAI",
        "DATE-OBS": begin.isot,
        "MJD-OBS": round(begin.mjd, 9),
        "DATE-BEG": begin.isot,
        "MJD-BEG": round(begin.mjd, 9),
        "DATE-END": end.isot,
        "MJD-END": round(end.mjd, 9),
        "IMGTYPE": kind.upper(),
        "OBSID": observation_name(plan, exposure),
        "GROUPID": begin.isot,
        "BUNIT": "adu",
        "INSTRUME": plan.instrument,
        "TELESCOP": "Simonyi Survey Telescope",
        "OBJECT": "UNKNOWN",
        "TESTTYPE": kind.upper(),
        "REASON": kind,
        "PROGRAM": "BLOCK-T60",
        "CAMCODE": camera(plan.instrument).code,
        "CONTRLLR": "O",
        "DAYOBS": str(exposure.day_obs),
        "SEQNUM": exposure.seq_num,
        "CURINDEX": 1,
        "MAXINDEX": 1,
        "CCD_MANU": detector.vendor,
        "CCD_TYPE": "3800C",
        "LSST_NUM": detector.serial,
        "RAFTNAME": RAFT_SERIAL,
        "RAFTBAY": detector.raft,
        "CCDSLOT": detector.slot,
        "FILTER": filter_name,
        "FILTBAND": filter_name.split("_")[0],
        "EXPTIME": exposure.exposure_time_s,
        "DARKTIME": exposure.dark_time_s,
        "SHUTTIME": exposure.exposure_time_s,
        "HEADVER": 2,
        "FILENAME": file_name(plan, exposure, detector),
    }


def segment_header(name: str, channel: int, size: AmplifierSize) -> fits.Header:
    """Give an amplifier's cards: where its pixels are and where they belong.

    In the camera's orientation C10 to C17 lie below, read out towards the left, and
    C07 to C00 above, read out towards the left and from the top.
    """
    ny, nx = size.ny, size.nx
    left = int(name[2]) * nx + 1
    rows = f"1:{ny}" if name[1] == "1" else f"{2 * ny}:{ny + 1}"
    first = size.prescan + 1
    header = fits.Header()
    header["EXTNAME"] = f"Segment{name[1:]}"
    header["CHANNEL"] = channel
    header["CCDSUM"] = "1 1"
    header["DATASEC"] = f"[{first}:{size.prescan + nx},1:{ny}]"
    header["DETSEC"] = f"[{left + nx - 1}:{left},{rows}]"
    header["DETSIZE"] = f"[1:{8 * nx},1:{2 * ny}]"
    return header
