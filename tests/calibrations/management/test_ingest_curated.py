"""The commands for what accompanies raws, as they are typed."""

import io

import pytest
from django.core.management import CommandError, call_command

from calibrations.butler.ingest import ingest_raws
from calibrations.butler.repositories import make_repository
from tests.support.companions import write_shutter, write_two_columns
from tests.support.curated import matrix_of, write_crosstalk, write_defects
from tests.support.raws import positions, small, write_raw

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    root = make_repository(folder / "repository", "LSSTCam")
    detector = small("R22_S11")
    ingest_raws(root, [write_raw(folder / "7.fits", detector, positions(detector))])
    return root


def run(name, *arguments):
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(name, *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue(), err.getvalue() + str(error), error.returncode
    return out.getvalue(), err.getvalue(), 0


def test_curated_calibrations_are_counted_and_what_is_bad_is_named(root, tmp_path):
    folder = tmp_path / "lsstCam"
    write_crosstalk(folder / "crosstalk", "R22_S11", matrix_of(16))
    bad = write_defects(folder / "manual_defects", "R99_S00", [(0, 0, 1, 1)])
    (folder / "transmission_filter").mkdir()
    options = ("--instrument", "LSSTCam")

    out, err, code = run("ingest_curated", root, "DM-1", folder, *options)

    assert code == 1
    assert "crosstalk: 1" in out
    assert "transmission_filter is nothing that is used" in out
    assert "1 ranges certified in LSSTCam/calib/DM-1/curated." in out
    assert str(bad) in err

    bad.unlink()
    out, _, code = run("ingest_curated", root, "DM-1", folder, *options)
    assert code == 0
    assert "0 taken in, 1 were there already, 0 ranges certified" in out


def test_a_camera_must_be_named_where_a_root_is(root, tmp_path):
    _, err, code = run("ingest_curated", root, "DM-1", tmp_path)
    assert (code, "--instrument" in err) == (2, True)

    options = ("--instrument", "LSSTCam")
    _, err, code = run("ingest_curated", root, "DM-1", tmp_path, *options)
    assert (code, "holds none of crosstalk" in err) == (2, True)
    _, err, code = run("ingest_curated", root, "ticket", tmp_path, *options)
    assert code == 2


def test_companions_are_counted_and_what_matches_nothing_is_named(root, tmp_path):
    write_two_columns(tmp_path, 20261109, 7)
    write_shutter(tmp_path, "MC_O_20261109_000007")
    lost = write_shutter(tmp_path, "MC_O_20261109_000099")

    out, err, code = run("ingest_companions", root, tmp_path)
    assert code == 1
    assert "photodiode: 1" in out
    assert "2 taken in, 0 were there already, 1 left out." in out
    assert str(lost) in err

    lost.unlink()
    out, _, code = run("ingest_companions", root, tmp_path)
    assert (code, "0 taken in, 2 were there already" in out) == (0, True)
