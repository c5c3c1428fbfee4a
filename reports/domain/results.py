"""One result of one test, and how far it is from its limit. Plain Python."""

import math
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Result", "TestNote", "show_margin", "show_number", "show_unit"]

_UNITS = {
    "1/electron": "1/e⁻",
    "adu": "ADU",
    "adu2": "ADU²",
    "electron": "e⁻",
    "electron/adu": "e⁻/ADU",
    "electron/s": "e⁻/s",
    "electron2": "e⁻²",
    "percent": "%",
    "percent or 1/adu": "% or 1/ADU",
    "pixel": "px",
}


class Result(NamedTuple):
    """A statistic of one amplifier (or detector, or exposure) against its limit.

    A tuple, for there can be a million of them.
    """

    exposure: int
    """0 where the calibration itself was judged, without an exposure."""
    detector: int
    """-1 for a test of a whole exposure."""
    amplifier: str
    """Empty for a test of a whole detector or exposure."""
    level: str
    """AMP, DET or EXP."""
    test: str
    statistic: str
    value: float | None
    """`None` where the statistic could not be measured."""
    limit: float | None
    sense: str
    unit: str
    passed: bool
    dmtn101: str
    criteria_version: str

    @property
    def is_measured(self) -> bool:
        """Whether there is a number to judge."""
        value, limit = self.value, self.limit
        if value is None or limit is None:
            return False
        return math.isfinite(value) and math.isfinite(limit)

    @property
    def margin(self) -> float | None:
        """Distance beyond the limit in units of the limit; negative: within it.

        `None` where nothing was measured or the limit is 0, for which no such unit
        exists.
        """
        value, limit = self.value, self.limit
        if value is None or not limit:
            return None
        margin = (value - limit) / abs(limit)
        return margin if math.isfinite(margin) else None


@dataclass(frozen=True)
class TestNote:
    """What people should know of a test."""

    __test__ = False  # its name is no reason for pytest to collect it

    statistic: str
    definition: str
    sense: str
    limit_expression: str
    unit: str
    dmtn101: str
    upstream: str = ""
    """What Rubin's cp_verify does otherwise, and why we do not."""
    is_advisory: bool = False
    """Reported, but decides nothing."""


def show_unit(unit: str) -> str:
    """Write a FITS unit as people read it; empty when dimensionless."""
    return _UNITS.get(unit, "" if unit == "1" else unit)


def show_number(value: float | None, unit: str = "") -> str:
    """Write a number to four digits with its unit; a dash where there is none."""
    if not _is_number(value):
        return "–"
    text = f"{value:.4g}".replace("-", "−")
    return f"{text} {show_unit(unit)}".rstrip()


def show_margin(margin: float | None) -> str:
    """Say how far a value is from its limit: ``18 % over``, ``4 % within``."""
    if not _is_number(margin):
        return ""
    share = abs(margin)  # type: ignore[arg-type]
    if share >= 10:
        size = f"{share:.3g} limits"
    else:
        size = f"{100 * share:.0f} %" if share >= 0.095 else f"{100 * share:.2g} %"
    return f"{size} {'over' if margin > 0 else 'within'}"  # type: ignore[operator]


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
