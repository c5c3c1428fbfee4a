"""What the focal plane shows: a number, a margin and a verdict an amplifier.

The page in the browser and the picture without scripts are of the same numbers and
the same colours, both from here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from reports.domain.results import show_unit
from reports.models import VerificationReport
from reports.services.geometry import Plane, plane_of
from reports.services.remembering import remember
from reports.services.values import ABSENT, TestValues, read_index, read_values
from taxicab.errors import InputError

__all__ = [
    "COLOURS",
    "MARGIN_COLOURS",
    "OVER",
    "SHOWN",
    "VERDICT_FILLS",
    "PlaneValues",
    "choose_fills",
    "plane_values",
    "scale_of",
]

SHOWN = ("value", "margin", "verdict")
OVER = ("median", "worst")
"""Of an amplifier's exposures; a number is an exposure's."""

N_COLOURS = 64
DIGITS = 5
COLOURS = [to_hex(c) for c in colormaps["cividis"](np.linspace(0, 1, N_COLOURS))]

_WITHIN = ("#0b4a6f", "#e6f1f6")  # a limit away from the limit, and just within it
_OVER = ("#f7b888", "#8f2d00")  # just over it, and a limit over


def _between(ends: tuple[str, str], n: int) -> list[str]:
    rgb = [
        np.array([int(end[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)
        for end in ends
    ]
    steps = [rgb[0] + (rgb[1] - rgb[0]) * i / (n - 1) for i in range(n)]
    return ["#" + "".join(f"{round(c):02x}" for c in step) for step in steps]


MARGIN_COLOURS = _between(_WITHIN, N_COLOURS // 2) + _between(_OVER, N_COLOURS // 2)
"""From one limit within to one limit over; the limit is the edge in the middle."""

MISSING_FILL = "url(#hatch)"
VERDICT_FILLS = (MISSING_FILL, "#c9e6da", "url(#half)", "url(#cross)")
"""Not measured, passed, failed on some exposures, failed on every one."""


@dataclass(frozen=True)
class PlaneValues:
    """By number of the amplifier; NaN where nothing was measured."""

    title: str
    unit: str
    value: np.ndarray
    margin: np.ndarray
    """Worst of the exposures, in units of the limit; NaN where the limit is 0."""
    limit: np.ndarray
    n_failed: np.ndarray
    n_results: np.ndarray
    exposures: tuple[int, ...]

    @property
    def verdict(self) -> np.ndarray:
        """0 absent, 1 passed, 2 failed on some exposures, 3 on every one."""
        failed = np.where(self.n_failed == self.n_results, 3, 2)
        verdict = np.where(self.n_failed == 0, 1, failed)
        return np.where(self.n_results == 0, 0, verdict)

    def as_data(self) -> dict[str, Any]:
        """Give plain lists, rounded: what a browser draws and reads out."""
        return {
            "title": self.title,
            "unit": self.unit,
            "value": _rounded(self.value),
            "margin": _rounded(self.margin),
            "limit": _rounded(self.limit),
            "failed": self.n_failed.tolist(),
            "results": self.n_results.tolist(),
            "verdict": self.verdict.tolist(),
        }


def plane_values(
    report: VerificationReport, key: str, *, level: str, test: str, over: str = "worst"
) -> PlaneValues:
    """Fold a test's results into a number an amplifier.

    Parameters
    ----------
    level, test
        Empty for the verdict of all tests that decide, whose value is the number of
        failed results.
    over
        ``median`` or ``worst`` of the exposures, or an exposure's number.
    """
    return remember(
        report,
        *("plane", key, level, test, over),
        make=lambda: _plane_values(report, key, level, test, over),
    )


def _plane_values(
    report: VerificationReport, key: str, level: str, test: str, over: str
) -> PlaneValues:
    plane = plane_of(report.ticket.instrument_id)
    index = read_index(report, key)
    if not test:
        return _all_tests(report, key, plane)
    about = index.test(level, test)
    values = read_values(report, key, level, test)
    exposures = values.exposures
    if over not in OVER:
        values = _one_exposure(values, over)
    value = _fold(values, "worst" if over not in OVER else over)
    spread = _Spread(plane, values)
    limits = np.where(np.isfinite(values.limit), values.limit, np.nan)
    return PlaneValues(
        title=f"{about['statistic']}",
        unit=show_unit(about["unit"]),
        value=spread(value),
        margin=spread(_largest(values.margin)),
        limit=spread(_smallest(limits)),
        n_failed=spread(values.has_failed.sum(axis=0), fill=0).astype(int),
        n_results=spread((values.state > ABSENT).sum(axis=0), fill=0).astype(int),
        exposures=tuple(e for e in exposures if e),
    )


def scale_of(
    values: PlaneValues, shown: str, *, low: float | None, high: float | None
) -> tuple[float, float]:
    """Choose the range of the colours: what was asked for, or 2 % to 98 %."""
    if shown == "margin":
        return (-1.0 if low is None else low), (1.0 if high is None else high)
    finite = values.value[np.isfinite(values.value)]
    if not finite.size:
        return 0.0, 1.0
    first, last = (float(p) for p in np.percentile(finite, (2, 98)))
    low, high = first if low is None else low, last if high is None else high
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def choose_fills(
    values: PlaneValues, shown: str, scale: tuple[float, float]
) -> list[str]:
    """Choose the colour or the hatching of every amplifier."""
    if shown == "verdict":
        return [VERDICT_FILLS[verdict] for verdict in values.verdict]
    colours = MARGIN_COLOURS if shown == "margin" else COLOURS
    numbers = values.margin if shown == "margin" else values.value
    low, high = scale
    with np.errstate(invalid="ignore"):
        share = np.clip((numbers - low) / (high - low), 0, 1 - 1e-9)
    return [
        colours[int(s * len(colours))] if np.isfinite(s) else MISSING_FILL
        for s in share
    ]


class _Spread:
    """Puts numbers of a test's places at the numbers of the amplifiers."""

    def __init__(self, plane: Plane, values: TestValues) -> None:
        self.n = len(plane.places)
        pairs = [
            (number, column)
            for column, (detector, amplifier) in enumerate(values.places)
            for number in _numbers(plane, detector, amplifier)
        ]
        self.numbers = np.array([number for number, _ in pairs], dtype=int)
        self.columns = np.array([column for _, column in pairs], dtype=int)

    def __call__(self, array: np.ndarray, *, fill: float = np.nan) -> np.ndarray:
        spread = np.full(self.n, fill)
        spread[self.numbers] = array[self.columns]
        return spread


def _numbers(plane: Plane, detector: int, amplifier: str) -> Iterable[int]:
    """Find an amplifier's number; a whole detector's result is all its amplifiers'."""
    if not amplifier:
        return plane.boxes.get(detector, ())
    number = plane.places.get((detector, amplifier))
    return () if number is None else (number,)


def _all_tests(report: VerificationReport, key: str, plane: Plane) -> PlaneValues:
    """Add up all tests that decide."""
    n = len(plane.places)
    failed, results = np.zeros(n, int), np.zeros(n, int)
    margin = np.full(n, np.nan)
    exposures: set[int] = set()
    for about in read_index(report, key).tests:
        if about["is_advisory"] or about["level"] == "EXP":
            continue
        values = read_values(report, key, about["level"], about["test"])
        spread = _Spread(plane, values)
        failed += spread(values.has_failed.sum(axis=0), fill=0).astype(int)
        results += spread((values.state > ABSENT).sum(axis=0), fill=0).astype(int)
        margin = np.fmax(margin, spread(_largest(values.margin)))
        exposures |= set(values.exposures)
    return PlaneValues(
        title="failed results of all tests that decide",
        unit="",
        value=np.where(results > 0, failed, np.nan).astype(float),
        margin=margin,
        limit=np.full(n, np.nan),
        n_failed=failed,
        n_results=results,
        exposures=tuple(sorted(exposures - {0})),
    )


def _one_exposure(values: TestValues, over: str) -> TestValues:
    exposures = [str(e) for e in values.exposures]
    if over not in exposures:
        raise InputError(
            f"{values.test} has no exposure {over!r}: it has {', '.join(exposures)}; "
            "or ask for the median or the worst."
        )
    return values.only(exposure=int(over))


def _fold(values: TestValues, over: str) -> np.ndarray:
    """Take the median of a place's exposures, or what is farthest beyond the limit."""
    if len(values.exposures) == 1:
        return values.value[0].astype(float)
    if over == "median":
        return _quiet(np.nanmedian, values.value)
    margin = values.margin
    score = np.where(np.isfinite(margin), margin, values.value)
    rows = np.argmax(np.where(np.isfinite(score), score, -np.inf), axis=0)
    return values.value[rows, np.arange(values.value.shape[1])].astype(float)


def _largest(array: np.ndarray) -> np.ndarray:
    return np.fmax.reduce(array, axis=0)


def _smallest(array: np.ndarray) -> np.ndarray:
    return np.fmin.reduce(array, axis=0)


def _quiet(function: Any, array: np.ndarray) -> np.ndarray:
    """Fold columns; one without any number stays NaN without a warning."""
    result = np.full(array.shape[1], np.nan)
    some = np.isfinite(array).any(axis=0)
    if some.any():
        result[some] = function(array[:, some], axis=0)
    return result


def _rounded(array: np.ndarray) -> list[float | None]:
    return [
        float(f"{x:.{DIGITS}g}") if np.isfinite(x) else None for x in array.tolist()
    ]
