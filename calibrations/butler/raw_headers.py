"""What a raw file's primary header says of its exposure.

Identifiers follow the header (DAYOBS, SEQNUM, CONTRLLR), never the file name. Older
files lack some keywords: what can follow from others does, the rest is "unknown"; what
identifies the exposure must be there. What was missing, or contradicts itself, is said
in the exposure's `problems`. Nothing of the middleware is used here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from os import PathLike
from typing import Any

from astropy.io import fits
from astropy.time import ScaleValueError, Time, TimeDelta

from calibrations.butler.raw_checks import (
    check_dates,
    check_name,
    check_presence,
    check_sizes,
)
from calibrations.butler.raw_conventions import (
    CONTROLLERS,
    PREFIXES,
    Completed,
    complete_header,
)
from calibrations.butler.raw_reader import (
    RawFileError,
    check_first_extension,
    check_length,
    header_values,
)

__all__ = ["RawExposure", "exposure_from_header", "exposure_id", "read_exposure"]

UNIFIED_AFTER = {"C": 20231004, "P": 20250417, "Q": 20250417, "S": 20250417}
"""Last day_obs on which a controller counted its exposures by itself."""

OBSERVATION_CODES = {name: code for code, name in PREFIXES.items()}

SIMULATED = "HPQS"
"""Controllers of simulations."""

SEQ_MAX = 99999
DAY_OFFSET = TimeDelta(12 * 3600, format="sec", scale="tai")
"""The observing day rolls at noon TAI."""


@dataclass(frozen=True)
class RawExposure:
    """One exposure as one detector's raw file describes it."""

    instrument: str
    id: int
    obs_id: str
    day_obs: int
    seq_num: int
    observation_type: str
    observation_reason: str
    physical_filter: str
    group: str
    science_program: str
    target_name: str
    begin_tai: Time
    end_tai: Time
    exposure_time_s: float
    dark_time_s: float
    detector_name: str | None
    """Such as R22_S01; None where the file does not say."""

    has_simulated: bool
    can_see_sky: bool | None
    tracking_ra_deg: float | None
    tracking_dec_deg: float | None
    sky_angle_deg: float | None
    azimuth_deg: float | None
    zenith_angle_deg: float | None
    seq_start: int
    seq_end: int
    """Sequence numbers of the first and last exposure of the visit."""

    problems: tuple[str, ...] = ()
    """What was missing or contradicts itself, a sentence each."""


def read_exposure(
    path: str | PathLike[str], *, needs_amplifiers: bool = False
) -> RawExposure:
    """Read a raw file's primary header.

    With ``needs_amplifiers`` a file is refused whose first extension is none, such as
    a guider's stamps; the pixels themselves are not looked at.
    """
    try:
        check_length(path)
        with fits.open(path, lazy_load_hdus=True) as hdus:
            header = header_values(hdus[0].header)
            if needs_amplifiers:
                check_first_extension(path, hdus)
    except (OSError, EOFError, fits.VerifyError) as e:
        raise RawFileError(f"{path} cannot be read as FITS: {e}") from e
    exposure = exposure_from_header(header, source=str(path))
    named = check_name(
        path,
        exposure_id=exposure.id,
        day_obs=exposure.day_obs,
        seq_num=exposure.seq_num,
        detector_name=exposure.detector_name,
    )
    return replace(exposure, problems=(*exposure.problems, *named))


def exposure_id(day_obs: int, seq_num: int, controller: str = "O") -> int:
    """Give the 13-digit id of an exposure."""
    if controller not in CONTROLLERS:
        raise ValueError(f"controller is {controller!r}; one of {CONTROLLERS} is known")
    if not 0 <= seq_num <= SEQ_MAX:
        raise ValueError(f"sequence number is {seq_num}; 0 to {SEQ_MAX} fit in an id")
    millennia = CONTROLLERS.index(controller)
    if day_obs > UNIFIED_AFTER.get(controller, day_obs):
        millennia = 0
    return (day_obs + millennia * 1000_0000) * 100000 + seq_num


def exposure_from_header(header: Mapping[str, Any], *, source: str) -> RawExposure:
    """Translate a primary header; ``source`` names it in errors."""
    done = complete_header(header)
    card = _Cards(done.cards, source)
    instrument = done.instrument or card.text("INSTRUME")
    begin, end = _times(card, done)
    day_obs = card.day_obs(begin)
    seq_num = card.integer("SEQNUM")
    controller = card.text("CONTRLLR", "O")
    identifier = done.exposure_id or _identify(source, day_obs, seq_num, controller)
    code = OBSERVATION_CODES.get(instrument, instrument)
    obs_id = card.text("OBSID", f"{code}_{controller}_{day_obs}_{seq_num:06d}")
    kind = card.text("IMGTYPE", "unknown").lower()
    detector_name = _detector_name(instrument, card)
    on_sky = card.text("TRACKSYS", "").upper() == "RADEC"
    elevation = card.number("ELSTART")
    exposure_time_s = max(card.number("EXPTIME") or 0.0, 0.0)
    dark_time_s = max(card.number("DARKTIME") or 0.0, exposure_time_s)
    index = int(card.number("CURINDEX") or 1)
    problems = (
        *done.problems,
        *check_presence(done.cards),
        *check_dates(
            done.cards, day_obs=day_obs, begin=begin, end=end, open_s=dark_time_s
        ),
        *check_sizes(done.cards, detector_name),
    )
    return RawExposure(
        instrument=instrument,
        id=identifier,
        obs_id=obs_id,
        day_obs=day_obs,
        seq_num=seq_num,
        observation_type="science" if kind in ("object", "skyexp") else kind,
        observation_reason=card.text(
            "REASON", card.text("TESTTYPE", "unknown")
        ).lower(),
        physical_filter=_physical_filter(instrument, card),
        group=card.text("GROUPID", obs_id),
        science_program=card.text("PROGRAM", "unknown"),
        target_name=card.text("OBJECT", "UNKNOWN"),
        begin_tai=begin,
        end_tai=end,
        exposure_time_s=exposure_time_s,
        dark_time_s=dark_time_s,
        detector_name=detector_name,
        has_simulated=controller in SIMULATED
        or any("SIMULATE" in key and bool(value) for key, value in done.cards.items()),
        can_see_sky=_sees_sky(card, kind, is_tracking=on_sky),
        tracking_ra_deg=card.number("RA") if on_sky else None,
        tracking_dec_deg=card.number("DEC") if on_sky else None,
        sky_angle_deg=card.number("ROTPA") if on_sky else None,
        azimuth_deg=card.number("AZSTART"),
        zenith_angle_deg=None if elevation is None else 90.0 - elevation,
        seq_start=max(seq_num - index + 1, 0),
        seq_end=seq_num + max(int(card.number("MAXINDEX") or 1) - index, 0),
        problems=problems,
    )


def _identify(source: str, day_obs: int, seq_num: int, controller: str) -> int:
    try:
        return exposure_id(day_obs, seq_num, controller)
    except ValueError as e:
        raise RawFileError(f"{source}: CONTRLLR, DAYOBS, SEQNUM: {e}.") from e


def _sees_sky(card: "_Cards", kind: str, *, is_tracking: bool) -> bool | None:
    """Whether light of the sky can reach the detectors; None where nobody knows."""
    if is_tracking:
        return card.text("VIGN_MIN", "").upper() != "FULLY"
    return None if kind == "unknown" else False


@dataclass(frozen=True)
class _Cards:
    """Reads a header's cards by type and says which one is wrong."""

    header: Mapping[str, Any]
    source: str

    def text(self, keyword: str, default: str | None = None) -> str:
        """Give a text; without a default the keyword must be there."""
        value = self.header.get(keyword)
        if value is None or not str(value).strip():
            if default is None:
                raise RawFileError(f"{self.source}: the header has no {keyword}.")
            return default
        return str(value).strip()

    def integer(self, keyword: str) -> int:
        """Give a whole number, written as one or as text."""
        text = self.text(keyword)
        try:
            return int(text)
        except ValueError:
            raise RawFileError(
                f"{self.source}: {keyword} is {text!r}; a whole number was expected."
            ) from None

    def number(self, keyword: str) -> float | None:
        """Give a number, or None where there is no value."""
        value = self.header.get(keyword)
        if value is None:
            return None
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise RawFileError(
                f"{self.source}: {keyword} is {value!r}; a number was expected."
            )
        return number

    def time(self, keyword: str) -> Time:
        """Give a time in TAI."""
        text = self.text(keyword)
        scale = self.text("TIMESYS", "TAI").lower()
        try:
            return Time(text, format="isot", scale=scale).tai
        except (ValueError, ScaleValueError):
            raise RawFileError(
                f"{self.source}: {keyword} is {text!r} (TIMESYS {scale.upper()}); a "
                "time such as '2026-11-09T22:00:00.000' was expected."
            ) from None

    def day_obs(self, begin: Time) -> int:
        """Give the observing day, by its rule where the header does not name it."""
        if self.header.get("DAYOBS") is None:
            return int((begin - DAY_OFFSET).strftime("%Y%m%d"))
        day = self.integer("DAYOBS")
        try:
            datetime.strptime(str(day), "%Y%m%d")
            is_date = 2000_01_01 <= day <= 2999_12_31
        except ValueError:
            is_date = False
        if not is_date:
            raise RawFileError(
                f"{self.source}: DAYOBS is {day}; a date such as 20261109 was expected."
            )
        return day


def _times(card: _Cards, done: Completed) -> tuple[Time, Time]:
    """Give begin and end; an old header has the begin only."""
    begin = card.time("DATE-BEG" if done.has("DATE-BEG") else "DATE-OBS")
    open_s = max(card.number("DARKTIME") or 0.0, card.number("EXPTIME") or 0.0)
    estimated = begin + TimeDelta(open_s, format="sec")
    if not done.has("DATE-END"):
        return begin, estimated
    end = card.time("DATE-END")
    if end < begin:
        done.problems.append(
            f"DATE-END {end.isot} is before DATE-BEG {begin.isot}; the exposure time "
            f"stands for it."
        )
        return begin, estimated
    return begin, end


def _physical_filter(instrument: str, card: _Cards) -> str:
    """Name the filter as the Butler does: parts in the beam, joined by ~."""
    first = card.text("FILTER", "unknown")
    if instrument == "LATISS":
        parts = [first, card.text("GRATING", "unknown")]
        return "~".join("empty" if p.startswith("empty") else p for p in parts)
    others = [card.text("FILTER1", "empty"), card.text("FILTER2", "empty")]
    parts = [part for part in (first, *others) if part != "empty"]
    return "~".join(parts) or "empty"


def _detector_name(instrument: str, card: _Cards) -> str | None:
    if instrument == "LATISS":
        # It has one, which headers call R00_S00 or nothing at all.
        return "RXX_S00"
    raft, slot = card.text("RAFTBAY", ""), card.text("CCDSLOT", "")
    return f"{raft}_{slot}" if raft and slot else None
