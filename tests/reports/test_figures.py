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
    SHAPE,
    VERIFICATION,
    make_table_results,
    write_image,
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
        "A00": [-3e-6, -3e-6],
        "COV_MATRIX_SIDE": [SIDE, SIDE],
    }
    vectors = {
        "RAW_MEANS": mean,
        "RAW_VARS": variance * (1 + rng.normal(0, 1e-3, N_PAIRS)),
        "MODEL_VARS": variance,
        "EXP_ID_MASK": np.r_[np.ones(N_PAIRS - 1), 0.0],
        "A_MATRIX": a.ravel(),
        "COVARIANCES": covariances.ravel(),
        "COVARIANCES_MODEL": 1.01 * covariances.ravel(),
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


def test_vectors_are_kept_whole(ptc):
    curves = read_curves(ptc, "ptc", detector=NOISY[0])
    assert [row["AMPLIFIER_NAME"] for row in curves.rows] == ["C10", NOISY[1]]
    row = curves.rows[1]
    np.testing.assert_allclose(row["RAW_MEANS"][-1], 50000)
    cube = np.reshape(row["COVARIANCES"], (N_PAIRS, SIDE, SIDE))
    np.testing.assert_allclose(cube[-1, 1, 0], 1e-7 * 50000**2, rtol=1e-6)
    assert not cube[:, 0, 1].any()
    # What a figure does not need it does not read.
    few = read_curves(ptc, "ptc", detector=0, columns=["GAIN"])
    assert set(few.rows[0]) == {"DETECTOR", "GAIN"}


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
    residual = np.array([float(row["residual (%)"]) for row in rows])
    assert 0 < np.abs(residual).max() < 0.5  # noise of 0.1 % was added
    # The matrix's first index counts along x, as the covariances' does.
    matrix = read_csv(figure_file(ptc, "ptc", "matrix", NOISY, "csv"))
    assert float(matrix[1]["a (1/e⁻)"]) == pytest.approx(-1e-6)
    assert (matrix[1]["lag x (px)"], matrix[1]["lag y (px)"]) == ("0", "1")


def test_all_covariances_can_be_had_with_their_fit(ptc):
    rows = read_csv(figure_file(ptc, "ptc", "covariances", NOISY, "csv"))
    assert len(rows) == N_PAIRS * SIDE**2
    along_x = [r for r in rows if (r["lag x (px)"], r["lag y (px)"]) == ("1", "0")]
    mean = np.array([float(row["mean (ADU)"]) for row in along_x])
    measured = np.array([float(row["covariance (ADU²)"]) for row in along_x])
    model = np.array([float(row["model (ADU²)"]) for row in along_x])
    np.testing.assert_allclose(measured, 1e-7 * mean**2, rtol=1e-5)
    np.testing.assert_allclose(model, 1.01 * measured, rtol=1e-5)
    others = [float(r["covariance (ADU²)"]) for r in rows if r not in along_x]
    assert not any(others)
    assert [row["in the fit"] for row in along_x].count("False") == 1


def test_the_figure_of_a_vector_that_is_not_there_is_not_offered(
    construction, seal, tmp_path
):
    (plan,) = plan_stages([GENERATION.format("ptc", "")], [])
    table = {
        "AMPLIFIER_NAME": ["C10"],
        "GAIN": [1.5],
        "NOISE": [5.0],
        "RAW_MEANS": [[1.0, 2.0]],
        "RAW_VARS": [[1.0, 2.0]],
        "MODEL_VARS": [[1.0, 2.0]],
        "EXP_ID_MASK": [[1.0, 1.0]],
    }
    pq.write_table(pa.table(table), tmp_path / "ptc.parq")
    stage = StageEvidence(plan, tables={0: str(tmp_path / "ptc.parq")})
    report = seal(construction, stages=[stage])
    assert [entry.key for entry in list_figures(report, "ptc")] == ["curve"]
    with pytest.raises(NotFoundError, match="choose another amplifier"):
        figure_file(report, "ptc", "curve", (0, "C11"), "png")


# --- Linearizer, kernel, charge transfer: a table of one amplifier each -----------

SIGNAL = np.array([3e4, 1e2, 1e3, 1e4])


@pytest.fixture
def one_amplifier(construction, seal, tmp_path):
    """Seals a report of a calibration whose table has these vectors."""

    def seal_(calib_type, **vectors):
        (plan,) = plan_stages([GENERATION.format(calib_type, "")], [])
        columns = {name: [list(values)] for name, values in vectors.items()}
        path = tmp_path / f"{calib_type}.parq"
        pq.write_table(pa.table({"AMPLIFIER_NAME": [NOISY[1]], **columns}), path)
        stage = StageEvidence(plan, tables={NOISY[0]: str(path)})
        return seal(construction, stages=[stage])

    return seal_


def table_of(report, part, key, column):
    """A column of a figure's data, from CSV and Parquet alike."""
    rows = read_csv(figure_file(report, part, key, NOISY, "csv"))
    written = np.array([float(row[column]) for row in rows])
    table = pq.read_table(figure_file(report, part, key, NOISY, "parquet"))
    np.testing.assert_array_equal(table[column].to_numpy(), written)
    png = figure_file(report, part, key, NOISY, "png").read_bytes()
    assert png.startswith(b"\x89PNG")
    return written


def test_linearity_residuals_are_in_per_cent_by_signal(one_amplifier):
    residual = np.array([0.003, 0.001, np.nan, -0.002])
    report = one_amplifier("linearizer", RAW_MEANS=SIGNAL, FIT_RESIDUALS=residual)
    (entry,) = list_figures(report, "linearizer")
    assert entry.look_for.startswith("Look for ")
    signal = table_of(report, "linearizer", "linearity", "signal (ADU)")
    np.testing.assert_allclose(signal, [1e2, 1e4, 3e4])
    percent = table_of(report, "linearizer", "linearity", "residual (%)")
    np.testing.assert_allclose(percent, [0.1, -0.2, 0.3], rtol=1e-5)


def test_crosstalk_is_drawn_from_source_to_target(construction, seal, tmp_path):
    (plan,) = plan_stages([GENERATION.format("crosstalk", "")], [])
    coefficients = [[0.0, 3e-4, np.nan], [1e-4, 0.0, 2e-4], [0.0, -1e-4, 0.0]]
    valid = [[False, True, False]] + 2 * [[False] * 3]
    table = {
        "AMPLIFIER_NAME": ["C10", "C11", "C12"],
        "CT_COEFFS": coefficients,
        "CT_ERRORS": np.full((3, 3), 1e-5).tolist(),
        "CT_VALID": valid,
    }
    path = tmp_path / "crosstalk.parq"
    pq.write_table(pa.table(table), path)
    report = seal(construction, stages=[StageEvidence(plan, tables={0: str(path)})])
    (entry,) = list_figures(report, "crosstalk")
    assert (entry.key, entry.of) == ("coefficients", "detector")
    place = (0, "C10")
    for form in ("png", "svg"):
        assert figure_file(report, "crosstalk", entry.key, place, form).stat().st_size
    rows = read_csv(figure_file(report, "crosstalk", entry.key, place, "csv"))
    at = {(row["source"], row["target"]): row for row in rows}
    assert float(at["C10", "C11"]["coefficient"]) == pytest.approx(3e-4)
    assert float(at["C11", "C10"]["coefficient"]) == pytest.approx(1e-4)
    assert np.isnan(float(at["C12", "C12"]["coefficient"] or "nan"))  # with itself
    marked = [pair for pair, row in at.items() if row["significant"] == "True"]
    assert marked == [("C10", "C11")]
    with pytest.raises(NotFoundError, match="choose another"):
        figure_file(report, "crosstalk", entry.key, (1, "C10"), "png")


def test_a_kernel_is_drawn_around_its_middle(one_amplifier):
    kernel = np.zeros((5, 5))
    kernel[2, 2], kernel[2, 3] = -2e-7, 1e-8  # one column to the right of the middle
    report = one_amplifier("bfk", KERNEL=kernel.ravel())
    x = table_of(report, "bfk", "kernel", "x (px)")
    y = table_of(report, "bfk", "kernel", "y (px)")
    value = table_of(report, "bfk", "kernel", "kernel (1/e⁻)")
    at = {
        place: v
        for *place, v in zip(x, y, value, strict=True)
        for place in [tuple(place)]
    }
    assert at[(0, 0)] == pytest.approx(-2e-7)
    assert at[(1, 0)] == pytest.approx(1e-8)
    assert at[(0, 1)] == 0


def test_charge_left_behind_is_sorted_by_signal(one_amplifier):
    report = one_amplifier(
        "cti",
        SIGNALS=SIGNAL,
        SERIAL_EPER=1e-6 * SIGNAL / 1e4,
        PARALLEL_EPER=2e-6 * SIGNAL / 1e4,
    )
    signal = table_of(report, "cti", "eper", "signal (e⁻)")
    np.testing.assert_allclose(signal, sorted(SIGNAL))
    for way, factor in (("serial", 1e-10), ("parallel", 2e-10)):
        left = table_of(report, "cti", "eper", f"{way} EPER")
        np.testing.assert_allclose(left, factor * signal, rtol=1e-5)


# --- Profiles and spectra: from verification's tables of exposures ----------------


def write_diagnostics(path, rng, *, level, spectrum=True):
    """An exposure's table: a bad row 3, a masked column 0, and the detector's row."""
    rows = np.full((2, 40), level) + rng.normal(0, 0.1, (2, 40))
    rows[:, 3] += 50
    columns = np.full((2, 40), np.nan)
    columns[:, 1:20] = level
    vectors = {"BIAS_PARALLEL_PROF": rows, "BIAS_SERIAL_PROF": columns}
    if spectrum:
        vectors["BIAS_NOISE_SPECTRUM"] = np.full((2, 8), 49.0 + level)
    pa_columns = {name: [*map(list, v), None] for name, v in vectors.items()}
    names = ["C10", NOISY[1], ""]
    pq.write_table(pa.table({"amplifier": names, **pa_columns}), path)
    return str(path)


@pytest.fixture
def profiled(construction, seal, tmp_path):
    """Seals a bias of one detector with seven exposures, each a level higher."""

    def seal_(**options):
        rng = np.random.default_rng(5)
        (plan,) = plan_stages([GENERATION.format("bias", "")], [])
        paths = {
            (NOISY[0], e): write_diagnostics(
                tmp_path / f"{e}.parq", rng, level=i, **options
            )
            for i, e in enumerate(EXPOSURES[:7])
        }
        return seal(construction, stages=[StageEvidence(plan, diagnostics=paths)])

    return seal_


def test_profiles_are_the_median_of_the_newest_exposures(profiled):
    report = profiled()
    entries = {entry.key: entry for entry in list_figures(report, "bias")}
    assert set(entries) == {"rows", "columns", "spectrum"}
    assert all(entry.of == "amplifier" for entry in entries.values())
    # Five of the seven: levels 2 to 6.
    median = table_of(report, "bias", "rows", "median (e⁻)")
    assert median.size == 40
    assert np.delete(median, 3) == pytest.approx(4, abs=0.5)
    assert median[3] == pytest.approx(54, abs=0.5)
    least = table_of(report, "bias", "rows", "least (e⁻)")
    greatest = table_of(report, "bias", "rows", "greatest (e⁻)")
    assert least[0] == pytest.approx(2, abs=0.5)
    assert greatest[0] == pytest.approx(6, abs=0.5)
    power = table_of(report, "bias", "spectrum", "median (e⁻²)")
    assert power == pytest.approx(53)
    frequency = table_of(report, "bias", "spectrum", "frequency (1/px)")
    np.testing.assert_allclose(frequency, np.arange(1, 9) / 16)
    # Columns: what only fills up is cut, a masked one stays without a number.
    rows = read_csv(figure_file(report, "bias", "columns", NOISY, "csv"))
    assert (len(rows), rows[0]["median (e⁻)"]) == (20, "nan")
    assert float(rows[1]["median (e⁻)"]) == 4


def test_profiles_of_a_flat_are_in_per_cent_of_their_median(
    construction, seal, tmp_path
):
    """Lamps differ from exposure to exposure, the shape does not."""
    (plan,) = plan_stages([GENERATION.format("flat", "-r")], [])
    paths = {}
    for exposure, level in zip(EXPOSURES[:3], (3e4, 4e4, 5e4), strict=True):
        rows = [[0.9 * level] + [level] * 30 + [1.1 * level]]
        table = {"amplifier": [NOISY[1]], "FLAT_PARALLEL_PROF": rows}
        paths[(NOISY[0], exposure)] = str(tmp_path / f"{exposure}.parq")
        pq.write_table(pa.table(table), paths[(NOISY[0], exposure)])
    report = seal(construction, stages=[StageEvidence(plan, diagnostics=paths)])
    for which in ("median", "least", "greatest"):
        off = table_of(report, "flat-r", "rows", f"{which} (% of the median)")
        assert off[[0, 5, -1]] == pytest.approx([-10, 0, 10], abs=1e-4)


def test_a_fit_without_a_matrix_has_it_to_first_order(construction, seal, tmp_path):
    """EXPAPPROXIMATION gives a00 alone: the rest is in the covariances."""
    make_ptc(tmp_path / "ptc.parq", np.random.default_rng(7))
    table = pq.read_table(tmp_path / "ptc.parq")
    where = table.column_names.index("A_MATRIX")
    nothing = pa.array([[np.nan] * SIDE**2] * 2)
    pq.write_table(table.set_column(where, "A_MATRIX", nothing), tmp_path / "ptc.parq")
    (plan,) = plan_stages([GENERATION.format("ptc", "")], [])
    stage = StageEvidence(plan, tables={NOISY[0]: str(tmp_path / "ptc.parq")})
    report = seal(construction, stages=[stage])
    a = table_of(report, "ptc", "matrix", "a (1/e⁻)").reshape(SIDE, SIDE)
    assert (a[0, 0], a[0, 1]) == (pytest.approx(-3e-6), 0)
    assert a[1, 0] == pytest.approx(1e-7, rel=1e-5)


def test_a_verification_without_spectra_offers_none(profiled):
    report = profiled(spectrum=False)
    keys = {entry.key for entry in list_figures(report, "bias")}
    assert keys == {"rows", "columns"}
    with pytest.raises(NotFoundError, match="no profiles of detector 0, C10"):
        figure_file(report, "bias", "rows", (0, "C10"), "png")


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
    picture = tmp_path / "residual.fits"
    write_image(picture, "electron", seed=1, binning=8)
    stage = StageEvidence(
        plan,
        tables={1: str(tmp_path / "defects.parq")},
        residuals={(1, EXPOSURES[0]): str(picture)},
    )
    report = seal(construction, stages=[stage])
    assert [e.key for e in list_figures(report, "defects")] == [
        "defect-counts",
        "defect-map",
    ]
    # The map is as large as the images that the defects are of.
    shape = read_curves(report, "defects", detector=1).shapes
    assert shape == {1: (8 * SHAPE[0], 8 * SHAPE[1])}
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
