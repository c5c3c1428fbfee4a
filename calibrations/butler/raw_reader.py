"""Read raw files in the LSST layout: a primary header and one extension per amplifier.

Where an amplifier's pixels are, and where they belong, comes from the file alone
(DATASEC, DETSEC, BIASSEC where there is one), so cameras of any vendor and size are
read alike. Nothing of the middleware is used here.
"""

import re
import warnings
from collections import Counter
from dataclasses import replace
from itertools import combinations
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from calibrations.imaging.frames import Box, RawAmplifier, RawFrame
from taxicab.errors import InputError

__all__ = [
    "RawFileError",
    "check_first_extension",
    "check_length",
    "header_values",
    "list_cards",
    "read_raw_frame",
]

FITS_BLOCK = 2880
BROKEN = "Error validating header|File may have been truncated"
SECTION = re.compile(r"\s*\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]\s*")
SEGMENT = re.compile(r"Segment\d\d", re.IGNORECASE)
STRUCTURE = re.compile(
    r"SIMPLE|BITPIX|NAXIS\d*|EXTEND|XTENSION|[PG]COUNT|B(SCALE|ZERO)|CHECKSUM|DATASUM"
    r"|COMMENT|HISTORY|"
)
"""Cards that describe the file, not the exposure."""


class RawFileError(InputError):
    """A raw file is not what the LSST layout asks for."""

    error = "bad_raw_file"


class Section(NamedTuple):
    """A FITS section: its rectangle, and which of its ranges run backwards."""

    box: Box
    flip_x: bool
    flip_y: bool


def header_values(header: fits.Header) -> dict[str, Any]:
    """Give a header's cards as plain values, without those of the file's structure.

    A card without a value is None; of a repeated card the first one counts.
    """
    values: dict[str, Any] = {}
    for card in header.cards:
        keyword = card.keyword
        if keyword in values or STRUCTURE.fullmatch(keyword):
            continue
        value = card.value  # parsed each time that it is asked for
        values[keyword] = None if isinstance(value, fits.card.Undefined) else value
    return values


def list_cards(header: fits.Header) -> list[list[Any]]:
    """Give keyword, value and comment of all cards, in the header's order.

    A card that FITS does not allow has its text for a value.
    """
    return [_split_card(card) for card in header.cards]


def _split_card(card: fits.Card) -> list[Any]:
    try:
        value, comment = card.value, card.comment
    except fits.VerifyError:
        return [card.keyword, card.image[len(card.keyword) :].strip(" ="), ""]
    if isinstance(value, fits.card.Undefined):
        value = None
    elif not isinstance(value, bool | int | float | str):
        value = str(value)
    return [card.keyword, value, comment]


def check_length(path: str | PathLike[str]) -> None:
    """Refuse a file that was cut off: FITS files are whole numbers of blocks.

    A file may be gzipped whatever its name is; then its length says nothing.
    """
    size = Path(path).stat().st_size
    with open(path, "rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    if size % FITS_BLOCK and not gzipped:
        raise RawFileError(
            f"{path} cannot be read as FITS: it has {size} bytes, which is no multiple "
            f"of {FITS_BLOCK}. Was it copied to its end?"
        )


def read_raw_frame(path: str | PathLike[str]) -> RawFrame:
    """Read one detector's raw exposure, compressed or not."""
    try:
        check_length(path)
        with warnings.catch_warnings(), fits.open(path, memmap=False) as hdus:
            # Astropy gives what there is of a broken file, with a warning.
            warnings.filterwarnings("error", message=BROKEN)
            segments = [hdu for hdu in hdus[1:] if SEGMENT.fullmatch(hdu.name)]
            if not segments:
                raise RawFileError(describe_extensions(path, hdus))
            refuse_repeated(path, segments)
            amplifiers = [read_amplifier(path, hdu) for hdu in segments]
            header = header_values(hdus[0].header)
            size = segments[0].header.get("DETSIZE")
    except (OSError, EOFError, AstropyWarning) as e:
        raise RawFileError(f"{path} cannot be read as FITS: {e}") from e
    shape = detector_shape(path, size, amplifiers)
    shape, amplifiers = place_half_chip(shape, amplifiers)
    amplifiers = turn_to_camera(shape, amplifiers)
    refuse_overlaps(path, amplifiers)
    return RawFrame(header, {amp.name: amp for amp in amplifiers}, shape)


def read_amplifier(path: str | PathLike[str], hdu: fits.ImageHDU) -> RawAmplifier:
    """Read an amplifier's pixels and find its regions."""
    data = hdu.data
    if data is None or data.ndim != 2:
        raise RawFileError(f"{path} [{hdu.name}] has no image.")
    data = np.asarray(data, dtype=data.dtype.newbyteorder("="))
    ny, nx = data.shape
    data_box = parse_section(path, hdu, "DATASEC").box
    if data_box.x1 > nx or data_box.y1 > ny:
        raise RawFileError(
            f"{path} [{hdu.name}]: DATASEC is {hdu.header['DATASEC']!r} and the image "
            f"has {nx} x {ny} pixels."
        )
    place = parse_section(path, hdu, "DETSEC")
    if place.box.shape != data_box.shape:
        raise RawFileError(
            f"{path} [{hdu.name}]: DATASEC {hdu.header['DATASEC']!r} and DETSEC "
            f"{hdu.header['DETSEC']!r} differ in size."
        )
    serial = Box(data_box.x1, data_box.y0, nx, data_box.y1)
    if "BIASSEC" in hdu.header:
        serial = parse_section(path, hdu, "BIASSEC").box
    return RawAmplifier(
        name=f"C{hdu.name[-2:]}",
        data=data,
        data_box=data_box,
        serial_overscan=serial,
        parallel_overscan=Box(data_box.x0, data_box.y1, data_box.x1, ny),
        detector_box=place.box,
        flip_x=place.flip_x,
        flip_y=place.flip_y,
        header=header_values(hdu.header),
    )


def parse_section(
    path: str | PathLike[str], hdu: fits.ImageHDU, keyword: str
) -> Section:
    """Read a section card such as ``[509:1,1:2000]``."""
    text = hdu.header.get(keyword)
    found = SECTION.fullmatch(text) if isinstance(text, str) else None
    ends = [int(end) for end in found.groups()] if found else [0]
    if min(ends) < 1:
        raise RawFileError(
            f"{path} [{hdu.name}]: {keyword} is {text!r}; a section such as "
            "'[509:1,1:2000]' was expected."
        )
    xa, xb, ya, yb = ends
    box = Box(min(xa, xb) - 1, min(ya, yb) - 1, max(xa, xb), max(ya, yb))
    return Section(box, flip_x=xa > xb, flip_y=ya > yb)


def detector_shape(
    path: str | PathLike[str], detsize: object, amplifiers: list[RawAmplifier]
) -> tuple[int, int]:
    """Give the detector's rows and columns: DETSIZE, or what the amplifiers cover."""
    covered = (
        max(amp.detector_box.y1 for amp in amplifiers),
        max(amp.detector_box.x1 for amp in amplifiers),
    )
    if detsize is None:
        return covered
    found = SECTION.fullmatch(str(detsize))
    shape = (int(found.group(4)), int(found.group(2))) if found else (0, 0)
    if shape[0] < covered[0] or shape[1] < covered[1]:
        raise RawFileError(
            f"{path}: DETSIZE is {detsize!r}, and the amplifiers' DETSEC reach "
            f"({covered[1]}, {covered[0]})."
        )
    return shape


def place_half_chip(
    shape: tuple[int, int], amplifiers: list[RawAmplifier]
) -> tuple[tuple[int, int], list[RawAmplifier]]:
    """Give a wavefront detector its own size: half a chip, one row of amplifiers.

    Its headers may carry the DETSIZE of a whole chip, of which the other half is
    another detector.
    """
    rows = {amp.detector_box.y0 for amp in amplifiers}
    height = amplifiers[0].detector_box.shape[0]
    if len(amplifiers) != 8 or len(rows) != 1 or shape[0] != 2 * height:
        return shape, amplifiers
    (y0,) = rows
    moved = [
        replace(amp, detector_box=Box(box.x0, box.y0 - y0, box.x1, box.y1 - y0))
        for amp in amplifiers
        for box in [amp.detector_box]
    ]
    return (height, shape[1]), moved


def turn_to_camera(
    shape: tuple[int, int], amplifiers: list[RawAmplifier]
) -> list[RawAmplifier]:
    """Place the amplifiers in the camera's orientation.

    There C10 to C17 are the lower row. Test stands before 2019 wrote DETSEC in the
    orientation of processed images, in which they are the upper one.
    """
    middle = shape[0] / 2
    upper = {amp.name[1] for amp in amplifiers if amp.detector_box.y0 >= middle}
    lower = {amp.name[1] for amp in amplifiers if amp.detector_box.y0 < middle}
    if (upper, lower) != ({"1"}, {"0"}):
        return amplifiers
    return [
        replace(
            amp,
            detector_box=amp.detector_box.turned_over(shape[0]),
            flip_y=not amp.flip_y,
        )
        for amp in amplifiers
    ]


def check_first_extension(path: str | PathLike[str], hdus: fits.HDUList) -> None:
    """Refuse a file that does not begin with an amplifier; reads no further."""
    try:
        first = hdus[1]
    except IndexError:
        raise RawFileError(describe_extensions(path, hdus)) from None
    if not SEGMENT.fullmatch(first.name):
        raise RawFileError(describe_extensions(path, hdus))


def describe_extensions(path: str | PathLike[str], hdus: fits.HDUList) -> str:
    """Say what a file without amplifiers has instead."""
    names = Counter(hdu.name or "(no name)" for hdu in hdus[1:])
    if names["IMAGE"] > 1:
        return (
            f"{path} has no amplifier: its {names['IMAGE']} images are a guider's "
            f"stamps, not a detector's readout."
        )
    found = ", ".join(f"{n} × {name}" if n > 1 else name for name, n in names.items())
    return (
        f"{path} has no amplifier: extensions named Segment00 and so on were looked "
        f"for among {found or 'none'}."
    )


def refuse_repeated(path: str | PathLike[str], segments: list[fits.ImageHDU]) -> None:
    """Refuse a file in which an amplifier occurs twice: one would replace the other."""
    names = Counter(hdu.name.upper() for hdu in segments)
    if twice := [name for name, n in names.items() if n > 1]:
        raise RawFileError(f"{path} has {', '.join(twice)} more than once.")


def refuse_overlaps(path: str | PathLike[str], amplifiers: list[RawAmplifier]) -> None:
    """Refuse amplifiers of which one lies on another: neither's place is right."""
    for one, other in combinations(amplifiers, 2):
        a, b = one.detector_box, other.detector_box
        if max(a.x0, b.x0) < min(a.x1, b.x1) and max(a.y0, b.y0) < min(a.y1, b.y1):
            raise RawFileError(
                f"{path}: the DETSEC of {one.name} and {other.name} overlap, from x "
                f"{a.x0 + 1} and {b.x0 + 1}, y {a.y0 + 1} and {b.y0 + 1}."
            )
