"""The store of tiles: a folder for each image, found by the SHA-256 of its file.

It lies beside the evidence and is shared by all reports. Nothing here is evidence:
tiles can be made again from the image for as long as that exists.
"""

import json
import zlib
from pathlib import Path
from typing import Any

from django.conf import settings

from reports.services.pyramid import (
    GZIP,
    TILE,
    decode_tile,
)
from taxicab.errors import NotFoundError

__all__ = [
    "FORMAT",
    "INDEX",
    "PIXELS",
    "PREVIEW",
    "TilesMissingError",
    "check_tiles",
    "folder_of",
    "has_tiles",
    "preview_file",
    "read_index",
    "read_tile",
]

FOLDER = "tiles"
INDEX, PIXELS, PREVIEW = "index.json", "tiles.bin", "preview.png"
FORMAT = 1


class TilesMissingError(NotFoundError):
    """There are no tiles of an image, or they are damaged: they can be made again."""

    error = "tiles_missing"


def read_index(sha256: str) -> dict[str, Any]:
    """Read what there is of an image: shape, unit, levels, numbers.

    Raises
    ------
    TilesMissingError
        Raised if it has no tiles, or some of them are gone.
    """
    folder = folder_of(sha256)
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
    return bool(sha256) and (folder_of(sha256) / INDEX).is_file()


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
            with (folder_of(sha256) / PIXELS).open("rb") as file:
                file.seek(begin)
                return _whole(file.read(length))
    raise TilesMissingError(
        f"This image has no tile {row}, {column} at level {level}: its levels are 0 to "
        f"{len(levels) - 1}."
    )


def preview_file(sha256: str) -> Path:
    """Find the picture that is shown without scripts."""
    path = folder_of(sha256) / PREVIEW
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
        with (folder_of(sha256) / PIXELS).open("rb") as file:
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


def folder_of(sha256: str) -> Path:
    """Give the folder of an image's tiles, whether it is there or not."""
    return Path(settings.EVIDENCE_ROOT) / FOLDER / sha256[:2] / sha256


def _tile_shapes(shape: tuple[int, int]) -> list[tuple[int, int]]:
    ny, nx = shape
    return [
        (min(TILE, ny - y), min(TILE, nx - x))
        for y in range(0, ny, TILE)
        for x in range(0, nx, TILE)
    ]
