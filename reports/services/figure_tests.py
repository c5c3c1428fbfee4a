"""Figures of a test: against its limit, its exposures and the reports before."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reports.domain.results import show_unit
from reports.models import VerificationReport
from reports.plots import panels
from reports.services.figure_kinds import Data, FigureKind
from reports.services.history import earlier_reports
from reports.services.values import TestValues, read_index, read_values
from taxicab.errors import NotFoundError

__all__ = ["TEST_FIGURES"]


def _distribution(report: VerificationReport, key: str, level: str, test: str) -> Data:
    values, about = _test(report, key, level, test)
    measured = np.isfinite(values.value) & (values.state > 0)
    value, limit = values.value[measured], values.limit[measured]
    label = _label(about)
    rows, columns = np.nonzero(measured)
    return Data(
        {
            "exposure": np.array(values.exposures)[rows],
            **_places(values, columns),
            f"value ({show_unit(about['unit']) or '1'})": value,
            "limit": limit,
            "state": values.state[measured],
        },
        lambda: panels.plot_distribution(
            value, limit, title=f"{key}: {test}, all results", label=label
        ),
    )


def _over_exposures(
    report: VerificationReport, key: str, level: str, test: str
) -> Data:
    values, about = _test(report, key, level, test)
    nights = _nights(report, key)
    dates = [nights.get(e, (_day(e), "verification")) for e in values.exposures]
    n = values.value.shape[1]
    return Data(
        {
            "exposure": np.repeat(values.exposures, n),
            "begin (TAI)": np.repeat([begin for begin, _ in dates], n),
            "night": np.repeat([night for _, night in dates], n),
            **_places(values, np.tile(np.arange(n), len(values.exposures))),
            f"value ({show_unit(about['unit']) or '1'})": values.value.ravel(),
            "limit": values.limit.ravel(),
        },
        lambda: panels.plot_spread(
            [str(e) for e in values.exposures],
            list(values.value),
            _largest_limits(values),
            title=f"{key}: {test} against exposure",
            label=_label(about),
            x_label="exposure",
            groups=[f"{begin[:10]} {night}" for begin, night in dates],
        ),
    )


def _over_reports(report: VerificationReport, key: str, level: str, test: str) -> Data:
    _, about = _test(report, key, level, test)
    found: list[tuple[str, TestValues]] = []
    for one in [*reversed(earlier_reports(report)), report]:
        try:
            values = read_values(one, key, level, test)
        except NotFoundError:
            continue
        found.append((f"{one.ticket.key} v{one.version}", values))
    sizes = [values.value.size for _, values in found]
    return Data(
        {
            "report": np.repeat([name for name, _ in found], sizes),
            f"value ({show_unit(about['unit']) or '1'})": np.concatenate(
                [values.value.ravel() for _, values in found]
            ),
            "limit": np.concatenate([values.limit.ravel() for _, values in found]),
        },
        lambda: panels.plot_spread(
            [name for name, _ in found],
            [values.value.ravel() for _, values in found],
            [max(_largest_limits(values), default=np.nan) for _, values in found],
            title=f"{key}: {test} in this report and before",
            label=_label(about),
            x_label="report",
        ),
    )


def _test(
    report: VerificationReport, key: str, level: str, test: str
) -> tuple[TestValues, Mapping[str, Any]]:
    about = read_index(report, key).test(level, test)
    return read_values(report, key, level, test), about


def _places(values: TestValues, columns: np.ndarray) -> dict[str, np.ndarray]:
    detectors = np.array([detector for detector, _ in values.places])
    amplifiers = np.array([amplifier for _, amplifier in values.places])
    return {"detector": detectors[columns], "amplifier": amplifiers[columns]}


def _largest_limits(values: TestValues) -> list[float]:
    return [float(row) for row in np.fmax.reduce(values.limit, axis=1)]


def _label(about: Mapping[str, Any]) -> str:
    unit = show_unit(about["unit"])
    return f"{about['statistic']} ({unit})" if unit else str(about["statistic"])


def _nights(report: VerificationReport, key: str) -> dict[int, tuple[str, str]]:
    """Begin of every exposure, and whether the calibration was made of it."""
    label = next((s["label"] for s in report.summary["stages"] if s["key"] == key), key)
    nights: dict[int, tuple[str, str]] = {}
    for chosen in report.summary.get("inputs", ()):
        purpose = "verification"
        if chosen["purpose"] == "generation" and chosen["label"] == label:
            purpose = "construction"
        for exposure in chosen["exposures"]:
            known = nights.get(exposure["id"], ("", ""))[1]
            if known != "construction":
                nights[exposure["id"]] = (exposure["begin_tai"], purpose)
    return nights


def _day(exposure: int) -> str:
    """Read the night from an exposure's number, where nothing else says it."""
    text = str(exposure // 100000)
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 else ""


TEST_FIGURES = (
    FigureKind(
        "distribution",
        "distribution against the limit",
        "Look for a second hump or a tail that reaches the limit: a few bad amplifiers "
        "stand apart, a limit that is wrong cuts through the middle.",
        _distribution,
        of="",
    ),
    FigureKind(
        "exposures",
        "against exposure and date",
        "Look for a step between the nights it was made from and those it was not: "
        "what holds only on its own night will not hold for long.",
        _over_exposures,
        of="",
    ),
    FigureKind(
        "reports",
        "against the reports before",
        "Look for the last points leaving the band of the others: a camera drifts "
        "slowly, a mistake jumps.",
        _over_reports,
        of="",
    ),
)
