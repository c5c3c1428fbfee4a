import logging
import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from astropy.io import fits

from calibrations.imaging import combine, compiled
from calibrations.imaging.combine import FrameStack, combine_files, combine_frames
from calibrations.imaging.errors import ImageError

SHAPE = (37, 300)
"""More columns than one chunk of the kernel and not a multiple of it."""


def make_frames(n=7, seed=1):
    rng = np.random.default_rng(seed)
    frames = rng.normal(100, 6, (n, *SHAPE)).astype(np.float32)
    frames[2, 5:8, 4:9] += 5000
    frames[1, 20, 30] = np.nan
    frames[:, 21, 31] = np.inf
    return frames


def write(folder, frames, hdu=fits.PrimaryHDU):
    """Write each frame to a file, after an empty HDU if it is an extension."""
    paths = []
    for i, frame in enumerate(frames):
        path = folder / f"{i}.fits"
        hdus = [hdu(frame)]
        if hdu is not fits.PrimaryHDU:
            hdus.insert(0, fits.PrimaryHDU())
        fits.HDUList(hdus).writeto(path)
        paths.append(path)
    return paths


def assert_same(one, other):
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.variance, other.variance)
    np.testing.assert_array_equal(one.n_kept, other.n_kept)
    np.testing.assert_array_equal(one.bad, other.bad)
    assert one.good_fractions == other.good_fractions


@pytest.mark.parametrize("hdu", [fits.PrimaryHDU, fits.ImageHDU])
def test_files_combine_to_the_bits_of_the_arrays(tmp_path, hdu):
    frames = make_frames()
    found = combine_files(write(tmp_path, frames, hdu))
    assert_same(found, combine_frames(list(frames)))
    # What it must be, so that not both are wrong: the hits are gone, the noise is
    # that of seven frames, and the pixel that no frame has is bad.
    assert np.abs(found.image - 100)[5:8, 4:9].max() < 6 * 6 / np.sqrt(6)
    assert found.bad.sum() == 1
    assert found.bad[21, 31]
    assert found.n_kept[20, 30] <= 6


def test_blocks_and_threads_change_no_bit(tmp_path, monkeypatch):
    paths = write(tmp_path, make_frames())
    whole = combine_files(paths, n_threads=1)
    monkeypatch.setattr(combine, "BLOCK_BYTES", 4 * SHAPE[1] * 7 * 2)
    assert_same(whole, combine_files(paths, n_threads=3))


def test_scales_divide(tmp_path):
    frames = make_frames()
    scales = np.linspace(1, 4, len(frames))
    paths = write(tmp_path, frames)
    assert_same(
        combine_files(paths, scales=scales),
        combine_frames(list(frames), scales=scales),
    )


def test_compressed_and_scaled_files_are_read_as_well(tmp_path):
    counts = np.random.default_rng(2).poisson(900, (5, *SHAPE)).astype(np.uint16)
    expected = combine_frames(list(counts.astype(np.float32)))
    for name, hdu in (("plain", fits.ImageHDU), ("rice", fits.CompImageHDU)):
        folder = tmp_path / name
        folder.mkdir()
        assert_same(combine_files(write(folder, counts, hdu), extension=1), expected)


def test_plain_and_other_files_may_be_mixed(tmp_path):
    frames = np.rint(make_frames()[:, :20])
    paths = write(tmp_path, frames)
    (tmp_path / "0.fits").unlink()
    fits.PrimaryHDU(frames[0].astype(np.int16)).writeto(paths[0])
    assert_same(combine_files(paths), combine_frames(list(frames)))


def test_what_cannot_be_read_is_named(tmp_path):
    paths = write(tmp_path, make_frames(3))
    with pytest.raises(ImageError, match="no image of two dimensions in extension 4"):
        combine_files(paths, extension=4)
    with pytest.raises(ImageError, match="3 files have 2 scales"):
        combine_files(paths, scales=[1.0, 2.0])
    with pytest.raises(ImageError, match="must be positive"):
        combine_files(paths, scales=[1.0, 2.0, 0.0])
    with pytest.raises(ImageError, match="no frame"):
        combine_files([])
    other = tmp_path / "other.fits"
    fits.PrimaryHDU(np.zeros((4, 4), np.float32)).writeto(other)
    with pytest.raises(ImageError, match=r"other.fits has shape \(4, 4\)"):
        combine_files([*paths, other])
    with open(paths[1], "r+b") as file:
        file.truncate(2880 + 1000)
    with pytest.raises(ImageError, match=r"1.fits ends before its pixels do"):
        combine_files(paths)


def test_memory_does_not_grow_with_the_frames(tmp_path):
    # Four times as many frames take no more memory than the blocks that are allowed.
    paths = write(tmp_path, np.zeros((8, 512, 1024), np.float32))
    code = (
        "import resource, sys; from calibrations.imaging.combine import combine_files;"
        "combine_files(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak_kib(names):
        command = [sys.executable, "-c", code, *map(str, names)]
        return int(subprocess.run(command, capture_output=True, check=True).stdout)

    assert peak_kib(paths * 12) - peak_kib(paths * 3) < 12 * 1024


def test_a_stack_on_disk_gives_its_memory_back():
    stack = FrameStack(40, (512, 1024), max_bytes=1024)
    frame = np.ones((512, 1024), np.float32)

    def resident_mib():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    before = resident_mib()
    for _ in range(40):
        stack.add(frame)
    assert resident_mib() - before < 40
    np.testing.assert_array_equal(combine_frames(stack).image, 1)


def test_without_a_folder_for_compiled_code_everything_still_works(monkeypatch, caplog):
    def refuse(*args, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*args, **options)

    njit = numba.njit
    monkeypatch.setattr(numba, "njit", refuse)
    with caplog.at_level(logging.WARNING):
        double = compiled.compiled(lambda x: 2 * x)
    assert double(3) == 6
    assert "NUMBA_CACHE_DIR" in caplog.text
