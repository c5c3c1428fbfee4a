"""Curated calibrations and companions in a repository."""

import shutil

import pytest
from astropy.time import Time
from lsst.daf.butler import Butler, CollectionType, DatasetType, Timespan

from calibrations.butler.ingest import ingest_raws
from calibrations.butler.operations.companions import ingest_companions
from calibrations.butler.operations.curated import ingest_curated
from calibrations.butler.operations.session import Session
from calibrations.butler.operations.tables import KEEP_META
from calibrations.butler.records import ButlerSettings
from calibrations.butler.repositories import make_repository
from calibrations.imaging.crosstalk import CrosstalkMatrix
from calibrations.imaging.photodiode import PhotodiodeReadings, integrate_charge
from taxicab.errors import ConflictError, InputError
from tests.support.companions import (
    write_ecsv,
    write_electrometer,
    write_shutter,
    write_two_columns,
)
from tests.support.curated import matrix_of, write_crosstalk, write_defects
from tests.support.raws import positions, small, write_raw

TICKET = "DM-12345"
CURATED = f"LSSTCam/calib/{TICKET}/curated"


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return make_repository(tmp_path_factory.mktemp("empty") / "repository", "LSSTCam")


@pytest.fixture
def root(empty, tmp_path):
    return shutil.copytree(empty, tmp_path / "repository")


@pytest.fixture
def session(root):
    settings = ButlerSettings(root=str(root), instrument="LSSTCam")
    return Session(settings, lambda event, **values: None)


@pytest.fixture
def folder(tmp_path):
    """Crosstalk of two detectors, and defects of one that grew."""
    folder = tmp_path / "lsstCam"
    for detector in ("R22_S11", "R44_SW0"):
        n = len(small(detector).amplifiers)
        write_crosstalk(folder / "crosstalk", detector, matrix_of(n))
    boxes = folder / "manual_defects"
    write_defects(boxes, "R22_S11", [(0, 0, 4, 2002)])
    write_defects(boxes, "R22_S11", [(0, 0, 9, 2002)], begin="20250801T000000")
    return folder


def find(butler, dataset_type, day, detector=94, collections=f"LSSTCam/calib/{TICKET}"):
    ref = butler.find_dataset(
        dataset_type,
        instrument="LSSTCam",
        detector=detector,
        collections=collections,
        timespan=Timespan.fromInstant(Time(f"{day}T00:00:00", scale="tai")),
    )
    return None if ref is None else butler.get(ref)


def test_calibrations_are_certified_in_the_tickets_collection(session, root, folder):
    outcome = ingest_curated(session, TICKET, str(folder))

    assert (outcome["ingested"], outcome["present"]) == (4, 0)
    assert (outcome["certified"], outcome["bad_files"]) == (4, {})
    assert outcome["datasets"] == {"crosstalk": 2, "manual_defects": 2}
    with Butler.from_config(str(root)) as butler:
        kinds = {
            name: butler.collections.get_info(name).type
            for name in butler.collections.query("LSSTCam/calib/*")
        }
        assert kinds == {
            f"LSSTCam/calib/{TICKET}": CollectionType.CHAINED,
            CURATED: CollectionType.CALIBRATION,
            f"{CURATED}/19700101T000000": CollectionType.RUN,
            f"{CURATED}/20250801T000000": CollectionType.RUN,
        }
        # Nothing is in force by default before the board has adopted it.
        assert butler.collections.get_info("LSSTCam/calib").children == ()
        before = find(butler, "manual_defects", "2025-07-31")
        after = find(butler, "manual_defects", "2025-08-02")
        assert (before["width"][0], after["width"][0]) == (4, 9)
        half = CrosstalkMatrix.from_table(find(butler, "crosstalk", "2026-01-01", 203))
        assert half.amplifiers == tuple(f"C1{i}" for i in range(8))
        assert find(butler, "crosstalk", "2026-01-01", 0) is None


def test_doing_it_again_changes_nothing(session, root, folder):
    ingest_curated(session, TICKET, str(folder))
    outcome = ingest_curated(session, TICKET, str(folder))

    assert (outcome["ingested"], outcome["present"]) == (0, 4)
    assert (outcome["certified"], outcome["bad_files"]) == (0, {})


def test_a_file_that_comes_later_ends_the_one_before_it(session, root, folder):
    ingest_curated(session, TICKET, str(folder))
    boxes = folder / "manual_defects"
    write_defects(boxes, "R22_S11", [(0, 0, 20, 2002)], begin="20260301T000000")

    outcome = ingest_curated(session, TICKET, str(folder))

    # The new one, and the one whose end was open.
    assert (outcome["ingested"], outcome["certified"]) == (1, 2)
    with Butler.from_config(str(root)) as butler:
        widths = [
            find(butler, "manual_defects", day)["width"][0]
            for day in ("2025-07-31", "2026-02-28", "2026-03-02")
        ]
    assert widths == [4, 9, 20]


def test_another_content_under_the_same_name_is_refused(session, root, folder):
    ingest_curated(session, TICKET, str(folder))
    path = write_defects(folder / "manual_defects", "R22_S11", [(7, 7, 1, 1)])

    outcome = ingest_curated(session, TICKET, str(folder))

    assert list(outcome["bad_files"]) == [str(path)]
    assert "holds another content" in outcome["bad_files"][str(path)]
    with Butler.from_config(str(root)) as butler:
        assert find(butler, "manual_defects", "2025-07-31")["width"][0] == 4
    # In another ticket it is another calibration.
    assert ingest_curated(session, "DM-12346", str(folder))["ingested"] == 4


def test_what_a_ticket_built_itself_stays_before_what_is_curated(session, root, folder):
    with Butler.from_config(str(root), writeable=True) as butler:
        chain, built = (
            f"LSSTCam/calib/{TICKET}",
            f"LSSTCam/calib/{TICKET}/tag/defects.x",
        )
        butler.collections.register(chain, CollectionType.CHAINED)
        butler.collections.register(built, CollectionType.CALIBRATION)
        butler.collections.redefine_chain(chain, [built])

    ingest_curated(session, TICKET, str(folder))

    with Butler.from_config(str(root)) as butler:
        assert butler.collections.get_info(chain).children == (built, CURATED)


def test_a_failure_leaves_no_half_of_a_folder(session, root, folder, monkeypatch):
    from lsst.daf.butler import Butler as AnyButler

    from calibrations.butler.operations import curated

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(curated, "_certify", fail)
    with pytest.raises(OSError, match="disk full"):
        ingest_curated(session, TICKET, str(folder))

    with AnyButler.from_config(str(root)) as butler:
        run = f"{CURATED}/19700101T000000"
        assert not butler.query_all_datasets(run, find_first=False)
    assert not list((root / "LSSTCam").rglob("*.parq"))
    monkeypatch.undo()
    assert ingest_curated(session, TICKET, str(folder))["ingested"] == 4


def test_a_repository_of_the_observatory_keeps_them_otherwise(session, root, folder):
    with Butler.from_config(str(root), writeable=True) as butler:
        theirs = DatasetType(
            "crosstalk",
            ("instrument", "detector"),
            "StructuredDataDict",
            universe=butler.dimensions,
            isCalibration=True,
        )
        butler.registry.registerDatasetType(theirs)

    with pytest.raises(ConflictError, match="keeps crosstalk as StructuredDataDict"):
        ingest_curated(session, TICKET, str(folder))


def test_nothing_to_ingest_is_a_mistake(session):
    with pytest.raises(InputError, match="Name a folder"):
        ingest_curated(session, TICKET)


@pytest.fixture
def night(root, tmp_path):
    """Three exposures of one detector; the groups are their own."""
    detector = small("R22_S11")
    files = [
        write_raw(tmp_path / f"{n}.fits", detector, positions(detector), SEQNUM=n)
        for n in (7, 8, 9)
    ]
    ingest_raws(root, files)
    return tmp_path


def test_companions_find_their_exposures_in_three_ways(session, root, night):
    folder = night / "companions"
    folder.mkdir()
    # Raws beside them are none of them.
    detector = small("R22_S12")
    write_raw(folder / "raw.fits", detector, positions(detector))
    write_two_columns(folder, 20261109, 7)
    write_electrometer(folder, "2026-11-10T02:00:00.000#8")
    write_ecsv(folder, "MC_O_20261109_000009")
    write_shutter(folder, "MC_O_20261109_000007")
    write_shutter(folder, "MC_O_20261109_000007", is_open=False)

    outcome = ingest_companions(session, [str(folder)])

    assert outcome["bad_files"] == {}
    assert outcome["ingested"] == 5
    assert outcome["datasets"] == {
        "photodiode": 3,
        "shutterMotionProfileOpen": 1,
        "shutterMotionProfileClose": 1,
    }
    with Butler.from_config(str(root)) as butler:
        charges = [
            integrate_charge(
                PhotodiodeReadings.from_table(
                    butler.get(
                        "photodiode",
                        instrument="LSSTCam",
                        exposure=2026110900000 + seq_num,
                        collections="LSSTCam/calib/photodiode",
                    )
                )
            )
            for seq_num in (7, 8, 9)
        ]
        # The same light in three forms of file: 1 nA over 1.9 s and two flanks.
        assert charges == pytest.approx([charges[0]] * 3)
        assert charges[0] == pytest.approx(2.0e-9, rel=0.1)
        profile = butler.get(
            "shutterMotionProfileClose",
            instrument="LSSTCam",
            exposure=2026110900007,
            collections="LSSTCam/calib/shutterMotion",
            parameters=KEEP_META,
        )
        assert profile.meta["side"] == "PLUSX"
        assert not butler.get_dataset_type("photodiode").isCalibration()

    again = ingest_companions(session, [str(folder)])
    assert (again["ingested"], again["present"], again["bad_files"]) == (0, 5, {})


def test_companions_of_no_exposure_are_named(session, root, night):
    folder = night / "companions"
    folder.mkdir()
    good = write_two_columns(folder, 20261109, 7)
    lost = write_two_columns(folder, 20261109, 99)
    broken = folder / "Photodiode_Readings_20261109_000008.txt"
    broken.write_text("0 nothing")
    second = folder / "again"
    second.mkdir()
    copy = write_ecsv(second, "MC_O_20261109_000007")
    gone = night / "gone.txt"

    outcome = ingest_companions(session, [str(folder), str(gone)])

    assert outcome["ingested"] == 1
    reasons = outcome["bad_files"]
    assert set(reasons) == {str(lost), str(broken), str(gone), str(good)} or set(
        reasons
    ) == {str(lost), str(broken), str(gone), str(copy)}
    assert "no exposure is that. Ingest the raws first." in reasons[str(lost)]
    assert "cannot be read" in reasons[str(broken)]


def test_a_sequence_number_of_two_controllers_is_told(session, root, night):
    detector = small("R22_S11")
    other = write_raw(
        night / "ccs.fits",
        detector,
        positions(detector),
        CONTRLLR="H",
        OBSID="MC_H_20261109_000007",
    )
    ingest_raws(root, [other])
    path = write_two_columns(night, 20261109, 7)

    outcome = ingest_companions(session, [str(path)])

    reason = outcome["bad_files"][str(path)]
    assert "MC_O_20261109_000007" in reason
    assert "MC_H_20261109_000007" in reason
