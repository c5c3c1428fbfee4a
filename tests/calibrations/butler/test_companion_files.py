import json

import numpy as np
import pytest

from calibrations.butler.companion_files import CompanionFileError, read_companion
from calibrations.imaging.photodiode import PhotodiodeReadings
from tests.support.companions import (
    CURRENTS,
    TIMES,
    write_ecsv,
    write_electrometer,
    write_shutter,
    write_two_columns,
)

OBS_ID = "MC_O_20261109_000007"
GROUP = "2026-11-10T02:00:00.000#7"


def test_readings_in_two_columns_belong_to_day_and_sequence_number(tmp_path):
    found = read_companion(write_two_columns(tmp_path))

    assert found.dataset_type == "photodiode"
    assert (found.day_obs, found.seq_num) == (20261109, 7)
    assert found.instrument is None
    readings = PhotodiodeReadings.from_table(found.table)
    np.testing.assert_allclose(readings.time_s, TIMES)
    np.testing.assert_allclose(readings.current_a, CURRENTS)


def test_an_electrometers_readings_belong_to_a_group(tmp_path):
    found = read_companion(write_electrometer(tmp_path, GROUP))

    assert (found.group, found.instrument) == (GROUP, "LSSTCam")
    # RNUM is in seconds; "Elapsed Time" beside it counts samples.
    np.testing.assert_allclose(np.asarray(found.table["TIME"]), TIMES)
    np.testing.assert_allclose(np.asarray(found.table["CURRENT"]), CURRENTS)


def test_a_table_names_its_observation(tmp_path):
    found = read_companion(write_ecsv(tmp_path, OBS_ID))

    assert (found.obs_id, found.instrument) == (OBS_ID, "LSSTCam")
    np.testing.assert_allclose(np.asarray(found.table["CURRENT"]), CURRENTS)


@pytest.mark.parametrize("version", [1.0, 2.0])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_shutters_profile_is_read_in_both_versions(tmp_path, version, is_open):
    path = write_shutter(tmp_path, OBS_ID, is_open=is_open, version=version)
    found = read_companion(path)

    kind = "Open" if is_open else "Close"
    assert found.dataset_type == f"shutterMotionProfile{kind}"
    assert (found.obs_id, found.instrument) == (OBS_ID, "LSSTCam")
    encoder = found.table[found.table["SENSOR"] == "encoder"]
    hall = found.table[found.table["SENSOR"] == "hall"]
    assert (len(encoder), len(hall)) == (10, 9)
    # Modified Julian dates of today are known to a microsecond.
    np.testing.assert_allclose(encoder["TIME"], np.linspace(0, 0.9, 10), atol=2e-6)
    np.testing.assert_allclose(encoder["POSITION"], np.linspace(0, 750, 10))
    assert list(hall["SENSOR_ID"]) == list(range(9))
    assert found.table.meta["side"] == "PLUSX"
    assert found.table.meta["isOpen"] is is_open
    assert len(found.table.meta["SOURCE_SHA256"]) == 64


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("notes.txt", "clouds", "is no companion of an exposure"),
        ("Photodiode_Readings_20261109_000007.txt", "0 1 2\n1 2 3\n", "has 3 columns"),
        ("Photodiode_Readings_20261109_000007.txt", "0 a\n", "cannot be read"),
        ("Photodiode_Readings_20261109_000007.txt", "0 1\n0 2\n", "do not ascend"),
        ("Photodiode_Readings_20261109_000007.txt", "0 1\n", "at least two"),
        ("a_shutterMotionProfileOpen.json", "{", "cannot be read"),
        ("a_shutterMotionProfileOpen.json", '{"fileType": "x"}', "is no shutterMotion"),
        (
            "a_shutterMotionProfileOpen.json",
            '{"fileType": "shutterMotionProfile"}',
            "'motionProfile' is missing",
        ),
        ("EM.fits", "not FITS", "cannot be read"),
        ("a_photodiode.ecsv", "not ECSV", "cannot be read"),
    ],
)
def test_what_is_no_companion_is_named(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)

    with pytest.raises(CompanionFileError, match=message) as caught:
        read_companion(path)
    assert name in str(caught.value)


@pytest.mark.parametrize("group", ["", "2026-11-10T02:00:00.000", "#1", "a#"])
def test_a_group_must_be_of_one_exposure(tmp_path, group):
    with pytest.raises(CompanionFileError, match="GROUPID is"):
        read_companion(write_electrometer(tmp_path, group))


def test_a_profile_without_samples_is_refused(tmp_path):
    path = write_shutter(tmp_path, OBS_ID)
    content = json.loads(path.read_text())
    content["motionProfile"] |= {"encodeSamples": [], "hallTransitions": []}
    path.write_text(json.dumps(content))

    with pytest.raises(CompanionFileError, match="no sample"):
        read_companion(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CompanionFileError, match=r"gone\.txt"):
        read_companion(tmp_path / "gone.txt")
