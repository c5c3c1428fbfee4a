"""Raw FITS files in the LSST layout: primary header and one extension per amplifier.

Keywords are those the camera's own files carry; nothing says when a file was written.
"""

from collections.abc import Mapping
from functools import cache
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

FITS_BLOCK = 2880
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
    """Write one detector's exposure, segments of shape (n, ny, nx) in file order."""
    primary = fits.PrimaryHDU()
    primary.header.update(primary_cards(plan, exposure, detector))
    primary.header["HIERARCH SIMULATE PIXELS"] = (1, "not light but a model of it")
    hdus = fits.HDUList([primary])
    path.parent.mkdir(parents=True, exist_ok=True)
    if plan.compressed:
        for number, name in enumerate(detector.amplifiers):
            header = segment_header(detector, name, number + 1, plan.size)
            pixels = adu[number].astype(np.int32)
            hdus.append(fits.CompImageHDU(pixels, header, compression_type="RICE_1"))
        hdus.writeto(path, overwrite=True)
        return
    with path.open("wb") as file:
        file.write(primary.header.tostring().encode("ascii"))
        for number, name in enumerate(detector.amplifiers):
            block = segment_block(
                plan.instrument, detector.id, name, number + 1, plan.size, adu.dtype
            )
            file.write(block)
            file.write(stored_pixels(adu[number]))


@cache
def segment_block(
    instrument: str,
    detector_id: int,
    name: str,
    channel: int,
    size: AmplifierSize,
    data_type: np.dtype,
) -> bytes:
    """Give an extension's header as it stands in the file.

    It is the same in every exposure, and making it takes longer than drawing the
    pixels: hence the bytes are kept.
    """
    detector = camera(instrument).detector(detector_id)
    empty = np.zeros(size.layout(detector).raw_shape, dtype=data_type)
    header = segment_header(detector, name, channel, size)
    return fits.ImageHDU(empty, header).header.tostring().encode("ascii")


def stored_pixels(pixels: np.ndarray) -> bytes:
    """Give an image as FITS stores it: big-endian, unsigned numbers by BZERO."""
    if pixels.dtype == np.uint16:
        data = (pixels.astype(np.int32) - 2**15).astype(">i2").tobytes()
    else:
        data = pixels.astype(">i4").tobytes()
    return data + b"\0" * (-len(data) % FITS_BLOCK)


def primary_cards(
    plan: ObservatoryPlan, exposure: PlannedExposure, detector: Detector
) -> Mapping[str, str | int | float]:
    """Give the cards that describe exposure and detector."""
    begin = exposure.begin_tai
    end = begin + TimeDelta(exposure.dark_time_s, format="sec")
    code = camera(plan.instrument).code
    kind = exposure.image_type
    filter_name = exposure.physical_filter or plan.physical_filter
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
        "INSTRUME": "ComCam" if code == "CC" else plan.instrument,
        "TELESCOP": "Simonyi Survey Telescope",
        "OBJECT": "UNKNOWN",
        "TESTTYPE": kind.upper(),
        "REASON": exposure.kind,
        "PROGRAM": "BLOCK-T60",
        "CAMCODE": code,
        "CONTRLLR": "O",
        "DAYOBS": str(exposure.day_obs),
        "SEQNUM": exposure.seq_num,
        "CURINDEX": 1,
        "MAXINDEX": 1,
        "CCD_MANU": detector.vendor,
        "CCD_TYPE": detector.serial.split("-")[1],
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


def segment_header(
    detector: Detector, name: str, channel: int, size: AmplifierSize
) -> fits.Header:
    """Give an amplifier's cards: where its pixels are and where they belong.

    DETSEC is in the camera's orientation, where rows count from the other end than in
    processed images: what is read against y there is read along it here.
    """
    layout, (ny, nx) = size.layout(detector), size.shape(detector)
    model, box = detector.amplifiers[name], detector.amplifier_boxes((ny, nx))[name]
    columns, rows = [box.x0 + 1, box.x1], [ny - box.y1 + 1, ny - box.y0]
    if model.flip_x:
        columns.reverse()
    if not model.flip_y:
        rows.reverse()
    data = layout.data_box
    header = fits.Header()
    header["EXTNAME"] = f"Segment{name[1:]}"
    header["CHANNEL"] = channel
    header["CCDSUM"] = "1 1"
    header["DATASEC"] = f"[{data.x0 + 1}:{data.x1},{data.y0 + 1}:{data.y1}]"
    header["DETSEC"] = f"[{columns[0]}:{columns[1]},{rows[0]}:{rows[1]}]"
    header["DETSIZE"] = f"[1:{nx},1:{ny}]"
    return header
