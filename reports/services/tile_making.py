"""Making the tiles of an image, whole or not at all."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
from astropy.io import fits
from django.conf import settings

from calibrations.imaging.frames import MASK_PLANES
from reports.domain.results import show_number, show_unit
from reports.plots.figures import save_png
from reports.plots.images import Stretch, plot_detector, shrink_image
from reports.services.pyramid import (
    TILE,
    ImageNumbers,
    build_levels,
    cut_tiles,
    encode_tile,
    measure_image,
)
from reports.services.tiles import (
    FORMAT,
    INDEX,
    PIXELS,
    PREVIEW,
    check_tiles,
    folder_of,
)
from taxicab.errors import MiddlewareError

__all__ = ["hash_image", "make_tiles"]

UNFINISHED = ".unfinished-tiles-"

LEFT_BEHIND_S = 6 * 3600
"""No image takes this long: what is older was left by a worker that was killed."""

THREADS = 2
"""Packing is outside Python's lock; more would take processors from others."""


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
        _put(unfinished, folder_of(sha256))
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return True


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
