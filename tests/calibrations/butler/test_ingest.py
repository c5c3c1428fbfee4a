import shutil

import pytest
from astropy.io import fits
from lsst.daf.butler import Butler

from calibrations.butler import ingest
from calibrations.butler.ingest import ingest_raws, take_in
from calibrations.butler.raw_files import read_headers
from calibrations.butler.repositories import make_repository
from calibrations.simulation.observatory import simulate_observatory
from tests.support.observatory import FIRST_NIGHT, SECOND_NIGHT, small_plan
from tests.support.raws import positions, small, write_raw

COLLECTION = "LSSTComCam/raw/all"


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    plan = small_plan(frames=(2, 1))
    return simulate_observatory(tmp_path_factory.mktemp("raws"), plan).nights


@pytest.fixture(scope="module")
def empty_repository(tmp_path_factory):
    return make_repository(tmp_path_factory.mktemp("empty") / "repository")


@pytest.fixture
def repository(empty_repository, tmp_path):
    return shutil.copytree(empty_repository, tmp_path / "repository")


def raws(repository):
    with Butler.from_config(str(repository)) as butler:
        found = butler.query_datasets("raw", COLLECTION, explain=False, limit=None)
        return {
            (ref.dataId["exposure"], ref.dataId["detector"]): ref.id for ref in found
        }


def test_a_night_is_described_and_taken_in(repository, nights):
    seen = []
    summary = ingest_raws(
        repository,
        nights[FIRST_NIGHT],
        on_progress=lambda done, total: seen.append((done, total)),
    )

    assert (summary.ingested, summary.present, summary.bad_files) == (12, 0, [])
    assert summary.exposures == [FIRST_NIGHT * 100000 + n for n in range(1, 7)]
    assert seen[-1] == (12, 12)
    with Butler.from_config(str(repository), collections=COLLECTION) as butler:
        (dark, _) = butler.query_dimension_records(
            "exposure",
            where="instrument = 'LSSTComCam' AND exposure.observation_type = 'dark'"
            " AND exposure.observation_reason = 'dark'",
        )
        assert dark.obs_id == "CC_O_20261109_000003"
        assert dark.physical_filter == "r_03"
        assert dark.dark_time == pytest.approx(30.4)
        assert dark.has_simulated
        assert dark.timespan.begin.isot.startswith("2026-11-09T18:00")
        raw = butler.get("raw", instrument="LSSTComCam", exposure=dark.id, detector=1)
    assert len(raw.amplifiers) == 16
    assert raw.header["OBSID"] == dark.obs_id


def test_a_second_ingest_changes_nothing_and_the_rest_can_follow(repository, nights):
    ingest_raws(repository, nights[FIRST_NIGHT])
    before = raws(repository)

    again = ingest_raws(repository, nights[FIRST_NIGHT])
    assert (again.ingested, again.present) == (0, 12)
    assert raws(repository) == before

    both = ingest_raws(repository, nights[FIRST_NIGHT] + nights[SECOND_NIGHT])
    assert (both.ingested, both.present) == (6, 12)
    assert len(raws(repository)) == 18


def test_a_raw_has_the_same_id_in_every_repository(
    empty_repository, repository, nights, tmp_path
):
    other = shutil.copytree(empty_repository, tmp_path / "other")
    ingest_raws(repository, nights[SECOND_NIGHT])
    ingest_raws(other, reversed(nights[SECOND_NIGHT]))

    assert raws(repository) == raws(other)


def test_bad_files_are_named_and_stop_no_other(repository, nights, tmp_path):
    good = nights[SECOND_NIGHT][:2]
    bad = {}
    for name, keyword, value in (
        ("filter.fits", "FILTER", "x_99"),
        ("detector.fits", "CCDSLOT", "S99"),
        ("instrument.fits", "INSTRUME", "MegaCam"),
        ("sequence.fits", "SEQNUM", "none"),
    ):
        bad[name] = tmp_path / name
        bad[name].write_bytes(nights[SECOND_NIGHT][2].read_bytes())
        fits.setval(bad[name], keyword, value=value)
    bad["cut.fits"] = tmp_path / "cut.fits"
    bad["cut.fits"].write_bytes(nights[SECOND_NIGHT][3].read_bytes()[:50000])
    bad["missing.fits"] = tmp_path / "missing.fits"

    summary = ingest_raws(repository, [*bad.values(), *good])

    assert summary.ingested == 2
    reasons = {file.path.rsplit("/", 1)[1]: file.reason for file in summary.bad_files}
    assert set(reasons) == set(bad)
    assert "x_99" in reasons["filter.fits"]
    assert "r_03" in reasons["filter.fits"]
    assert "R22_S99" in reasons["detector.fits"]
    assert "MegaCam" in reasons["instrument.fits"]
    assert "SEQNUM" in reasons["sequence.fits"]
    assert "multiple of 2880" in reasons["cut.fits"]
    assert len(raws(repository)) == 2


def test_the_same_exposure_twice_is_a_mistake_in_the_list(repository, nights, tmp_path):
    copy = tmp_path / "copy.fits"
    copy.write_bytes(nights[SECOND_NIGHT][0].read_bytes())

    summary = ingest_raws(repository, [nights[SECOND_NIGHT][0], copy])

    assert summary.ingested == 1
    assert [file.path for file in summary.bad_files] == [str(copy)]
    assert str(nights[SECOND_NIGHT][0]) in summary.bad_files[0].reason


def test_nothing_to_ingest_is_nothing_done(repository):
    summary = ingest_raws(repository, [])

    assert (summary.ingested, summary.exposures, summary.bad_files) == (0, [], [])


@pytest.fixture(scope="module")
def lsstcam(tmp_path_factory):
    return make_repository(tmp_path_factory.mktemp("lsstcam") / "repository", "LSSTCam")


def raw_of(folder, name, seq_num=7, **changes):
    detector = small(name)
    path = folder / f"{name}_{seq_num}.fits"
    return write_raw(path, detector, positions(detector), SEQNUM=seq_num, **changes)


def test_two_files_that_describe_one_exposure_otherwise_are_said(lsstcam, tmp_path):
    first = raw_of(tmp_path, "R22_S11", 21)
    other = raw_of(tmp_path, "R22_S12", 21, FILTER="i_39")

    summary = ingest_raws(lsstcam, [first, other])

    assert summary.ingested == 2
    (problem,) = summary.problems[str(other)]
    assert problem.startswith("physical_filter is i_39, not r_57 as in R22_S11_21.fits")

    # What comes later is compared with what the repository holds.
    later = raw_of(tmp_path, "R22_S20", 21, IMGTYPE="DARK")
    summary = ingest_raws(lsstcam, [later])
    (problem,) = summary.problems[str(later)]
    assert "observation_type is dark, not flat as in the repository" in problem
    with Butler.from_config(str(lsstcam)) as butler:
        (record,) = butler.query_dimension_records(
            "exposure", instrument="LSSTCam", exposure=2026110900021
        )
    assert record.observation_type == "flat"


def test_a_chunk_that_fails_leaves_nothing_of_the_file_that_made_it_fail(
    lsstcam, tmp_path, monkeypatch
):
    files = [raw_of(tmp_path, "R22_S11", number) for number in range(31, 36)]
    headers = list(read_headers(files))
    # It goes away between the reading of its header and its being copied.
    files[2].unlink()

    with Butler.from_config(str(lsstcam), writeable=True) as butler:
        summary = take_in(butler, headers)

        assert summary.ingested == 4
        ((path, reason),) = [(bad.path, bad.reason) for bad in summary.bad_files]
        assert path == str(files[2])
        assert "FileNotFoundError" in reason
        known = butler.query_dimension_records(
            "exposure", where="instrument = 'LSSTCam' AND exposure.seq_num IN (31..35)"
        )
        assert sorted(record.seq_num for record in known) == [31, 32, 34, 35]


def test_many_files_go_in_by_chunks(lsstcam, tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "CHUNK", 3)
    files = [raw_of(tmp_path, name, 41) for name in ("R22_S11", "R22_S12", "R22_S20")]
    files += [raw_of(tmp_path, "R22_S11", number) for number in (42, 43)]
    done = []

    with Butler.from_config(str(lsstcam), writeable=True) as butler:
        summary = take_in(
            butler,
            read_headers(files),
            on_progress=lambda n, total: done.append((n, total)),
        )
    assert summary.ingested == 5
    assert done == [(3, 5), (5, 5)]
    kind = ("LSSTCam", 20261109, "flat", "ptc", "r_57")
    assert summary.kinds == {kind: (3, 5)}


def test_a_file_that_was_lost_comes_back(lsstcam, tmp_path):
    path = raw_of(tmp_path, "R22_S11", 51)
    ingest_raws(lsstcam, [path])
    with Butler.from_config(str(lsstcam), writeable=True) as butler:
        where = "instrument = 'LSSTCam' AND exposure.seq_num = 51"
        refs = butler.query_datasets("raw", "LSSTCam/raw/all", where=where)
        butler.pruneDatasets(refs, disassociate=False, unstore=True)

    assert ingest_raws(lsstcam, [path]).ingested == 1
    with Butler.from_config(str(lsstcam)) as butler:
        assert butler.get(refs[0]).shape == small("R22_S11").shape
