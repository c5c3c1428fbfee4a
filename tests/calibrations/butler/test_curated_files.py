import numpy as np
import pytest

from calibrations.butler.curated_files import camera_table, read_curated
from calibrations.domain.cameras import camera
from calibrations.imaging.crosstalk import CrosstalkMatrix, subtract_crosstalk
from calibrations.imaging.defects import DefectBoxes, mask_defects
from taxicab.errors import InputError
from tests.support.curated import matrix_of, write_crosstalk, write_defects

LSSTCAM = camera("LSSTCam")


def test_a_file_is_valid_from_its_name_until_the_next_one(tmp_path):
    folder = tmp_path / "manual_defects"
    write_defects(folder, "R22_S11", [(0, 0, 4, 2002)])
    write_defects(folder, "R22_S11", [(9, 9, 1, 1)], begin="20250801T120000")
    write_defects(folder, "R01_S00", [])

    good, bad, unused = read_curated(tmp_path, LSSTCAM)

    assert (bad, unused) == ([], [])
    ranges = [(one.detector, one.label, one.begin_tai, one.end_tai) for one in good]
    assert ranges == [
        (0, "19700101T000000", "1970-01-01T00:00:00", None),
        (94, "19700101T000000", "1970-01-01T00:00:00", "2025-08-01T12:00:00"),
        (94, "20250801T120000", "2025-08-01T12:00:00", None),
    ]
    mask = mask_defects(DefectBoxes.from_table(good[1].table), (4004, 4096))
    assert mask.sum() == 4 * 2002
    assert mask[0, 3]
    assert not mask[0, 4]
    # No defects are known: an empty table says so.
    assert len(good[0].table) == 0


@pytest.mark.parametrize("detector", ["R22_S11", "R44_SW0"])
def test_a_matrix_keeps_source_and_target_apart(tmp_path, detector):
    model = LSSTCAM.detector(detector)
    names = tuple(model.amplifiers)
    coeffs = matrix_of(len(names))
    squared = coeffs * 1e-6
    write_crosstalk(tmp_path / "crosstalk", detector, coeffs, squared=squared)

    ((one,), _, _) = read_curated(tmp_path, LSSTCAM)
    matrix = CrosstalkMatrix.from_table(one.table)

    assert matrix.amplifiers == names
    np.testing.assert_allclose(matrix.coeffs, coeffs)
    np.testing.assert_allclose(matrix.squared, squared)
    np.testing.assert_allclose(matrix.errors, 0.01 * coeffs)
    assert (matrix.counts == 50).all()
    # A star in the first amplifier leaves its ghosts by the first row, no column.
    star_e = 50_000.0
    segments = {name: np.zeros((3, 3), np.float32) for name in names}
    segments[names[0]][1, 1] = star_e
    corrected = subtract_crosstalk(segments, matrix)
    ghost = -corrected[names[3]][1, 1]
    expected = coeffs[0, 3] * star_e + squared[0, 3] * star_e**2
    assert ghost == pytest.approx(expected, rel=1e-5)
    wrong = coeffs[3, 0] * star_e + squared[3, 0] * star_e**2
    assert abs(expected - wrong) > 0.1 * expected


def test_coefficients_between_adu_are_turned_into_those_between_electrons(tmp_path):
    detector = LSSTCAM.detector("R22_S11")
    gains = np.linspace(1.2, 1.6, 16)
    coeffs = matrix_of(16)
    squared = coeffs * 1e-6
    folder = tmp_path / "crosstalk"
    write_crosstalk(
        folder, "R22_S11", coeffs, squared=squared, units="adu", gains=gains
    )
    ((one,), _, _) = read_curated(tmp_path, LSSTCAM)
    matrix = CrosstalkMatrix.from_table(one.table)

    # The same ghost: adu of the target by adu of the source, each times its gain.
    source_adu = 30_000.0
    ghost_adu = coeffs[2, 9] * source_adu + squared[2, 9] * source_adu**2
    source_e = source_adu * gains[2]
    ghost_e = matrix.coeffs[2, 9] * source_e + matrix.squared[2, 9] * source_e**2
    assert ghost_e == pytest.approx(ghost_adu * gains[9])

    # Without gains of the fit those of the camera count, which are equal here.
    write_crosstalk(folder, "R22_S11", coeffs, squared=squared, units="adu")
    ((one,), _, _) = read_curated(tmp_path, LSSTCAM)
    matrix = CrosstalkMatrix.from_table(one.table)
    gain = detector.amplifiers["C10"].gain
    np.testing.assert_allclose(matrix.coeffs, coeffs)
    np.testing.assert_allclose(matrix.squared, squared / gain)


def test_coefficients_that_are_not_valid_are_not_used(tmp_path):
    valid = np.ones((16, 16), bool)
    valid[0, 1] = False
    folder = tmp_path / "crosstalk"
    write_crosstalk(folder, "R22_S11", matrix_of(16), valid=valid)
    ((one,), _, _) = read_curated(tmp_path, LSSTCAM)

    matrix = CrosstalkMatrix.from_table(one.table)
    assert not matrix.valid[0, 1]
    assert matrix.valid[1, 0]


def test_bad_files_are_named_and_the_others_are_read(tmp_path):
    boxes = tmp_path / "manual_defects"
    matrices = tmp_path / "crosstalk"
    write_defects(boxes, "R22_S11", [(0, 0, 4, 4)])
    bad = {
        write_defects(boxes, "R22_S33", [(0, 0, 4, 4)]): "no detector r22_s33",
        write_defects(boxes, "R22_S10", [(5000, 0, 4, 4)]): "is not on R22_S10",
        write_defects(boxes, "R22_S12", [(5, 0, 0, 4)]): "is not on R22_S12",
        write_defects(boxes, "R22_S20", [(0, 0, 1, 1)], DETECTOR=3): "is of detector 3",
        write_defects(boxes, "R22_S21", [], begin="always"): "is not named after",
        write_crosstalk(matrices, "R44_SW0", matrix_of(16)): "has 256 values",
        write_crosstalk(matrices, "R22_S22", matrix_of(16)): "has no column CT_COEFFS",
    }
    broken = write_defects(boxes, "R22_S22", [(0, 0, 4, 4)], begin="20200101T000000")
    broken.write_text(broken.read_text()[:200])
    bad[broken] = "cannot be read"
    # A file that is bad ends the validity of the one before it all the same.
    write_defects(boxes, "R22_S22", [(0, 0, 4, 4)])
    columnless = matrices / "r22_s22" / "19700101T000000.ecsv"
    columnless.write_text(columnless.read_text().replace("CT_COEFFS ", "OTHERS ", 1))
    columnless.write_text(
        columnless.read_text().replace("name: CT_COEFFS,", "name: OTHERS,", 1)
    )

    good, found, _ = read_curated(tmp_path, LSSTCAM)

    assert {one.path: one.reason for one in found}.keys() == {str(p) for p in bad}
    for one in found:
        expected = next(text for path, text in bad.items() if str(path) == one.path)
        assert expected in one.reason
    assert [(one.detector, one.end_tai) for one in good] == [
        (94, None),
        (98, "2020-01-01T00:00:00"),
    ]


def test_a_folder_may_be_that_of_one_type_and_others_are_said(tmp_path):
    write_defects(tmp_path / "defects", "R22_S11", [(0, 0, 4, 4)])
    (tmp_path / "transmission_filter").mkdir()

    assert read_curated(tmp_path, LSSTCAM)[2] == ["transmission_filter"]
    ((one,), _, _) = read_curated(tmp_path / "defects", LSSTCAM)
    assert one.dataset_type == "defects"

    with pytest.raises(InputError, match="it holds no folder"):
        read_curated(tmp_path / "transmission_filter", LSSTCAM)
    with pytest.raises(InputError, match="There is no folder"):
        read_curated(tmp_path / "nowhere", LSSTCAM)


def test_a_camera_is_a_row_for_each_amplifier():
    table = camera_table(LSSTCAM)

    assert len(table) == 3216
    row = table[(table["DETECTOR"] == 94) & (table["AMPLIFIER_NAME"] == "C07")][0]
    assert row["DETECTOR_NAME"] == "R22_S11"
    assert row["GAIN"] == LSSTCAM.detector(94).amplifiers["C07"].gain
    assert str(table["GAIN"].unit) == "electron / adu"
    assert (
        table.meta["SOURCE_SHA256"]
        != camera_table(camera("LATISS")).meta["SOURCE_SHA256"]
    )
