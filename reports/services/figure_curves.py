"""Figures of calibrations that are tables: curves, matrices, kernels, defects."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from calibrations.domain.cameras import camera
from reports.models import VerificationReport
from reports.plots import panels
from reports.services.curves import read_curves
from reports.services.figure_kinds import Data, FigureKind, Place
from reports.services.geometry import detector_names
from taxicab.errors import NotFoundError

__all__ = ["CURVE_FIGURES"]


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
