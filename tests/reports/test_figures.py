"""Figures that are made when asked for, and the data behind them."""

import csv
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.domain.stages import plan_stages
from reports.services.curves import read_curves
from reports.services.figures import figure_file, list_figures, read_place
from reports.services.gathering import StageEvidence
from taxicab.errors import MiddlewareError, NotFoundError
from tests.support.evidence import (
    EXPOSURES,
    GENERATION,
    NOISY,
    VERIFICATION,
    make_table_results,
)

N_PAIRS, SIDE = 12, 4
GAIN = 1.5


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.WORK_ROOT = tmp_path / "work"


def make_ptc(path, rng):
    """Two amplifiers whose variance is the mean over the gain, and a known matrix."""
    mean = np.linspace(1000, 50000, N_PAIRS)
    variance = mean / GAIN
    a = np.zeros((SIDE, SIDE))
    a[0, 0], a[0, 1] = -3e-6, -1e-6
    covariances = np.zeros((N_PAIRS, SIDE, SIDE))
    covariances[:, 1, 0] = 1e-7 * mean**2
    rows = {
        "AMPLIFIER_NAME": ["C10", NOISY[1]],
        "GAIN": [GAIN, GAIN],
        "NOISE": [5.0, 9.0],
        "COV_MATRIX_SIDE": [SIDE, SIDE],
    }
    vectors = {
        "RAW_MEANS": mean,
        "RAW_VARS": variance * (1 + rng.normal(0, 1e-3, N_PAIRS)),
        "MODEL_VARS": variance,
        "EXP_ID_MASK": np.r_[np.ones(N_PAIRS - 1), 0.0],
        "A_MATRIX": a.ravel(),
        "COVARIANCES": covariances.ravel(),
    }
    arrays = {name: pa.array(values) for name, values in rows.items()}
    for name, values in vectors.items():
        twice = pa.array(np.tile(values, 2))
        arrays[name] = pa.FixedSizeListArray.from_arrays(twice, len(values))
    pq.write_table(pa.table(arrays), path)


@pytest.fixture
def ptc(construction, seal, tmp_path):
    rng = np.random.default_rng(7)
    (plan,) = plan_stages(
        [GENERATION.format("ptc", "")], [VERIFICATION.format("Ptc", "")]
    )
    tables = {}
    for detector in (0, NOISY[0]):
        tables[detector] = str(tmp_path / f"ptc-{detector}.parq")
        make_ptc(tables[detector], rng)
    stage = StageEvidence(plan, make_table_results("Ptc"), tables=tables)
    return seal(construction, stages=[stage])


@pytest.fixture
def bias(construction, seal):
    return seal(construction, ("bias", EXPOSURES[:3]))


def read_csv(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_vectors_are_kept_small_and_whole(ptc):
    curves = read_curves(ptc, "ptc", detector=NOISY[0])
    assert [row["AMPLIFIER_NAME"] for row in curves.rows] == ["C10", NOISY[1]]
    row = curves.rows[1]
    np.testing.assert_allclose(row["RAW_MEANS"][-1], 50000)
    # Of the covariances the neighbours alone are kept.
    assert "COVARIANCES" not in row
    np.testing.assert_allclose(row["COV_10"][-1], 1e-7 * 50000**2, rtol=1e-6)
    np.testing.assert_allclose(row["COV_01"], 0)


def test_every_figure_is_drawn_and_has_its_data(ptc):
    entries = list_figures(ptc, "ptc")
    keys = {entry.key for entry in entries}
    assert {"curve", "matrix", "covariances", "distribution.AMP.PTC_GAIN"} <= keys
    assert not any(key.startswith(("exposures", "reports")) for key in keys)
    place = read_place(ptc, "ptc", "")
    assert place == NOISY
    for entry in entries[:4]:
        assert entry.look_for.startswith("Look for ")
        png = figure_file(ptc, "ptc", entry.key, place, "png").read_bytes()
        assert png.startswith(b"\x89PNG")
        rows = read_csv(figure_file(ptc, "ptc", entry.key, place, "csv"))
        table = pq.read_table(figure_file(ptc, "ptc", entry.key, place, "parquet"))
        assert table.num_rows == len(rows)
        assert table.column_names == list(rows[0])


def test_the_data_are_the_numbers(ptc):
    rows = read_csv(figure_file(ptc, "ptc", "curve", NOISY, "csv"))
    mean = np.array([float(row["mean (ADU)"]) for row in rows])
    model = np.array([float(row["model (ADU²)"]) for row in rows])
    np.testing.assert_allclose(mean / model, GAIN, rtol=1e-6)
    assert [row["in the fit"] for row in rows].count("False") == 1
    matrix = read_csv(figure_file(ptc, "ptc", "matrix", NOISY, "csv"))
    assert float(matrix[1]["a (1/e⁻)"]) == pytest.approx(-1e-6)
    assert (matrix[1]["lag y (px)"], matrix[1]["lag x (px)"]) == ("0", "1")


def test_a_figure_is_made_once_and_is_always_the_same(bias):
    place = read_place(bias, "bias", "R22_S11.C05")
    path = figure_file(bias, "bias", "exposures.AMP.NOISE", place, "svg")
    before, made = path.read_bytes(), path.stat().st_mtime_ns
    assert figure_file(bias, "bias", "exposures.AMP.NOISE", place, "svg") == path
    assert path.stat().st_mtime_ns == made
    path.unlink()
    again = figure_file(bias, "bias", "exposures.AMP.NOISE", place, "svg")
    assert again.read_bytes() == before
    assert b"<svg" in before


def test_nights_of_construction_are_told_from_others(bias):
    place = read_place(bias, "bias", "")
    rows = read_csv(figure_file(bias, "bias", "exposures.AMP.NOISE", place, "csv"))
    assert len(rows) == 3 * 144
    assert {row["night"] for row in rows} == {"construction"}
    assert rows[0]["begin (TAI)"].startswith("2026-11-08")


def test_reports_before_are_in_the_trend(bias, construction, seal):
    second = seal(construction, ("bias", EXPOSURES[1:5]))
    place = read_place(second, "bias", "")
    rows = read_csv(figure_file(second, "bias", "reports.AMP.NOISE", place, "csv"))
    assert {row["report"] for row in rows} == {"DM-100 v1", "DM-100 v2"}


def test_a_detector_without_defects_has_an_empty_map(construction, seal, tmp_path):
    (plan,) = plan_stages([GENERATION.format("defect", "")], [])
    columns = {n: pa.array([3, 8]) for n in ("x0", "y0", "width", "height")}
    pq.write_table(pa.table(columns), tmp_path / "defects.parq")
    stage = StageEvidence(plan, tables={1: str(tmp_path / "defects.parq")})
    report = seal(construction, stages=[stage])
    assert [e.key for e in list_figures(report, "defects")] == [
        "defect-counts",
        "defect-map",
    ]
    place = (1, "C00")
    rows = read_csv(figure_file(report, "defects", "defect-counts", place, "csv"))
    assert rows == [{"detector": "R22_S01", "boxes": "2", "pixels (px)": "73.0"}]
    for detector in (0, 1):
        path = figure_file(report, "defects", "defect-map", (detector, "C00"), "png")
        assert path.read_bytes().startswith(b"\x89PNG")


def test_what_there_is_not_is_said(bias, construction):
    place = read_place(bias, "bias", "")
    with pytest.raises(NotFoundError, match="no figure 'curve' of bias"):
        figure_file(bias, "bias", "curve", place, "png")
    with pytest.raises(NotFoundError, match="png, svg, csv, parquet"):
        figure_file(bias, "bias", "distribution.AMP.NOISE", place, "pdf")
    with pytest.raises(NotFoundError, match="no amplifier 'C99'"):
        read_place(bias, "bias", "R22_S11.C99")
    with pytest.raises(NotFoundError, match="no detector 'R99_S11'"):
        read_place(bias, "bias", "R99_S11")


def test_a_table_that_is_gone_stops_the_report(construction, seal, tmp_path):
    (plan,) = plan_stages([GENERATION.format("ptc", "")], [])
    stage = StageEvidence(plan, tables={0: str(tmp_path / "gone.parq")})
    with pytest.raises(MiddlewareError, match=r"gone\.parq"):
        seal(construction, stages=[stage])
