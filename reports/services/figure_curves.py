"""Figures of calibrations that are tables: curves, matrices, kernels, defects."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from calibrations.domain.cameras import camera
from reports.models import VerificationReport
from reports.plots import curves, panels
from reports.plots.curves import percent_off
from reports.services.curves import read_curves
from reports.services.figure_kinds import Data, FigureKind, Place
from reports.services.geometry import detector_names
from taxicab.errors import NotFoundError

__all__ = ["CURVE_FIGURES"]

AMPLIFIER = "AMPLIFIER_NAME"
CURVE = ("RAW_MEANS", "RAW_VARS", "MODEL_VARS", "EXP_ID_MASK", "GAIN", "NOISE")
EPER_LINEAR_TO = 1e-6
"""A good CCD loses a few millionths; at low signal it is a thousand times more."""

COVARIANCES = ("RAW_MEANS", "COV_MATRIX_SIDE", "COVARIANCES", "COVARIANCES_MODEL")


def _row(
    report: VerificationReport, key: str, place: Place, columns: Sequence[str]
) -> dict[str, Any]:
    """Find an amplifier's vectors."""
    detector, amplifier = place
    wanted = (AMPLIFIER, *columns)
    for row in read_curves(report, key, detector=detector, columns=wanted).rows:
        if row[AMPLIFIER] == amplifier:
            return row
    raise NotFoundError(
        f"{key} has nothing of {_name(report, place)}: choose another amplifier."
    )


def _curve(report: VerificationReport, key: str, place: Place) -> Data:
    row = _row(report, key, place, CURVE)
    mean, variance, model = (_array(row[name]) for name in CURVE[:3])
    used = _array(row["EXP_ID_MASK"]) > 0
    return Data(
        {
            "mean (ADU)": mean,
            "variance (ADU²)": variance,
            "model (ADU²)": model,
            "residual (%)": percent_off(variance, model),
            "in the fit": used,
        },
        lambda: curves.plot_curve(
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
    row = _row(report, key, place, (*COVARIANCES[:3], "A_MATRIX", "A00", "EXP_ID_MASK"))
    side = int(row["COV_MATRIX_SIDE"])
    a, source = _array(row["A_MATRIX"]), "of the fit"
    if a.size != side**2 or not np.isfinite(a).any():
        a, source = _first_order(row, side).ravel(), "to first order"
    # The first index counts along x, as the covariances have it.
    x, y = np.indices((side, side))
    return Data(
        {
            "lag x (px)": x.ravel(),
            "lag y (px)": y.ravel(),
            "a (1/e⁻)": a,
            "source": np.full(a.size, source),
        },
        lambda: curves.plot_matrix(
            a.reshape(side, side).T,
            title=f"{_name(report, place)}: a-matrix {source}",
            label="a",
            unit="e⁻¹",
            x_label="lag along x, serial (px)",
            y_label="lag along y, parallel (px)",
        ),
    )


def _first_order(row: Mapping[str, Any], side: int) -> np.ndarray:
    """Find the a-matrix that the covariances have where the fit gives a00 alone.

    To first order C_ij = a_ij mu² but for C_00, which is mostly shot noise. Brighter
    pairs have larger errors, in the measure of mu: weights are 1 / mu².
    """
    used = _array(row["EXP_ID_MASK"]) > 0
    mean = _array(row["RAW_MEANS"])
    cube = _array(row["COVARIANCES"]).reshape(-1, side, side)
    good = used & np.isfinite(mean) & np.isfinite(cube).all(axis=(1, 2))
    if not good.any():
        return np.full((side, side), np.nan)
    a: np.ndarray = cube[good].sum(axis=0) / (mean[good] ** 2).sum()
    a[0, 0] = np.nan if row["A00"] is None else row["A00"]
    return a


def _covariances(report: VerificationReport, key: str, place: Place) -> Data:
    row = _row(report, key, place, (*COVARIANCES, "EXP_ID_MASK"))
    side = int(row["COV_MATRIX_SIDE"])
    mean = _array(row["RAW_MEANS"])
    used = _array(row["EXP_ID_MASK"]) > 0
    measured, model = (
        _array(row[name]).reshape(-1, side, side) for name in COVARIANCES[2:]
    )
    pair, x, y = np.indices(measured.shape)
    lags = [(1, 0), (0, 1), (1, 1)] if side > 1 else []
    return Data(
        {
            "mean (ADU)": mean[pair.ravel()],
            "in the fit": used[pair.ravel()],
            "lag x (px)": x.ravel(),
            "lag y (px)": y.ravel(),
            "covariance (ADU²)": measured.ravel(),
            "model (ADU²)": model.ravel(),
        },
        lambda: curves.plot_fits(
            mean,
            {
                f"{i} along x, {j} along y": (measured[:, i, j], model[:, i, j])
                for i, j in lags
            },
            used,
            title=f"{_name(report, place)}: covariances of neighbours",
            x_label="mean signal (ADU)",
            y_label="covariance (ADU²)",
        ),
    )


def _linearity(report: VerificationReport, key: str, place: Place) -> Data:
    row = _row(report, key, place, ("RAW_MEANS", "FIT_RESIDUALS"))
    signal, residual = _array(row["RAW_MEANS"]), _array(row["FIT_RESIDUALS"])
    good = np.isfinite(signal) & np.isfinite(residual)
    order = np.argsort(signal[good])
    signal, residual = signal[good][order], 100 * residual[good][order]
    return Data(
        {"signal (ADU)": signal, "residual (%)": residual},
        lambda: curves.plot_lines(
            signal,
            {"residual of the fit": residual},
            title=f"{_name(report, place)}: linearity residuals",
            x_label="signal (ADU)",
            y_label="residual (% of the signal)",
            logarithmic=bool((signal > 0).all()),
        ),
    )


def _kernel(report: VerificationReport, key: str, place: Place) -> Data:
    kernel = _array(_row(report, key, place, ("KERNEL",))["KERNEL"])
    side = round(kernel.size**0.5)
    y, x = np.indices((side, side)) - side // 2
    return Data(
        {"x (px)": x.ravel(), "y (px)": y.ravel(), "kernel (1/e⁻)": kernel},
        lambda: curves.plot_matrix(
            kernel.reshape(side, side),
            title=f"{_name(report, place)}: brighter-fatter kernel",
            label="kernel",
            unit="e⁻¹",
            x_label="x from the middle (px)",
            y_label="y from the middle (px)",
            first=-(side // 2),
        ),
    )


def _eper(report: VerificationReport, key: str, place: Place) -> Data:
    row = _row(report, key, place, ("SIGNALS", "SERIAL_EPER", "PARALLEL_EPER"))
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
        lambda: curves.plot_lines(
            x,
            lines,
            title=f"{_name(report, place)}: charge left behind",
            x_label="signal (e⁻)",
            y_label="inefficiency per transfer",
            logarithmic=bool((x > 0).all()),
            linear_to=EPER_LINEAR_TO,
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
    kept = read_curves(report, key, detector=place[0])
    names = ("x0", "y0", "width", "height")
    boxes = np.array([[row[n] for n in names] for row in kept.rows], float)
    boxes = boxes.reshape(-1, 4)
    detector = camera(report.ticket.instrument_id).detector(place[0])
    shape = kept.shapes.get(place[0], detector.shape)
    amplifiers = detector.amplifier_boxes(shape).values()
    return Data(
        {f"{name} (px)": boxes[:, i] for i, name in enumerate(names)},
        lambda: curves.plot_boxes(
            boxes,
            shape,
            title=f"{detector.name}: {len(boxes)} boxes of defects",
            borders=sorted({float(box.x0) for box in amplifiers}),
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
            needs=CURVE,
        ),
        FigureKind(
            "matrix",
            "a-matrix",
            "Look for one negative centre and neighbours that fade with distance: "
            "stripes are noise that the rows share.",
            _matrix,
            needs=(*COVARIANCES[:3], "A_MATRIX", "A00", "EXP_ID_MASK"),
        ),
        FigureKind(
            "covariances",
            "covariances of neighbours",
            "Look for curves that rise smoothly from zero; a step or an offset at low "
            "signal is correlated noise.",
            _covariances,
            needs=(*COVARIANCES, "EXP_ID_MASK"),
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
            needs=("SIGNALS", "SERIAL_EPER", "PARALLEL_EPER"),
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
