"""What each figure is of: the numbers behind it, and how they are drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from calibrations.domain.cameras import camera
from reports.domain.results import show_unit
from reports.models import VerificationReport
from reports.plots import panels
from reports.services.curves import read_curves
from reports.services.geometry import detector_names
from reports.services.history import earlier_reports
from reports.services.values import TestValues, read_index, read_values
from taxicab.errors import NotFoundError

__all__ = ["CURVE_FIGURES", "TEST_FIGURES", "Data", "FigureKind", "Place"]

Place = tuple[int, str]
"""Detector id and amplifier name."""


@dataclass(frozen=True)
class Data:
    """The numbers behind a figure, and the figure."""

    columns: Mapping[str, np.ndarray]
    """By name and unit, such as ``value (e⁻)``; one row of each is one point."""
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure."""

    key: str
    title: str
    look_for: str
    """One sentence."""
    make: Callable[..., Data]
    of: str = "amplifier"
    """What has to be chosen: amplifier, detector or nothing (empty)."""
    needs: tuple[str, ...] = ()
    """Columns that the calibration must have."""


# --- Tests -------------------------------------------------------------------------


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


# --- Calibrations that are tables ---------------------------------------------------


def _row(report: VerificationReport, key: str, place: Place) -> dict[str, Any]:
    """Find an amplifier's vectors."""
    detector, amplifier = place
    for row in read_curves(report, key, detector=detector).rows:
        if row.get("AMPLIFIER_NAME") == amplifier:
            return row
    raise NotFoundError(
        f"{key} has nothing of {_name(report, place)}: choose another amplifier."
    )


def _curve(report: VerificationReport, key: str, place: Place) -> Data:
    row = _row(report, key, place)
    mean, variance, model = (
        _array(row[name]) for name in ("RAW_MEANS", "RAW_VARS", "MODEL_VARS")
    )
    used = _array(row["EXP_ID_MASK"]) > 0
    return Data(
        {
            "mean (ADU)": mean,
            "variance (ADU²)": variance,
            "model (ADU²)": model,
            "in the fit": used,
        },
        lambda: panels.plot_curve(
            mean,
            variance,
            model,
            used,
            title=f"{_name(report, place)}: gain {row['GAIN']:.3f} e⁻/ADU, noise "
            f"{row['NOISE']:.2f} e⁻",
            x_label="mean signal (ADU)",
            y_label="variance (ADU²)",
            residual_label="residual (%)",
        ),
    )


def _matrix(report: VerificationReport, key: str, place: Place) -> Data:
    a = _array(_row(report, key, place)["A_MATRIX"])
    side = round(a.size**0.5)
    rows, columns = np.indices((side, side))
    return Data(
        {"lag y (px)": rows.ravel(), "lag x (px)": columns.ravel(), "a (1/e⁻)": a},
        lambda: panels.plot_matrix(
            a.reshape(side, side),
            title=f"{_name(report, place)}: a-matrix",
            label="a (1/e⁻)",
            x_label="lag along rows of the matrix (px)",
            y_label="lag along columns of the matrix (px)",
        ),
    )


def _covariances(report: VerificationReport, key: str, place: Place) -> Data:
    row = _row(report, key, place)
    mean = _array(row["RAW_MEANS"])
    lags = {
        f"lag ({name[-2]}, {name[-1]})": _array(row[name])
        for name in ("COV_10", "COV_01", "COV_11")
        if row.get(name)
    }
    order = np.argsort(mean)
    return Data(
        {"mean (ADU)": mean[order]}
        | {f"covariance {name} (ADU²)": y[order] for name, y in lags.items()},
        lambda: panels.plot_lines(
            mean[order],
            {name: y[order] for name, y in lags.items()},
            title=f"{_name(report, place)}: covariances of neighbours",
            x_label="mean signal (ADU)",
            y_label="covariance (ADU²)",
        ),
    )


def _linearity(report: VerificationReport, key: str, place: Place) -> Data:
    row = _row(report, key, place)
    signal, residual = _array(row["RAW_MEANS"]), _array(row["FIT_RESIDUALS"])
    good = np.isfinite(signal) & np.isfinite(residual)
    order = np.argsort(signal[good])
    signal, residual = signal[good][order], residual[good][order]
    return Data(
        {"signal (ADU)": signal, "residual": residual},
        lambda: panels.plot_lines(
            signal,
            {"residual of the fit": residual},
            title=f"{_name(report, place)}: linearity residuals",
            x_label="signal (ADU)",
            y_label="residual (fraction of the signal)",
        ),
    )


def _kernel(report: VerificationReport, key: str, place: Place) -> Data:
    kernel = _array(_row(report, key, place)["KERNEL"])
    side = round(kernel.size**0.5)
    y, x = np.indices((side, side)) - side // 2
    return Data(
        {"y (px)": y.ravel(), "x (px)": x.ravel(), "kernel": kernel},
        lambda: panels.plot_matrix(
            kernel.reshape(side, side),
            title=f"{_name(report, place)}: brighter-fatter kernel",
            label="kernel (1/e⁻)",
            x_label="x (px of the kernel)",
            y_label="y (px of the kernel)",
        ),
    )


def _eper(report: VerificationReport, key: str, place: Place) -> Data:
    row = _row(report, key, place)
    signal = _array(row["SIGNALS"])
    lines = {
        name: _array(row[column])
        for name, column in (("serial", "SERIAL_EPER"), ("parallel", "PARALLEL_EPER"))
        if row.get(column)
    }
    good = np.isfinite(signal)
    order = np.argsort(signal[good])
    lines = {name: y[good][order] for name, y in lines.items()}
    x = signal[good][order]
    return Data(
        {"signal (e⁻)": x} | {f"{name} EPER": y for name, y in lines.items()},
        lambda: panels.plot_lines(
            x,
            lines,
            title=f"{_name(report, place)}: charge left behind",
            x_label="signal (e⁻)",
            y_label="inefficiency per transfer",
            logarithmic=bool((x > 0).all()),
        ),
    )


def _defect_counts(report: VerificationReport, key: str, _: Place) -> Data:
    names = detector_names(report.ticket.instrument_id)
    pixels: dict[int, int] = {}
    boxes: dict[int, int] = {}
    for row in read_curves(report, key).rows:
        detector = row["DETECTOR"]
        boxes[detector] = boxes.get(detector, 0) + 1
        pixels[detector] = pixels.get(detector, 0) + row["width"] * row["height"]
    order = sorted(pixels)
    shown = [names.get(detector, str(detector)) for detector in order]
    numbers = np.array([pixels[detector] for detector in order], dtype=float)
    return Data(
        {
            "detector": np.array(shown),
            "boxes": np.array([boxes[detector] for detector in order]),
            "pixels (px)": numbers,
        },
        lambda: panels.plot_bars(
            shown, numbers, title=f"{key}: defective pixels", label="pixels (px)"
        ),
    )


def _defect_map(report: VerificationReport, key: str, place: Place) -> Data:
    rows = read_curves(report, key, detector=place[0]).rows
    names = ("x0", "y0", "width", "height")
    boxes = np.array([[row[n] for n in names] for row in rows], float).reshape(-1, 4)
    detector = camera(report.ticket.instrument_id).detector(place[0])
    return Data(
        {f"{name} (px)": boxes[:, i] for i, name in enumerate(names)},
        lambda: panels.plot_boxes(
            boxes,
            detector.shape,
            title=f"{detector.name}: {len(boxes)} boxes of defects",
            borders=sorted({float(b.x0) for b in detector.amplifier_boxes().values()}),
        ),
    )


def _array(values: Any) -> np.ndarray:
    return np.array(values if values is not None else [], dtype=float)


def _name(report: VerificationReport, place: Place) -> str:
    names = detector_names(report.ticket.instrument_id)
    return f"{names.get(place[0], place[0])} {place[1]}"


CURVE_FIGURES: Mapping[str, tuple[FigureKind, ...]] = {
    "ptc": (
        FigureKind(
            "curve",
            "photon transfer curve",
            "Look for a residual that bends instead of scattering about zero, and for "
            "points left out below the turnoff.",
            _curve,
            needs=("RAW_MEANS", "RAW_VARS", "MODEL_VARS", "EXP_ID_MASK"),
        ),
        FigureKind(
            "matrix",
            "a-matrix",
            "Look for one negative centre and neighbours that fade with distance: "
            "stripes are noise that the rows share.",
            _matrix,
            needs=("A_MATRIX",),
        ),
        FigureKind(
            "covariances",
            "covariances of neighbours",
            "Look for curves that rise smoothly from zero; a step or an offset at low "
            "signal is correlated noise.",
            _covariances,
            needs=("RAW_MEANS", "COV_10"),
        ),
    ),
    "linearizer": (
        FigureKind(
            "linearity",
            "linearity residuals",
            "Look for a slow bend that the correction did not take away, and for "
            "jumps, which are in the electronics.",
            _linearity,
            needs=("RAW_MEANS", "FIT_RESIDUALS"),
        ),
    ),
    "bfk": (
        FigureKind(
            "kernel",
            "brighter-fatter kernel",
            "Look for a kernel that is negative in the middle, round, and zero at its "
            "edge; anything else moves charge to the wrong pixels.",
            _kernel,
            needs=("KERNEL",),
        ),
    ),
    "cti": (
        FigureKind(
            "eper",
            "charge left behind",
            "Look for a rise at low signal (a trap) and for the turnoff at high "
            "signal; between them the curve is flat.",
            _eper,
            needs=("SIGNALS", "SERIAL_EPER"),
        ),
    ),
    "defects": (
        FigureKind(
            "defect-counts",
            "defective pixels of each detector",
            "Look for a detector far above its neighbours: too much was masked, or "
            "something in it broke.",
            _defect_counts,
            of="",
            needs=("width", "height"),
        ),
        FigureKind(
            "defect-map",
            "map of defects",
            "Look for whole columns that end nowhere, and for boxes along one border: "
            "those are often the flat's, not the detector's.",
            _defect_map,
            of="detector",
            needs=("x0", "y0", "width", "height"),
        ),
    ),
}
