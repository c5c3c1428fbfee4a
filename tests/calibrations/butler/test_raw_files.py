import os

import pytest

from calibrations.butler import raw_files
from calibrations.butler.raw_files import BadFile, find_files, read_headers
from calibrations.butler.raw_headers import RawExposure
from tests.support.raws import positions, small, write_raw


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two nights in folders, a gzipped name among them, and a text beside them."""
    folder = tmp_path_factory.mktemp("nights")
    detector = small("R22_S11")
    for number, name in enumerate(("a/1.fits", "a/b/2.fits.fz", "c/3.fits"), start=1):
        write_raw(folder / name, detector, positions(detector), SEQNUM=number)
    (folder / "a" / "notes.txt").write_text("clouds")
    return folder


def names(found):
    return [path.name for path in found[0]]


def test_folders_are_searched_however_deep_and_in_order(folder):
    assert names(find_files([folder])) == ["1.fits", "2.fits.fz", "3.fits"]
    assert find_files([folder])[1] == []


def test_a_file_is_listed_once_however_it_is_named(folder):
    paths = [folder / "c", folder / "c" / "3.fits", folder / "a" / ".." / "c"]

    assert names(find_files(paths)) == ["3.fits"]


def test_patterns_are_expanded_and_a_name_with_brackets_may_be_a_file(folder, tmp_path):
    assert names(find_files([folder / "*" / "?.fits"])) == ["1.fits", "3.fits"]
    assert names(find_files([folder / "**" / "*.fz"])) == ["2.fits.fz"]

    odd = tmp_path / "raw[1].fits"
    odd.write_bytes(b"")
    assert names(find_files([odd])) == ["raw[1].fits"]


def test_what_is_not_there_is_named(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    files, missing = find_files([tmp_path / "empty", tmp_path / "no*", folder / "c"])

    assert [path.name for path in files] == ["3.fits"]
    assert [bad.path for bad in missing] == [
        str(tmp_path / "empty"),
        str(tmp_path / "no*"),
    ]
    assert "holds no file called" in missing[0].reason
    assert "Nothing matches" in missing[1].reason


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir()
    look = os.scandir

    def refuse(path="."):
        # Root may read everything: the system refuses only other people.
        if os.fspath(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(closed))
        return look(path)

    monkeypatch.setattr(os, "scandir", refuse)
    _, missing = find_files([tmp_path])
    assert any("Permission denied" in bad.reason for bad in missing)


def test_headers_are_read_in_order_and_a_bad_file_is_one_of_them(folder, tmp_path):
    bad = tmp_path / "bad.fits"
    bad.write_text("not FITS at all")
    files = [*find_files([folder])[0], bad, tmp_path / "gone.fits"]
    seen = []

    found = list(
        read_headers(files, on_progress=lambda done, total: seen.append((done, total)))
    )

    assert [path for path, _ in found] == files
    assert [e.seq_num for _, e in found[:3]] == [1, 2, 3]
    assert all(isinstance(e, BadFile) for _, e in found[3:])
    assert "bad.fits" in found[3][1].reason
    assert seen == [(n, 5) for n in range(1, 6)]


def test_other_processes_read_the_same(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(raw_files, "FEW_FILES", 2)
    bad = tmp_path / "bad.fits"
    bad.write_text("not FITS at all")
    files = [*find_files([folder])[0], bad]

    alone = list(read_headers(files))
    together = list(read_headers(files, processes=2))

    assert together[3] == alone[3]
    assert [e.id for _, e in together[:3]] == [e.id for _, e in alone[:3]]
    assert all(isinstance(e, RawExposure) for _, e in together[:3])


def test_a_file_without_amplifiers_is_left_out(folder, tmp_path):
    from astropy.io import fits

    with fits.open(folder / "a" / "1.fits") as hdus:
        stamps = [fits.ImageHDU(hdus[1].data, name="IMAGE") for _ in range(4)]
        fits.HDUList([hdus[0].copy(), *stamps]).writeto(tmp_path / "stamps.fits")
        fits.HDUList([hdus[0].copy()]).writeto(tmp_path / "alone.fits")

    (_, stamps), (_, alone) = read_headers(
        [tmp_path / "stamps.fits", tmp_path / "alone.fits"]
    )
    assert "guider's stamps" in stamps.reason
    assert "none" in alone.reason


def test_what_nobody_foresaw_is_still_one_files_affair(folder, monkeypatch):
    def fail(path, **options):
        raise MemoryError("no room")

    monkeypatch.setattr(raw_files, "read_exposure", fail)
    ((_, bad),) = read_headers([folder / "c" / "3.fits"])

    assert "MemoryError: no room" in bad.reason
