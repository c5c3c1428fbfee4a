"""Validity ranges: half-open, in TAI, ISO-8601. Standard library and astropy.time."""

import re
from dataclasses import dataclass

from astropy.time import Time

from taxicab.errors import InputError

__all__ = ["ValidityError", "ValidityRange", "parse_tai"]

_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}"
    r"(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?)?",
    re.ASCII,
)


class ValidityError(InputError):
    """A date is not ISO-8601 in TAI, or a range ends before it begins."""

    error = "bad_validity"


@dataclass(frozen=True)
class ValidityRange:
    """When a calibration holds: from ``begin`` up to, not including, ``end``.

    Both are TAI as `parse_tai` writes them, so that they compare as text; None is
    open.
    """

    begin: str | None
    end: str | None = None

    def __post_init__(self) -> None:
        if self.begin is not None and self.end is not None and self.end <= self.begin:
            raise ValidityError(
                f"A validity that begins at {self.begin} cannot end at {self.end} "
                f"(TAI): the end must come later. Leave it empty for an open end."
            )

    @classmethod
    def parse(cls, begin: str, end: str | None = None) -> "ValidityRange":
        """Read what a person wrote; an empty end is an open one."""
        return cls(parse_tai(begin), parse_tai(end) if end and end.strip() else None)

    def overlaps(self, other: "ValidityRange") -> bool:
        """Whether some instant is in both ranges."""
        return _before(self.begin, other.end) and _before(other.begin, self.end)

    def contains(self, instant_tai: str) -> bool:
        """Whether an instant (ISO-8601, TAI) is in the range."""
        instant = parse_tai(instant_tai)
        return (self.begin is None or self.begin <= instant) and (
            self.end is None or instant < self.end
        )

    def __str__(self) -> str:
        if self.begin is None and self.end is None:
            return "always"
        if self.begin is None:
            return f"until {self.end} TAI"
        if self.end is None:
            return f"from {self.begin} TAI on"
        return f"from {self.begin} until {self.end} TAI"


def parse_tai(text: str) -> str:
    """Check an ISO-8601 instant in TAI and spell it ``YYYY-MM-DDTHH:MM:SS[.f]``."""
    text = text.strip()
    if not _ISO.fullmatch(text):
        raise ValidityError(
            f"{text!r} is not a date like 2022-09-15 or 2022-09-15T12:00:00. Dates are "
            f"TAI; leave out any time zone or Z."
        )
    try:
        time = Time(text.replace(" ", "T"), format="isot", scale="tai", precision=9)
    except ValueError:
        raise ValidityError(f"There is no instant {text} in TAI.") from None
    return (
        str(time.isot).rstrip("0").rstrip(".") if "." in time.isot else str(time.isot)
    )


def _before(begin: str | None, end: str | None) -> bool:
    return begin is None or end is None or begin < end
