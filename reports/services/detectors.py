"""A detector in a report: its amplifiers' values by test and exposure, its pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibrations.domain.cameras import Detector, camera
from reports.domain.charts import Chart, Point, lay_out_trend
from reports.domain.results import show_margin, show_number, show_unit
from reports.models import VerificationReport
from reports.services.geometry import detector_names
from reports.services.values import (
    ABSENT,
    PASSED,
    UNMEASURED,
    TestValues,
    read_index,
    read_values,
)

__all__ = [
    "Cell",
    "amplifier_charts",
    "amplifier_table",
    "exposure_table",
    "find_detector",
    "find_pictures",
    "neighbours",
]


@dataclass(frozen=True)
class Cell:
    """A number of a table, and what the test says of it."""

    text: str
    state: str = ""
    """passed, failed, missing; empty where nothing was judged."""
    title: str = ""


def find_detector(report: VerificationReport, name: str) -> Detector:
    """Find a detector by its name.

    Raises
    ------
    NotFoundError
        Raised if the camera has none of that name; lists those that it has.
    """
    return camera(report.ticket.instrument_id).detector(name)


def neighbours(report: VerificationReport, detector: Detector) -> tuple[str, str]:
    """Name the detectors before and after, in the order of their ids; empty at ends."""
    names = [n for _, n in sorted(detector_names(report.ticket.instrument_id).items())]
    here = names.index(detector.name)
    previous = names[here - 1] if here else ""
    return previous, names[here + 1] if here + 1 < len(names) else ""


def amplifier_table(
    report: VerificationReport, key: str, detector: Detector
) -> dict[str, Any]:
    """Give each amplifier's worst value of every test, and in how many it failed.

    Returns
    -------
    dict
        ``tests``, what the columns are; ``rows``, amplifier and its cells;
        ``whole``, tests of the whole detector with their one cell.
    """
    tests, columns, whole = [], [], []
    for about in read_index(report, key).tests:
        if about["level"] == "EXP":
            continue
        values = read_values(report, key, about["level"], about["test"])
        own = values.only(detectors=frozenset({detector.id}))
        unit = show_unit(about["unit"])
        if about["level"] == "DET":
            if own.places:
                whole.append((about, _worst_cell(own, 0, unit)))
            continue
        tests.append({**about, "unit": unit})
        place = {amplifier: i for i, (_, amplifier) in enumerate(own.places)}
        columns.append(
            [
                _worst_cell(own, place[name], unit) if name in place else Cell("–")
                for name in detector.amplifiers
            ]
        )
    rows = [
        (name, [column[i] for column in columns])
        for i, name in enumerate(detector.amplifiers)
    ]
    return {"tests": tests, "rows": rows, "whole": whole}


def exposure_table(
    report: VerificationReport, key: str, detector: Detector, level: str, test: str
) -> dict[str, Any]:
    """Give each amplifier's value on every exposure.

    Returns
    -------
    dict
        ``amplifiers`` and ``rows``: exposure and a cell an amplifier; ``unit``.
    """
    about = read_index(report, key).test(level, test)
    values = read_values(report, key, level, test)
    own = values.only(detectors=frozenset({detector.id}))
    unit = show_unit(about["unit"])
    rows = [
        (exposure, [_cell(own, i, j, unit) for j in range(len(own.places))])
        for i, exposure in enumerate(own.exposures)
    ]
    names = [amplifier or "detector" for _, amplifier in own.places]
    return {"about": about, "amplifiers": names, "rows": rows, "unit": unit}


def amplifier_charts(
    report: VerificationReport, key: str, detector: Detector, amplifier: str
) -> list[tuple[Mapping[str, Any], Chart | None, Cell]]:
    """Draw every test of an amplifier over its exposures."""
    charts = []
    for about in read_index(report, key).tests:
        if about["level"] != "AMP":
            continue
        values = read_values(report, key, "AMP", about["test"]).only(
            detectors=frozenset({detector.id}), amplifier=amplifier
        )
        if not values.places:
            continue
        unit = show_unit(about["unit"])
        charts.append(
            (about, _chart(values, about, unit), _worst_cell(values, 0, unit))
        )
    return charts


def find_pictures(
    report: VerificationReport, stage: Mapping[str, Any], scope: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """List pictures of a cluster's detector, that of its exposure first.

    Returns
    -------
    list of dict
        ``file``, a name in the report, and ``caption``.
    """
    found = []
    for row in stage.get("detectors", ()):
        if row["detector"] != scope.get("detector", -1):
            continue
        residuals = sorted(
            row["residuals"], key=lambda r: r["exposure"] != scope.get("exposure")
        )
        found += [
            {
                "file": one["file"],
                "caption": f"{row['name']}, residual of {one['exposure']}, "
                f"{one['why']}",
            }
            for one in residuals
        ]
        if row["combined"]:
            caption = f"{row['name']}, combined {stage['label']}"
            found.append({"file": row["combined"], "caption": caption})
    return found


def _chart(values: TestValues, about: Mapping[str, Any], unit: str) -> Chart | None:
    if len(values.exposures) < 2:
        return None
    points = [
        Point(
            str(exposure),
            _number(values.value[i, 0]),
            _number(values.limit[i, 0]),
            bool(values.has_failed[i, 0]),
        )
        for i, exposure in enumerate(values.exposures)
    ]
    label = f"{about['statistic']} ({unit})" if unit else str(about["statistic"])
    return lay_out_trend(points, y_label=label, unit=unit, x_label="exposure")


def _worst_cell(values: TestValues, column: int, unit: str) -> Cell:
    """Give a place's worst value over its exposures."""
    state = values.state[:, column]
    n = int((state > ABSENT).sum())
    if not n:
        return Cell("–", "missing", "no result")
    margin = values.margin[:, column]
    score = np.where(np.isfinite(margin), margin, values.value[:, column])
    failed = int(values.has_failed[:, column].sum())
    word = "failed" if failed else "passed"
    counted = f"failed on {failed} of {n}" if failed else f"passed on all {n}"
    if not np.isfinite(score).any():
        return Cell("not measured", word, counted)
    row = int(np.nanargmax(score))
    limit = show_number(float(values.limit[row, column]), unit)
    apart = show_margin(_number(margin[row])) or "no margin: the limit is 0"
    text = show_number(float(values.value[row, column]))
    return Cell(text, word, f"limit {limit}, {apart}; {counted}")


def _cell(values: TestValues, row: int, column: int, unit: str) -> Cell:
    state = int(values.state[row, column])
    if state == ABSENT:
        return Cell("–", "missing", "no result")
    if state == UNMEASURED:
        return Cell("not measured", "failed", "no number")
    limit = show_number(float(values.limit[row, column]), unit)
    margin = show_margin(_number(values.margin[row, column]))
    title = ", ".join(filter(None, (f"limit {limit}", margin)))
    word = "passed" if state == PASSED else "failed"
    return Cell(show_number(float(values.value[row, column])), word, title)


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
