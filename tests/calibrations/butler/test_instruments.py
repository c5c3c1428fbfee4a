import stat
from collections import Counter

import pytest
from lsst.daf.butler import Butler, CollectionType
from lsst.pipe.base import Instrument

from calibrations.butler.formatters import CcdRawFormatter
from calibrations.butler.instruments import LsstComCam, instrument
from calibrations.butler.repositories import make_repository
from calibrations.domain.cameras import camera
from taxicab.errors import NotFoundError


def names(butler, element, instrument_name):
    records = butler.query_dimension_records(element, instrument=instrument_name)
    key = "full_name" if element == "detector" else "name"
    return [getattr(record, key) for record in records]


@pytest.mark.parametrize("name", ["LSSTComCam", "LATISS", "LSSTCam"])
def test_a_new_repository_knows_its_instrument(tmp_path, name):
    root = make_repository(tmp_path / "repository", name)

    with Butler.from_config(str(root)) as butler:
        detectors = names(butler, "detector", name)
        assert detectors == [d.name for d in camera(name).detectors]
        assert "unknown" in names(butler, "physical_filter", name)
        calib = butler.collections.get_info(f"{name}/calib")
        assert (calib.type, calib.children) == (CollectionType.CHAINED, ())
        raws = butler.collections.get_info(f"{name}/raw/all")
        assert raws.type is CollectionType.RUN
        # The middleware finds the class by the name the registry holds.
        found = Instrument.fromName(name, butler.registry)
        assert found.getRawFormatter({}) is CcdRawFormatter


def test_detectors_are_registered_with_their_purpose(tmp_path):
    root = make_repository(tmp_path / "repository", "LSSTCam")

    with Butler.from_config(str(root)) as butler:
        records = butler.query_dimension_records("detector", instrument="LSSTCam")
        purposes = Counter(record.purpose for record in records)
        assert purposes == {"SCIENCE": 189, "GUIDER": 8, "WAVEFRONT": 8}
        (corner,) = [r for r in records if r.full_name == "R44_SW1"]
        assert (corner.id, corner.raft, corner.name_in_raft) == (204, "R44", "SW1")


def test_making_a_repository_again_changes_nothing(tmp_path):
    root = make_repository(tmp_path / "repository")
    configuration = (root / "butler.yaml").read_text()
    with Butler.from_config(str(root), writeable=True) as butler:
        butler.collections.register("LSSTComCam/calib/DM-1", CollectionType.CHAINED)
        butler.collections.redefine_chain("LSSTComCam/calib", "LSSTComCam/calib/DM-1")

    make_repository(root)

    assert (root / "butler.yaml").read_text() == configuration
    with Butler.from_config(str(root)) as butler:
        chain = butler.collections.get_info("LSSTComCam/calib")
        assert chain.children == ("LSSTComCam/calib/DM-1",)


def test_a_repository_may_hold_two_instruments(tmp_path):
    root = make_repository(tmp_path / "repository", "LSSTComCam")
    make_repository(root, "LATISS")

    with Butler.from_config(str(root)) as butler:
        assert len(names(butler, "detector", "LSSTComCam")) == 9
        assert len(names(butler, "detector", "LATISS")) == 1


def test_everyone_may_read_a_repository(tmp_path):
    root = make_repository(tmp_path / "repository")

    assert stat.S_IMODE(root.stat().st_mode) == 0o755
    for path in root.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_filters_have_the_camera_teams_bands():
    bands = LsstComCam.physical_filters

    assert bands["r_03"] == "r"
    assert bands["y_04"] == "y"


def test_an_unknown_instrument_is_refused_with_those_there_are():
    with pytest.raises(NotFoundError, match="LSSTComCam, LATISS"):
        instrument("HSC")
