"""The store of tiles: exact, whole or not there, and addressed by the image."""

import gzip
import hashlib
import json

import numpy as np
import pytest
from astropy.io import fits

from reports.services import tile_making
from reports.services.pyramid import TILE, decode_tile
from reports.services.tile_making import hash_image, make_tiles
from reports.services.tiles import (
    TilesMissingError,
    check_tiles,
    preview_file,
    read_index,
    read_tile,
)
from taxicab.errors import MiddlewareError
from tests.support.pixels import BAD, SHAPE, make_pixels, write_image


@pytest.fixture
def image(tmp_path):
    return write_image(tmp_path / "bias.fits", make_pixels(3))


@pytest.fixture
def kept(image):
    """The address of an image whose tiles are kept."""
    sha256 = hash_image(image)
    assert make_tiles(image, sha256)
    return sha256


def folder_of(settings, sha256):
    return settings.EVIDENCE_ROOT / "tiles" / sha256[:2] / sha256


def read_all(sha256):
    for row in range(2):
        for column in range(3):
            read_tile(sha256, 0, row, column)


def test_tiles_hold_the_pixels_of_the_file(image, kept):
    assert kept == hashlib.sha256(image.read_bytes()).hexdigest()
    index = read_index(kept)
    assert (tuple(index["shape"]), index["unit"]) == (SHAPE, "electron")
    assert [tuple(level["shape"]) for level in index["levels"]] == [
        SHAPE,
        (150, 260),
        (75, 130),
    ]
    pixels = fits.getdata(image, "IMAGE")
    for row in range(2):
        for column in range(3):
            here = np.s_[
                row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE
            ]
            expected = pixels[here].astype(np.float32)
            packed = read_tile(kept, 0, row, column)
            values, mask = decode_tile(packed, expected.shape)
            assert values.tobytes() == expected.tobytes()
            assert gzip.decompress(packed)[: expected.size]
            if (row, column) == (0, 1):
                at = BAD[0], BAD[1] - TILE
                assert (np.isnan(values[at]), mask[at]) == (True, 1)
    assert index["numbers"]["masked"] == {"BAD": 1}
    assert preview_file(kept).read_bytes().startswith(b"\x89PNG")


def test_equal_images_are_kept_once(image, kept, settings, tmp_path):
    before = (folder_of(settings, kept) / "tiles.bin").stat().st_mtime_ns
    copy = tmp_path / "copy.fits"
    copy.write_bytes(image.read_bytes())
    assert not make_tiles(copy, hash_image(copy))
    assert (folder_of(settings, kept) / "tiles.bin").stat().st_mtime_ns == before


def test_what_is_not_there_is_said(kept):
    with pytest.raises(TilesMissingError, match="make them"):
        read_index("0" * 64)
    for place in ((0, 2, 0), (0, 0, 3), (3, 0, 0), (2, 1, 0)):
        with pytest.raises(TilesMissingError, match="levels are 0 to 2"):
            read_tile(kept, *place)


@pytest.mark.parametrize("name", ["tiles.bin", "index.json", "preview.png"])
def test_damaged_tiles_are_found_and_made_again(image, kept, settings, name):
    folder = folder_of(settings, kept)
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / name).unlink()
    assert check_tiles(kept)
    assert make_tiles(image, kept)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole

    # Bytes that were changed are found by the check sums, one cut off by the length.
    pixels = bytearray(whole["tiles.bin"])
    pixels[len(pixels) // 3] ^= 1
    (folder / "tiles.bin").write_bytes(pixels)
    assert "damaged" in check_tiles(kept)
    with pytest.raises(TilesMissingError, match="damaged"):
        read_all(kept)
    assert make_tiles(image, kept)
    read_all(kept)
    (folder / "tiles.bin").write_bytes(whole["tiles.bin"][:-1])
    with pytest.raises(TilesMissingError, match="damaged"):
        read_index(kept)
    assert make_tiles(image, kept)
    (folder / "index.json").write_text("{")
    with pytest.raises(TilesMissingError, match="damaged"):
        read_index(kept)
    (folder / "index.json").write_text(json.dumps({"format": 99}))
    assert make_tiles(image, kept)
    assert check_tiles(kept) == ""
    assert [p.name for p in settings.EVIDENCE_ROOT.iterdir()] == ["tiles"]


def test_a_worker_that_fails_leaves_nothing(image, settings, monkeypatch):
    def die(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(tile_making, "_draw_preview", die)
    with pytest.raises(KeyboardInterrupt):
        make_tiles(image, hash_image(image))
    assert list(settings.EVIDENCE_ROOT.iterdir()) == []


def test_what_a_killed_worker_left_is_cleared_in_time(image, settings, monkeypatch):
    left = settings.EVIDENCE_ROOT / f"{tile_making.UNFINISHED}killed"
    left.mkdir(parents=True)
    (left / "tiles.bin").write_bytes(b"half")
    make_tiles(image, hash_image(image))
    assert left.is_dir()  # another worker may be at it
    monkeypatch.setattr(tile_making, "LEFT_BEHIND_S", -1)
    other = write_image(image.with_name("other.fits"), make_pixels(4))
    make_tiles(other, hash_image(other))
    assert not left.exists()


def test_what_is_no_image_is_refused(tmp_path):
    gone = tmp_path / "gone.fits"
    with pytest.raises(MiddlewareError, match=r"gone\.fits cannot be read"):
        hash_image(gone)
    text = tmp_path / "text.fits"
    text.write_text("not an image")
    with pytest.raises(MiddlewareError, match="cannot be read"):
        make_tiles(text, hash_image(text))
    empty = tmp_path / "empty.fits"
    fits.PrimaryHDU().writeto(empty)
    with pytest.raises(MiddlewareError, match="cannot be read"):
        make_tiles(empty, hash_image(empty))
