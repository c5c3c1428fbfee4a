"""The names of collections: the one place that builds, parses and refuses them.

DMTN-222 §2. The named generation or verification collection is itself the RUN; the
certified collection is a CALIBRATION, a ticket's chain is CHAINED over the certified
ones, the instrument's default chain is CHAINED over tickets' chains. Standard library
only.
"""

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from calibrations.domain.specifications import (
    SPECIFICATIONS,
    CalibrationType,
    Specification,
)
from taxicab.errors import ConflictError, InputError

__all__ = [
    "BadNameError",
    "CollectionKind",
    "CollectionName",
    "Rerun",
    "certified_name",
    "check_names_fit",
    "check_tag",
    "check_ticket",
    "curated_name",
    "default_chain",
    "generation_name",
    "next_attempt",
    "parse_name",
    "tagged_name",
    "ticket_chain",
    "verification_name",
]

CURATED = "curated"
"""In the place of a tag: calibrations that the observatory keeps in files."""

MAX_LENGTH = 64
"""Characters the Butler's registry keeps of a collection's name."""

_TICKET = re.compile(r"DM-[1-9][0-9]{0,6}")
_TAG = re.compile(r"[A-Za-z0-9_]+")
_INSTRUMENT = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_BAND = re.compile(r"[A-Za-z0-9_]+")
_RERUN = re.compile(r"([0-9]{8})([a-z])")
_CURATED_DATE = re.compile(r"[0-9]{8}(T[0-9]{6})?")


class BadNameError(InputError):
    """A collection's name, or a part of one, is not as DMTN-222 wants it."""

    error = "bad_name"


class CollectionKind(StrEnum):
    """What a collection is for."""

    GENERATION = "generation"
    VERIFICATION = "verification"
    CERTIFIED = "certified"
    TICKET = "ticket"
    DEFAULT = "default"
    TAGGED = "tagged"
    CURATED = "curated"


_ATTEMPTS = (
    CollectionKind.GENERATION,
    CollectionKind.VERIFICATION,
    CollectionKind.CERTIFIED,
)


@dataclass(frozen=True, order=True)
class Rerun:
    """A day (UTC) and the attempt's letter on it: ``20220915a``."""

    date: datetime.date
    letter: str

    def __post_init__(self) -> None:
        if len(self.letter) != 1 or not "a" <= self.letter <= "z":
            raise BadNameError(
                f"An attempt's letter is one of a to z, not {self.letter!r}."
            )

    def __str__(self) -> str:
        return f"{self.date:%Y%m%d}{self.letter}"

    @classmethod
    def parse(cls, text: str) -> "Rerun":
        """Read ``YYYYMMDD`` and a letter."""
        if match := _RERUN.fullmatch(text):
            day, letter = match.groups()
            try:
                date = datetime.date(int(day[:4]), int(day[4:6]), int(day[6:]))
            except ValueError:
                raise BadNameError(f"There is no day {day} (in {text!r}).") from None
            return cls(date, letter)
        raise BadNameError(
            f"{text!r} is not YYYYMMDD (UTC) followed by a letter, like 20220915a."
        )


@dataclass(frozen=True)
class CollectionName:
    """A collection's name in its parts; ``str()`` spells it."""

    kind: CollectionKind
    instrument: str
    ticket: str | None = None
    tag: str | None = None
    type: CalibrationType | None = None
    band: str | None = None
    rerun: Rerun | None = None
    number: int = 1
    """Which of a ticket's TAGGED collections."""
    begin: str = ""
    """Of a RUN of curated calibrations: the date in its name; empty: what is certified
    from these runs."""

    def __post_init__(self) -> None:
        _check("instrument", self.instrument, _INSTRUMENT, "LSSTComCam")
        if self.kind is not CollectionKind.DEFAULT:
            check_ticket(self.ticket or "")
        if self.kind in _ATTEMPTS:
            check_tag(self.tag or "")
            self._check_attempt()
        if self.begin:
            _check("date", self.begin, _CURATED_DATE, "19700101T000000")
        if self.number < 1:
            raise BadNameError(f"TAGGED collections count from 1, not {self.number}.")
        if len(str(self)) > MAX_LENGTH:
            raise BadNameError(
                f"{str(self)!r} has {len(str(self))} characters; the Butler keeps "
                f"{MAX_LENGTH}. Choose a shorter tag."
            )

    def _check_attempt(self) -> None:
        if self.type is None or self.rerun is None:
            raise BadNameError(
                f"A {self.kind} collection's name has a type and a rerun."
            )
        spec = SPECIFICATIONS[self.type]
        if _stem(spec, self.kind) is None:
            raise BadNameError(f"There are no tests of a {self.type}.")
        per_filter = spec.is_per_filter
        if per_filter and self.band is None:
            raise BadNameError(f"A {self.type} is built per band: say which one.")
        if self.band is not None:
            if not per_filter:
                raise BadNameError(
                    f"A {self.type} has no band; {self.band!r} was given."
                )
            _check("band", self.band, _BAND, "r")

    def __str__(self) -> str:
        if self.kind is CollectionKind.DEFAULT:
            return f"{self.instrument}/calib"
        if self.kind is CollectionKind.TICKET:
            return f"{self.instrument}/calib/{self.ticket}"
        if self.kind is CollectionKind.TAGGED:
            more = f"/{self.number}" if self.number > 1 else ""
            return f"{self.instrument}/calib_tagged/{self.ticket}{more}"
        if self.kind is CollectionKind.CURATED:
            begin = f"/{self.begin}" if self.begin else ""
            return f"{self.instrument}/calib/{self.ticket}/curated{begin}"
        assert self.type is not None
        stem = _stem(SPECIFICATIONS[self.type], self.kind)
        band = f"-{self.band}" if self.band else ""
        folder = f"{self.instrument}/calib/{self.ticket}/{self.tag}"
        return f"{folder}/{stem}{band}.{self.rerun}"


def generation_name(
    instrument: str,
    ticket: str,
    tag: str,
    type_: CalibrationType | str,
    rerun: Rerun | str,
    band: str | None = None,
) -> str:
    """Name the RUN that a generation writes."""
    kind = CollectionKind.GENERATION
    return _attempt(kind, instrument, ticket, tag, type_, rerun, band)


def verification_name(
    instrument: str,
    ticket: str,
    tag: str,
    type_: CalibrationType | str,
    rerun: Rerun | str,
    band: str | None = None,
) -> str:
    """Name the RUN that a verification writes."""
    kind = CollectionKind.VERIFICATION
    return _attempt(kind, instrument, ticket, tag, type_, rerun, band)


def certified_name(
    instrument: str,
    ticket: str,
    tag: str,
    type_: CalibrationType | str,
    rerun: Rerun | str,
    band: str | None = None,
) -> str:
    """Name the CALIBRATION collection that a certification fills."""
    kind = CollectionKind.CERTIFIED
    return _attempt(kind, instrument, ticket, tag, type_, rerun, band)


def ticket_chain(instrument: str, ticket: str) -> str:
    """Name the chain of a ticket's certified collections."""
    return str(CollectionName(CollectionKind.TICKET, instrument, ticket))


def default_chain(instrument: str) -> str:
    """Name the chain in which processing looks for calibrations."""
    return str(CollectionName(CollectionKind.DEFAULT, instrument))


def tagged_name(instrument: str, ticket: str, number: int = 1) -> str:
    """Name the n-th TAGGED collection that protects a ticket's datasets."""
    kind = CollectionKind.TAGGED
    return str(CollectionName(kind, instrument, ticket, number=number))


def next_attempt(
    existing: Iterable[str],
    type_: CalibrationType | str,
    date: datetime.date,
    *,
    kind: CollectionKind = CollectionKind.GENERATION,
    band: str | None = None,
) -> Rerun:
    """Find the letter after the last one used on a day (UTC).

    Names of other kinds, types, bands and days, and those that are not ours, do not
    count; names of other tickets are the caller's to leave out.
    """
    type_ = CalibrationType(type_)
    used = [
        name.rerun.letter
        for name in _parsed(existing)
        if (name.kind, name.type, name.band) == (kind, type_, band)
        and name.rerun is not None
        and name.rerun.date == date
    ]
    if not used:
        return Rerun(date, "a")
    if max(used) == "z":
        raise ConflictError(
            f"All attempts from a to z at {type_}{f' in {band}' if band else ''} were "
            f"used on {date:%Y-%m-%d} (UTC). Continue one of them, or wait for the "
            f"next day.",
            type=str(type_),
            date=f"{date:%Y%m%d}",
        )
    return Rerun(date, chr(ord(max(used)) + 1))


def parse_name(name: str) -> CollectionName:
    """Take a collection's name apart, or refuse it and say why."""
    if len(name) > MAX_LENGTH:
        raise BadNameError(
            f"{name!r} has {len(name)} characters; the Butler keeps {MAX_LENGTH}."
        )
    parts = name.split("/")
    if len(parts) >= 3 and parts[1] == "calib_tagged":
        return _parse_tagged(name, parts)
    if len(parts) >= 2 and parts[1] == "calib":
        if len(parts) == 2:
            return CollectionName(CollectionKind.DEFAULT, parts[0])
        if len(parts) == 3:
            return CollectionName(CollectionKind.TICKET, parts[0], parts[2])
        if len(parts) in {4, 5} and parts[3] == CURATED:
            return _parse_curated(parts)
        if len(parts) == 5:
            return _parse_attempt(parts)
    raise BadNameError(
        f"{name!r} is none of $INST/calib, $INST/calib/$TICKET, "
        f"$INST/calib/$TICKET/$TAG/<type>.<rerun>, "
        f"$INST/calib/$TICKET/curated[/<date>] and $INST/calib_tagged/$TICKET."
    )


def check_ticket(key: str) -> str:
    """Return a ticket's key, or refuse it."""
    return _check("ticket", key, _TICKET, "DM-12345")


def check_tag(tag: str) -> str:
    """Return a tag, or refuse it."""
    if tag == CURATED:
        raise BadNameError(
            f"{tag!r} is kept for the collections of curated calibrations: choose "
            "another tag."
        )
    return _check("tag", tag, _TAG, "voltageChange")


def check_names_fit(
    instrument: str,
    ticket: str,
    tag: str,
    types: Iterable[CalibrationType],
    band: str = "r",
) -> None:
    """Refuse a tag with which some name of a set would be too long for the Butler.

    Said when a ticket is opened: the longest name may be that of a type built days
    later. A band is taken to be one letter then, as those of Rubin's filters are.
    """
    folder = f"{instrument}/calib/{ticket}/{tag}/"
    stems = {
        f"{stem}-{band}" if SPECIFICATIONS[type_].is_per_filter else stem: type_
        for type_ in types
        for kind in _ATTEMPTS
        if (stem := _stem(SPECIFICATIONS[type_], kind))
    }
    longest = max(stems, key=len, default="")
    name = f"{folder}{longest}.20000101a"
    if (excess := len(name) - MAX_LENGTH) <= 0:
        return
    room = len(tag) - excess
    advice = (
        f"Choose a tag of at most {room} characters."
        if room > 0
        else "No tag is short enough for this instrument and ticket."
    )
    raise BadNameError(
        f"With the tag {tag!r}, the run of the {stems[longest]} would be named "
        f"{name!r}: {len(name)} characters, and the Butler keeps {MAX_LENGTH}. "
        f"{advice}",
        tag=tag,
        room=max(room, 0),
    )


def curated_name(instrument: str, ticket: str, begin: str = "") -> str:
    """Name a ticket's collection of curated calibrations, or the RUN of one date."""
    kind = CollectionKind.CURATED
    return str(CollectionName(kind, instrument, ticket, begin=begin))


def _attempt(
    kind: CollectionKind,
    instrument: str,
    ticket: str,
    tag: str,
    type_: CalibrationType | str,
    rerun: Rerun | str,
    band: str | None,
) -> str:
    if isinstance(rerun, str):
        rerun = Rerun.parse(rerun)
    try:
        type_ = CalibrationType(type_)
    except ValueError:
        known = ", ".join(CalibrationType)
        raise BadNameError(
            f"{type_!r} is not a calibration; there are {known}."
        ) from None
    return str(CollectionName(kind, instrument, ticket, tag, type_, band, rerun))


def _parse_attempt(parts: list[str]) -> CollectionName:
    instrument, _, ticket, tag, last = parts
    label, _, rerun = last.rpartition(".")
    stem, dash, band = label.partition("-")
    if stem not in _STEMS:
        raise BadNameError(f"{last!r} begins with none of {', '.join(_STEMS)}.")
    kind, type_ = _STEMS[stem]
    return CollectionName(
        kind,
        instrument,
        ticket,
        tag,
        type_,
        band if dash else None,
        Rerun.parse(rerun),
    )


def _parse_curated(parts: list[str]) -> CollectionName:
    kind = CollectionKind.CURATED
    if len(parts) == 4:
        return CollectionName(kind, parts[0], parts[2])
    # An empty date would spell the collection of them all with a slash behind.
    _check("date", parts[4], _CURATED_DATE, "19700101T000000")
    return CollectionName(kind, parts[0], parts[2], begin=parts[4])


def _parse_tagged(name: str, parts: list[str]) -> CollectionName:
    kind = CollectionKind.TAGGED
    if len(parts) == 3:
        return CollectionName(kind, parts[0], parts[2])
    # The first has no number, so that no two names mean one collection.
    if len(parts) == 4 and re.fullmatch(r"[2-9]|[1-9][0-9]+", parts[3]):
        return CollectionName(kind, parts[0], parts[2], number=int(parts[3]))
    raise BadNameError(
        f"{name!r} is not $INST/calib_tagged/$TICKET, or that with /2, /3."
    )


def _parsed(names: Iterable[str]) -> Iterable[CollectionName]:
    for name in names:
        try:
            yield parse_name(name)
        except BadNameError:
            continue


def _stem(spec: Specification, kind: CollectionKind) -> str | None:
    return {
        CollectionKind.GENERATION: spec.generation,
        CollectionKind.VERIFICATION: spec.verification,
        CollectionKind.CERTIFIED: spec.certified,
    }[kind]


_STEMS = {
    stem: (kind, type_)
    for type_, spec in SPECIFICATIONS.items()
    for kind in _ATTEMPTS
    if (stem := _stem(spec, kind))
}


def _check(what: str, value: str, pattern: re.Pattern[str], example: str) -> str:
    if not pattern.fullmatch(value):
        raise BadNameError(
            f"{value!r} is not a valid {what}: it must look like {example}.",
            **{what: value},
        )
    return value
