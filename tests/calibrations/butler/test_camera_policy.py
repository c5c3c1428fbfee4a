"""A camera from YAML in the observatory's layout, which these tests write."""

import pytest
import yaml

from calibrations.butler import camera_policy
from calibrations.butler.camera_policy import (
    load_camera,
    policy_digest,
    site_camera,
)
from calibrations.butler.client import POLICY_VARIABLE, ButlerGateway, ButlerSettings
from calibrations.domain.cameras import Purpose, camera
from calibrations.domain.cameras.policy import CameraPolicyError

SEGMENT = {
    "rawBBox": [[0, 0], [576, 2048]],
    "rawDataBBox": [[3, 0], [509, 2000]],
    "saturation": 142857,
}


def amplifiers(rows):
    """Amplifiers of a chip by name; the raw file's order is the mapping's."""
    found = {}
    for row in rows:
        for column in range(8) if row else reversed(range(8)):
            flip = [True, bool(row)]
            place = [column, row if len(rows) == 2 else 0]
            found[f"C{row}{column}"] = {**SEGMENT, "flipXY": flip, "ixy": place}
    return found


def chip(rows, ny):
    return {
        "bbox": [[0, 0], [4071, ny - 1]],
        "pixelSize": [0.010, 0.010],
        "amplifiers": amplifiers(rows),
    }


HEADER = {
    "name": "LSSTCam",
    "CCD_ITL": chip([1, 0], 4000),
    "CCD_ITL_G": chip([1, 0], 4000),
    "RAFT_ITL": {"ccds": {"S00": {"id": 0, "offset": [-42.25, -42.25]}}},
    "RAFT_ITL_G": {"ccds": {"SG0": {"id": 0, "offset": [-42.25, 0.0]}}},
}
RAFTS = {
    "rafts": {
        "R01": {"offset": [-127.0, -254.0], "id0": 0},
        "R04": {"offset": [254.0, -254.0], "id0": 193, "yaw": 270.0},
        "R99": {"offset": [0.0, 0.0], "id0": 500},
    }
}


def numbers(gain, **more):
    return {
        name: {"gain": gain, "readNoise": 6.5, **more} for name in amplifiers([1, 0])
    }


SCIENCE = {
    "detectorType": "ITL",
    "ccdSerials": {"S00": "ITL-3800C-900"},
    "amplifiers": {"S00": numbers(1.7, saturation=120001)},
}
GUIDER = {
    "detectorType": "ITL_G",
    "ccdSerials": {"SG0": "ITL-3800C-901"},
    "geometryWithinRaft": {"SG0": {"offset": [0.49, 4.74], "yaw": 270.0}},
    "sensorTypes": {"SG0": 2},
    "amplifiers": {"SG0": numbers(1.4)},
}


@pytest.fixture
def policy(tmp_path):
    """A policy folder with LSSTCam's in it."""
    for name, content in (
        ("cameraHeader", HEADER),
        ("rafts", RAFTS),
        ("lsstCam/R01", {"R01": SCIENCE}),
        ("lsstCam/R04", {"R04": GUIDER}),
    ):
        path = tmp_path / "policy" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False))
    return tmp_path / "policy"


def test_gains_serials_and_places_are_the_files_own(policy):
    found = load_camera(policy / "lsstCam")
    ours = camera("LSSTCam")

    assert (found.name, found.code) == ("LSSTCam", "MC")
    # A raft without a file is not in the camera.
    assert [d.name for d in found.detectors] == ["R01_S00", "R04_SG0"]
    science, guider = found.detectors
    assert science.serial == "ITL-3800C-900"
    assert science.amplifiers["C07"].gain == 1.7
    assert science.amplifiers["C07"].saturation_adu == 120001
    assert guider.amplifiers["C07"].saturation_adu == 142857
    # Where they lie is what our own model says.
    for detector in found.detectors:
        own = ours.detector(detector.name)
        assert detector.id == own.id
        assert detector.box == pytest.approx(own.box)
        assert detector.yaw_deg == own.yaw_deg
        assert detector.layout == own.layout
        assert detector.shape == own.shape
        for name, amplifier in detector.amplifiers.items():
            assert amplifier.fraction == own.amplifiers[name].fraction
            assert amplifier.flip_y == own.amplifiers[name].flip_y
    assert guider.purpose is Purpose.GUIDER


def test_the_policy_folder_itself_will_do_with_the_instruments_name(policy):
    assert load_camera(policy, "LSSTCam") == load_camera(policy / "lsstCam")


def test_a_camera_may_have_a_name_file_of_its_own(policy):
    (policy / "lsstCam" / "name.yaml").write_text("name: LSSTCamSim\n")

    assert load_camera(policy / "lsstCam").name == "LSSTCamSim"


def test_latiss_saturates_where_its_configuration_says(policy):
    found = load_camera(policy / "lsstCam", "LATISS")
    science, guider = found.detectors

    # An amplifier's own number comes first.
    assert science.amplifiers["C10"].saturation_adu == 120001
    assert guider.amplifiers["C10"].saturation_adu == 120000
    assert camera("LATISS").detector(0).amplifiers["C10"].saturation_adu == 120000


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("cameraHeader.yaml", None, "There is no cameraHeader.yaml"),
        ("rafts.yaml", "rafts: [", "rafts.yaml cannot be read"),
        ("rafts.yaml", "- 1", "rafts.yaml holds no mapping"),
        ("rafts.yaml", "rafts: {R99: {offset: [0, 0], id0: 0}}", "No raft of LSSTCam"),
        ("lsstCam/R01.yaml", "R02: {}", "R01.yaml does not name R01"),
        ("lsstCam/R01.yaml", "R01: {ccdSerials: {}}", "Raft R01: detectorType is miss"),
        ("lsstCam/R01.yaml", "R01: 7", "Raft R01:"),
    ],
)
def test_what_is_missing_is_said_with_its_file(policy, path, text, message):
    if text is None:
        (policy / path).unlink()
    else:
        (policy / path).write_text(text)

    with pytest.raises(CameraPolicyError, match=message):
        load_camera(policy / "lsstCam")


def test_an_amplifier_without_numbers_and_an_id_given_twice_are_refused(policy):
    path = policy / "lsstCam" / "R01.yaml"
    less = {**SCIENCE, "amplifiers": {"S00": {"C10": {"gain": 1.0, "readNoise": 5.0}}}}
    path.write_text(yaml.safe_dump({"R01": less}))
    with pytest.raises(CameraPolicyError, match="C11 is missing"):
        load_camera(policy / "lsstCam")

    path.write_text(yaml.safe_dump({"R01": SCIENCE}))
    rafts = yaml.safe_load((policy / "rafts.yaml").read_text())
    rafts["rafts"]["R04"]["id0"] = 0
    (policy / "rafts.yaml").write_text(yaml.safe_dump(rafts))
    with pytest.raises(CameraPolicyError, match="Two detectors have id 0"):
        load_camera(policy / "lsstCam")


@pytest.fixture
def environment(monkeypatch):
    site_camera.cache_clear()
    yield lambda value: monkeypatch.setenv(camera_policy.POLICY_VARIABLE, str(value))
    site_camera.cache_clear()


def test_a_sites_environment_names_its_cameras(policy, environment):
    environment(policy)

    assert site_camera("LSSTCam").detector(0).serial == "ITL-3800C-900"
    # What the folder does not hold is ours.
    assert site_camera("LATISS") is camera("LATISS")


def test_one_cameras_folder_is_for_that_camera(policy, environment):
    environment(policy / "lsstCam")

    assert site_camera("LSSTCam").detector(0).serial == "ITL-3800C-900"
    assert site_camera("LSSTComCam") is camera("LSSTComCam")


def test_without_a_folder_cameras_are_ours_and_a_wrong_one_is_refused(
    environment, tmp_path
):
    environment("")
    assert site_camera("LSSTCam") is camera("LSSTCam")

    site_camera.cache_clear()
    environment(tmp_path / "nowhere")
    with pytest.raises(CameraPolicyError, match="which is no folder"):
        site_camera("LSSTCam")


def test_a_runs_identity_knows_a_sites_own_numbers(policy, environment):
    assert policy_digest("LSSTCam") == ""
    assert policy_digest("HSC") == ""

    environment(policy)
    site_camera.cache_clear()
    first = policy_digest("LSSTCam")
    assert first
    assert policy_digest("LATISS") == ""
    # Another gain is another camera.
    path = policy / "lsstCam" / "R01.yaml"
    path.write_text(path.read_text().replace("1.7", "1.8"))
    site_camera.cache_clear()
    assert policy_digest("LSSTCam") not in ("", first)


def test_a_repositorys_settings_reach_its_process():
    settings = ButlerSettings(
        root="/repo",
        instrument="LSSTCam",
        camera_policy="/obs_lsst/policy",
        environment={"OTHER": "1"},
    )

    assert ButlerGateway(settings)._environment() == {
        "OTHER": "1",
        POLICY_VARIABLE: "/obs_lsst/policy",
    }
    assert camera_policy.POLICY_VARIABLE == POLICY_VARIABLE
    plain = ButlerSettings(root="/repo", instrument="LSSTCam")
    assert ButlerGateway(plain)._environment() == {}
