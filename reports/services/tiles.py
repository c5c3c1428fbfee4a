"""The store of tiles: a folder for each image, found by the SHA-256 of its file.

It lies beside the evidence and is shared by all reports. Nothing here is evidence:
tiles can be made again from the image for as long as that exists.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from django.conf import settings

from calibrations.imaging.frames import MASK_PLANES
from reports.domain.results import show_number, show_unit
from reports.plots.figures import save_png
from reports.plots.images import Stretch, plot_detector, shrink_image
from reports.services.pyramid import (
    GZIP,
    TILE,
    ImageNumbers,
    build_levels,
    cut_tiles,
    decode_tile,
    encode_tile,
    measure_image,
)
from taxicab.errors import MiddlewareError, NotFoundError

__all__ = [
    "PREVIEW",
    "TilesMissingError",
    "check_tiles",
    "has_tiles",
    "hash_image",
    "make_tiles",
    "preview_file",
    "read_index",
    "read_tile",
]

FOLDER = "tiles"
INDEX, PIXELS, PREVIEW = "index.json", "tiles.bin", "preview.png"
UNFINISHED = ".unfinished-tiles-"
FORMAT = 1

LEFT_BEHIND_S = 6 * 3600
"""No image takes this long: what is older was left by a worker that was killed."""

THREADS = 2
"""Packing is outside Python's lock; more would take processors from others."""


class TilesMissingError(NotFoundError):
    """There are no tiles of an image, or they are damaged: they can be made again."""

    error = "tiles_missing"


def hash_image(path: str | Path) -> str:
    """Give the SHA-256 of an image's file.

    Raises
    ------
    MiddlewareError
        Raised if the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MiddlewareError(f"The image {path} cannot be read: {error}") from error


def make_tiles(path: str | Path, sha256: str) -> bool:
    """Make an image's tiles, unless they are there and whole.

    They are written under a passing name and renamed: a killed worker leaves nothing
    half.

    Parameters
    ----------
    sha256
        Of the file, from `hash_image`.

    Returns
    -------
    bool
        Whether they were made now.
    """
    if not check_tiles(sha256):
        return False
    root = Path(settings.EVIDENCE_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    _clear_left(root)
    data, mask, header = _read_planes(path)
    unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=root))
    try:
        _write(unfinished, data, mask, header, sha256)
        _put(unfinished, _folder(sha256))
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return True


def read_index(sha256: str) -> dict[str, Any]:
    """Read what there is of an image: shape, unit, levels, numbers.

    Raises
    ------
    TilesMissingError
        Raised if it has no tiles, or some of them are gone.
    """
    folder = _folder(sha256)
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        size = (folder / PIXELS).stat().st_size
    except FileNotFoundError:
        raise TilesMissingError(
            "This image has no tiles yet: make them, it takes a few seconds."
        ) from None
    except (OSError, ValueError):
        raise _damaged() from None
    if index.get("format") != FORMAT or size != index.get("size"):
        raise _damaged()
    return index


def has_tiles(sha256: str) -> bool:
    """Whether an image has tiles, whole or damaged."""
    return bool(sha256) and (_folder(sha256) / INDEX).is_file()


def read_tile(sha256: str, level: int, row: int, column: int) -> bytes:
    """Read a tile as it was packed: gzip.

    It is unpacked once to see that it is whole, which takes 2 ms: a browser does not
    look at gzip's check sum, and would show damaged pixels as if they were measured.

    Raises
    ------
    TilesMissingError
        Raised if there is no such tile, or it is damaged.
    """
    index = read_index(sha256)
    levels = index["levels"]
    if level < len(levels):
        n_columns = -(-levels[level]["shape"][1] // TILE)
        tiles = levels[level]["tiles"]
        if column < n_columns and row * n_columns + column < len(tiles):
            begin, length = tiles[row * n_columns + column]
            with (_folder(sha256) / PIXELS).open("rb") as file:
                file.seek(begin)
                return _whole(file.read(length))
    raise TilesMissingError(
        f"This image has no tile {row}, {column} at level {level}: its levels are 0 to "
        f"{len(levels) - 1}."
    )


def preview_file(sha256: str) -> Path:
    """Find the picture that is shown without scripts."""
    path = _folder(sha256) / PREVIEW
    if not path.is_file():
        raise (
            _damaged()
            if path.parent.is_dir()
            else TilesMissingError(
                "This image has no preview yet: make its tiles, it takes a few seconds."
            )
        )
    return path


def check_tiles(sha256: str) -> str:
    """Unpack every tile; returns what is missing or damaged, or nothing."""
    try:
        index = read_index(sha256)
        preview_file(sha256)
    except TilesMissingError as error:
        return str(error)
    try:
        with (_folder(sha256) / PIXELS).open("rb") as file:
            for level in index["levels"]:
                shapes = _tile_shapes(tuple(level["shape"]))
                for shape, (begin, length) in zip(shapes, level["tiles"], strict=True):
                    file.seek(begin)
                    decode_tile(file.read(length), shape)
    except (OSError, ValueError) as error:
        return f"{_damaged()} ({error})"
    return ""


def _whole(packed: bytes) -> bytes:
    try:
        zlib.decompress(packed, GZIP)
    except zlib.error:
        raise _damaged() from None
    return packed


def _damaged() -> TilesMissingError:
    return TilesMissingError(
        "The tiles of this image are damaged: make them again, it takes a few seconds."
    )


def _folder(sha256: str) -> Path:
    return Path(settings.EVIDENCE_ROOT) / FOLDER / sha256[:2] / sha256


def _tile_shapes(shape: tuple[int, int]) -> list[tuple[int, int]]:
    ny, nx = shape
    return [
        (min(TILE, ny - y), min(TILE, nx - x))
        for y in range(0, ny, TILE)
        for x in range(0, nx, TILE)
    ]


def _read_planes(path: str | Path) -> tuple[np.ndarray, np.ndarray, fits.Header]:
    """Read image and mask; without a mask no pixel is masked."""
    try:
        with fits.open(path, memmap=False) as hdus:
            planes = {h.name: h.data for h in hdus if h.is_image and h.data is not None}
            header = hdus[0].header.copy()
        image = planes.get("IMAGE", next(iter(planes.values())))
        data = np.ascontiguousarray(image, dtype=np.float32)
        mask = np.zeros(data.shape, dtype=np.uint16)
        if "MASK" in planes:
            mask = np.ascontiguousarray(planes["MASK"], dtype=np.uint16)
        if data.ndim != 2 or mask.shape != data.shape:
            raise ValueError(f"image {data.shape}, mask {mask.shape}")
    except (OSError, ValueError, TypeError, StopIteration) as error:
        raise MiddlewareError(
            f"The image {path} cannot be read: {error or 'it holds no pixels'}"
        ) from error
    return data, mask, header


def _write(
    folder: Path,
    data: np.ndarray,
    mask: np.ndarray,
    header: fits.Header,
    sha256: str,
) -> None:
    """Write pixels, index and preview of an image into a folder."""
    levels, size = [], 0
    with (folder / PIXELS).open("wb") as file, ThreadPoolExecutor(THREADS) as pool:
        pyramid = build_levels(data, mask)
        for level in pyramid:
            places = []
            for packed in pool.map(lambda tile: encode_tile(*tile), cut_tiles(level)):
                file.write(packed)
                places.append([size, len(packed)])
                size += len(packed)
            levels.append({"shape": level.data.shape, "tiles": places})
    binning = int(header.get("BINNING", 1))
    unit = str(header.get("BUNIT", ""))
    numbers = measure_image(data, mask, MASK_PLANES)
    index = {
        "format": FORMAT,
        "sha256": sha256,
        "shape": data.shape,
        "binning": binning,
        "unit": unit,
        "tile": TILE,
        "size": size,
        "levels": levels,
        "planes": dict(MASK_PLANES),
        "numbers": asdict(numbers),
    }
    _draw_preview(folder / PREVIEW, data, numbers, unit, binning)
    (folder / INDEX).write_text(json.dumps(index, allow_nan=False), encoding="utf-8")
    folder.chmod(0o755)
    for path in folder.iterdir():
        os.chmod(path, 0o644)


def _draw_preview(
    path: Path, data: np.ndarray, numbers: ImageNumbers, unit: str, binning: int
) -> None:
    """Draw the image at its z-scale."""
    low, high = numbers.z_low or 0.0, numbers.z_high or 0.0
    if not high > low:
        low, high = low - 0.5, low + 0.5
    shown = show_unit(unit)
    figure = plot_detector(
        shrink_image(data),
        stretch=Stretch(low, high),
        title=f"z-scale, {show_number(low)} to {show_number(high, unit)}",
        label=f"level ({shown})" if shown else "level (relative)",
        shape=(data.shape[0] * binning, data.shape[1] * binning),
    )
    save_png(figure, path)


def _put(unfinished: Path, kept: Path) -> None:
    """Give a finished folder its name; a damaged one of that name gives way."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    try:
        unfinished.rename(kept)
    except OSError:
        # Another worker was quicker, or what is there is damaged: equal or better.
        old = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=settings.EVIDENCE_ROOT))
        kept.rename(old / "old")
        unfinished.rename(kept)
        shutil.rmtree(old, ignore_errors=True)


def _clear_left(root: Path) -> None:
    for folder in root.glob(f"{UNFINISHED}*"):
        try:
            is_old = time.time() - folder.stat().st_mtime > LEFT_BEHIND_S
        except FileNotFoundError:
            continue
        if is_old:
            shutil.rmtree(folder, ignore_errors=True)
