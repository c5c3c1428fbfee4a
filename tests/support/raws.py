"""Small raw files of any detector of LSSTCam, whose pixels tell where they belong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits

from calibrations.domain.cameras import camera
from calibrations.domain.cameras.model import Detector, SegmentLayout

SMALL = SegmentLayout(6, 5, 2, 4, 3)
"""Columns, rows, prescan, serial and parallel overscan."""

OVERSCAN = -7


def small(name: str, instrument: str = "LSSTCam", layout=SMALL) -> Detector:
    """A detector as it is, but with small amplifiers."""
    detector = camera(instrument).detector(name)
    rows = len(detector.amplifiers) // 8
    shape = (rows * layout.data_rows, 8 * layout.data_columns)
    return replace(detector, layout=layout, shape=shape)


def positions(detector: Detector) -> np.ndarray:
    """An image (DM orientation) that tells every pixel from every other."""
    ny, nx = detector.shape
    return np.arange(1, ny * nx + 1, dtype=np.int32).reshape(ny, nx)


def sections(detector: Detector, name: str) -> tuple[str, str]:
    """DATASEC and DETSEC as the camera writes them: orientation CCS, reversed by flips.

    An independent reading of the raw files: what is below in the camera is above in
    processed images.
    """
    ny = detector.shape[0]
    model, box = detector.amplifiers[name], detector.amplifier_boxes()[name]
    columns = [box.x0 + 1, box.x1]
    rows = [ny - box.y1 + 1, ny - box.y0]
    if model.flip_x:
        columns.reverse()
    if not model.flip_y:
        rows.reverse()
    data = detector.layout.data_box
    return (
        f"[{data.x0 + 1}:{data.x1},{data.y0 + 1}:{data.y1}]",
        f"[{columns[0]}:{columns[1]},{rows[0]}:{rows[1]}]",
    )


def cards(detector: Detector, **changes) -> dict:
    """A primary header of LSSTCam."""
    seq_num = int(changes.get("SEQNUM") or 7)
    begin = "2026-11-10T02:00:00.000"
    return {
        "INSTRUME": "lsstCam",
        "TELESCOP": "Simonyi Survey Telescope",
        "DAYOBS": "20261109",
        "SEQNUM": seq_num,
        "CONTRLLR": "O",
        "OBSID": f"MC_O_20261109_{seq_num:06d}",
        "GROUPID": f"{begin}#{seq_num}",
        "IMGTYPE": "FLAT",
        "REASON": "ptc",
        "TIMESYS": "TAI",
        "DATE-OBS": begin,
        "DATE-BEG": begin,
        "DATE-END": "2026-11-10T02:00:05.500",
        "EXPTIME": 5.0,
        "DARKTIME": 5.5,
        "FILTER": "r_57",
        "RAFTBAY": detector.raft,
        "CCDSLOT": detector.slot,
        "LSST_NUM": detector.serial,
        **changes,
    }


def write_raw(
    path: Path,
    detector: Detector,
    image: np.ndarray,
    *,
    compress: bool = False,
    detsize: str | None = None,
    **changes,
) -> Path:
    """Write a raw whose assembled image (DM orientation) is the one that is given."""
    primary = fits.PrimaryHDU()
    primary.header.update(cards(detector, **changes))
    hdus = fits.HDUList([primary])
    data = detector.layout.data_box
    ny, nx = detector.shape
    for number, name in enumerate(detector.amplifiers, start=1):
        model, box = detector.amplifiers[name], detector.amplifier_boxes()[name]
        pixels = image[box.y0 : box.y1, box.x0 : box.x1]
        segment = np.full(detector.layout.raw_shape, OVERSCAN, dtype=np.int32)
        segment[data.y0 : data.y1, data.x0 : data.x1] = pixels[
            :: -1 if model.flip_y else 1, :: -1 if model.flip_x else 1
        ]
        header = fits.Header()
        header["EXTNAME"] = f"Segment{name[1:]}"
        header["CHANNEL"] = number
        header["DATASEC"], header["DETSEC"] = sections(detector, name)
        header["DETSIZE"] = detsize or f"[1:{nx},1:{ny}]"
        hdus.append(
            fits.CompImageHDU(segment, header, compression_type="RICE_1")
            if compress
            else fits.ImageHDU(segment, header)
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    hdus.writeto(path)
    return path
