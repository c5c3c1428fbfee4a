"""What contradicts itself about a raw file, in sentences; none of it stops an ingest.

Nothing of the middleware is used here.
"""

import re
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from astropy.time import Time, TimeDelta

from calibrations.butler.raw_conventions import ObservationName

__all__ = ["check_dates", "check_name", "check_presence", "check_sizes"]

MOVED_TO_CHILE = "2024-05"
"""Until then LSSTCam's days followed the clocks of California."""

ROLLOVER_H = 12.0
LABORATORY_ROLLOVERS_H = (7.0, 8.0, ROLLOVER_H)

CLOCKS_AGREE_S = 1.0
DARK_MARGIN_S = 5.0
"""Dark current gathers in a detector a little longer than the exposure lasts."""

DETECTOR = re.compile(r"(?<![A-Z0-9])(R\d\d)[_-](S[GW0-2]\d)(?!\d)")
OLD_NUMBER = re.compile(r"^(\d{13,15})-")


def check_dates(
    cards: Mapping[str, Any], *, day_obs: int, begin: Time, end: Time, open_s: float
) -> Iterator[str]:
    """Compare a header's dates with one another.

    Parameters
    ----------
    cards
        The header.
    day_obs
        Day by which the exposure is numbered.
    begin, end
        Times in TAI.
    open_s
        Time over which dark current gathered, in seconds.
    """
    offsets = LABORATORY_ROLLOVERS_H if begin.isot < MOVED_TO_CHILE else (ROLLOVER_H,)
    days = [
        int((begin - TimeDelta(hours * 3600, format="sec")).strftime("%Y%m%d"))
        for hours in offsets
    ]
    if day_obs not in days:
        yield f"DAYOBS is {day_obs}; by DATE-BEG {begin.isot} it is {days[-1]}."
    for date, mjd in (("DATE-BEG", "MJD-BEG"), ("DATE-OBS", "MJD-OBS")):
        if cards.get(date) and isinstance(cards.get(mjd), int | float):
            try:
                # The same scale for both: only their difference matters.
                told = Time(str(cards[date]), format="isot", scale="tai")
                apart_s = (told - Time(cards[mjd], format="mjd", scale="tai")).sec
            except ValueError:
                continue
            if abs(apart_s) > CLOCKS_AGREE_S:
                yield f"{date} and {mjd} are {apart_s:.1f} s apart."
    length_s = (end - begin).sec
    if cards.get("DATE-END") and open_s > length_s + DARK_MARGIN_S:
        yield (
            f"DARKTIME or EXPTIME is {open_s:g} s; from DATE-BEG to DATE-END it is "
            f"{length_s:.3f} s."
        )


def check_presence(cards: Mapping[str, Any]) -> Iterator[str]:
    """Say what exposures are selected and corrected by, and the header lacks.

    Where a dark time is missing the exposure time stands for it, as in older headers.
    """
    for keyword in ("IMGTYPE", "FILTER"):
        if not str(cards.get(keyword) or "").strip():
            yield f"{keyword} is missing; unknown is taken for it."
    exposure_s, dark_s = cards.get("EXPTIME"), cards.get("DARKTIME")
    if exposure_s is None:
        yield "EXPTIME is missing; 0 s is taken for it."
    elif float(exposure_s) < 0:
        yield f"EXPTIME is {exposure_s} s; 0 s is taken for it."
    elif dark_s is not None and float(dark_s) < float(exposure_s) - CLOCKS_AGREE_S:
        yield (
            f"DARKTIME is {dark_s} s and EXPTIME {exposure_s} s; the longer one counts "
            f"as dark time."
        )


def check_name(
    path: str | PathLike[str],
    *,
    exposure_id: int,
    day_obs: int,
    seq_num: int,
    detector_name: str | None,
) -> Iterator[str]:
    """Compare a file's name with its header; the header is believed.

    Names are such as ``CC_O_20241108_000266_R22_S00.fits`` or, older,
    ``30211212000310-R22-S22-det098.fits`` with 13 digits, or 14 where the sequence
    number has six of them.
    """
    name = Path(path).name
    found = ObservationName.find(name)
    if found is not None and (int(found.day_obs), found.seq_num) != (day_obs, seq_num):
        yield f"The file's name says {found}; the header says {day_obs}, {seq_num}."
    if old := OLD_NUMBER.match(name):
        digits = old.group(1)
        # Fourteen digits are eight of the day and six of the sequence number.
        same = (
            int(digits[:8]) * 100_000 + int(digits[8:])
            if len(digits) == 14
            else int(digits)
        )
        if same != exposure_id:
            yield f"The file's name says exposure {digits}; by its header it is " + (
                f"{exposure_id}."
            )
    if (place := DETECTOR.search(name)) and detector_name:
        said = "_".join(place.groups())
        if said != detector_name and not said.startswith("R00_S00"):
            yield f"The file's name says {said}; the header says {detector_name}."


def check_sizes(cards: Mapping[str, Any], detector_name: str | None) -> Iterator[str]:
    """Compare a wavefront detector's size with the half that it is."""
    size = str(cards.get("DETSIZE") or "").replace(" ", "")
    if detector_name and "_SW" in detector_name and size.endswith(",1:4000]"):
        yield (
            f"DETSIZE is {size}, a whole chip's; {detector_name} is half a chip of "
            f"2000 rows."
        )
