"""The command, as it is typed: a repository and files of LSSTCam's layouts."""

import io
import shutil

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from lsst.daf.butler import Butler

from calibrations.butler.repositories import make_repository
from calibrations.services.ingestion import find_gateway
from taxicab.core.models import Facility, Instrument, Repository
from taxicab.errors import ConflictError, NotFoundError
from tests.support.raws import positions, small, write_raw

DETECTORS = ("R22_S11", "R01_S20", "R44_SG1", "R00_SW0")


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Two exposures of an E2V chip, an ITL chip, a guider and a wavefront half."""
    folder = tmp_path_factory.mktemp("night")
    for seq_num in (1, 2):
        for name in DETECTORS:
            detector = small(name)
            write_raw(
                folder / f"MC_O_20261109_{seq_num:06d}_{name}.fits",
                detector,
                positions(detector),
                SEQNUM=seq_num,
                compress=seq_num == 2,
            )
    return folder


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return make_repository(tmp_path_factory.mktemp("empty") / "repository", "LSSTCam")


@pytest.fixture
def root(empty, tmp_path):
    return shutil.copytree(empty, tmp_path / "repository")


def ingest(*arguments, **options):
    """Run the command; return its output, its complaints and its exit code."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("ingest_raws", *map(str, arguments), stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue(), err.getvalue() + str(error), error.returncode
    return out.getvalue(), err.getvalue(), 0


@pytest.mark.django_db
def test_a_night_is_taken_in_once(root, night):
    out, err, code = ingest(root, night)

    assert code == 0
    assert "8 files taken in, 0 were there already, 0 left out." in out
    row = next(line for line in out.splitlines() if line.startswith("LSSTCam"))
    assert row.split() == ["LSSTCam", "20261109", "flat", "ptc", "r_57", "2", "8"]
    assert "taking in files: 100%" in err
    with Butler.from_config(str(root), collections="LSSTCam/raw/all") as butler:
        for name in DETECTORS:
            detector = small(name)
            raw = butler.get(
                "raw",
                instrument="LSSTCam",
                exposure=2026110900002,
                detector=detector.id,
            )
            assert raw.shape == detector.shape

    out, _, code = ingest(root, night)
    assert code == 0
    assert "0 files taken in, 8 were there already, 0 left out." in out
    assert "Nothing was changed." in out


@pytest.mark.django_db
def test_what_is_left_out_is_named_with_its_reason(root, night, tmp_path):
    cut = tmp_path / "cut.fits"
    cut.write_bytes(next(night.iterdir()).read_bytes()[:9000])
    odd = small("R22_S12")
    later = write_raw(tmp_path / "odd.fits", odd, positions(odd), DAYOBS="20261111")

    out, err, code = ingest(
        root, cut, later, tmp_path / "gone.fits", "--transfer", "direct"
    )

    assert code == 1
    assert "1 files taken in" in out
    assert f"note: {later}: DAYOBS is 20261111" in out
    assert "cut.fits" in err
    assert "gone.fits" in err
    assert "2 left out" in err
    # A file that is used where it lies is not copied.
    assert not list((root / "LSSTCam").rglob("*.fits"))


@pytest.mark.django_db
def test_an_instrument_can_be_registered_on_the_way(night, tmp_path):
    root = make_repository(tmp_path / "repository", "LATISS")

    _, err, code = ingest(root, night)
    assert code == 1
    assert "LSSTCam, which is not registered" in err

    out, _, code = ingest(root, night, "--register")
    assert code == 0
    assert "8 files taken in" in out


@pytest.mark.django_db
def test_a_place_that_is_no_repository_is_refused(tmp_path, night):
    for wrong, message in (
        (tmp_path / "nowhere", "neither a repository of the portal nor a folder"),
        (night, "ot a"),
    ):
        _, err, code = ingest(wrong, night)
        assert code in (1, 2)
        assert message in err or "butler" in err.lower()


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("ingest_raws", []),
        ("ingest_companions", []),
        ("ingest_curated", ["DM-1", "--instrument", "LSSTCam"]),
    ],
)
def test_a_portal_without_its_tables_is_told_in_words(
    root, night, monkeypatch, name, more
):
    def fail(*names):
        raise OperationalError("no such table: core_repository")

    monkeypatch.setattr(Repository.objects, "select_related", fail)
    first, *others = more or [str(night)]
    with pytest.raises(CommandError, match=r"manage\.py migrate") as refusal:
        call_command(name, str(root), first, *others, verbosity=0)
    assert refusal.value.returncode == 2
    assert "no such table: core_repository" in str(refusal.value)


@pytest.fixture
def repository(db, root):
    facility = Facility.objects.create(name="USDF")
    repository = Repository.objects.create(
        facility=facility, path="/repo/main", location=str(root), queue="usdf"
    )
    camera, _ = Instrument.objects.get_or_create(name="LSSTCam")
    repository.instruments.add(camera)
    return repository


def test_a_repository_of_the_portal_goes_by_its_name(repository, night):
    out, _, code = ingest("/repo/main", night)
    assert (code, "8 files taken in" in out) == (0, True)

    assert find_gateway("USDF /repo/main").settings.root == repository.location


def test_two_of_one_name_must_be_told_apart(repository):
    other = Facility.objects.create(name="Summit")
    Repository.objects.create(facility=other, path="/repo/main")

    with pytest.raises(ConflictError, match="Name the facility"):
        find_gateway("/repo/main")
    with pytest.raises(ConflictError, match="not connected"):
        find_gateway("Summit /repo/main")
    with pytest.raises(NotFoundError, match="USDF /repo/main"):
        find_gateway("/repo/other")
