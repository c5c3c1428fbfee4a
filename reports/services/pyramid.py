"""Pixels cut into tiles at several binnings: NumPy in, bytes and NumPy out.

A tile holds raw values, not colours, so that a browser can stretch, subtract and divide
them. Nothing is rounded: float32 as in the file, bit by bit.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from astropy.visualization import ZScaleInterval

__all__ = [
    "GZIP",
    "TILE",
    "Level",
    "build_levels",
    "cut_tiles",
    "decode_tile",
    "encode_tile",
    "measure_image",
]

TILE = 256
"""Pixels along a tile's side; less at the upper and right edges."""

GZIP = 31
"""zlib's window and the gzip header, whose check sum tells a damaged tile."""

PERCENTILES = (0.5, 99.5)
NORMAL = 0.741301109252802
"""A Gaussian's standard deviation over the range of its inner half."""


@dataclass(frozen=True)
class Level:
    """An image at one binning."""

    factor: int
    """Side of the square of pixels that is averaged; 1: the image itself."""
    data: np.ndarray
    """Shape (ny, nx), float32: means of what is finite, NaN where nothing is."""
    mask: np.ndarray
    """Same shape, uint16: the planes of all pixels of the square together."""


def build_levels(data: np.ndarray, mask: np.ndarray) -> list[Level]:
    """Bin an image by 2, 4, 8, … until one tile holds it.

    Parameters
    ----------
    data
        Shape (ny, nx), float32.
    mask
        Same shape, uint16.
    """
    levels = [Level(1, data, mask)]
    good = np.isfinite(data)
    sums, counts = np.where(good, data, np.float32(0)), good.astype(np.int32)
    while max(levels[-1].data.shape) > TILE:
        # Sums and counts go up, not means: those would weigh edges and gaps wrongly.
        sums = _join_squares(sums, np.add, np.float64)
        counts = _join_squares(counts, np.add, np.int32)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (sums / counts).astype(np.float32)
        planes = _join_squares(levels[-1].mask, np.bitwise_or, np.uint16)
        levels.append(Level(2 * levels[-1].factor, means, planes))
    return levels


def cut_tiles(level: Level) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut a level into tiles, row by row from the lower left."""
    ny, nx = level.data.shape
    for y in range(0, ny, TILE):
        for x in range(0, nx, TILE):
            here = slice(y, y + TILE), slice(x, x + TILE)
            yield level.data[here], level.mask[here]


def encode_tile(data: np.ndarray, mask: np.ndarray) -> bytes:
    """Pack a tile: first bytes of all values, second bytes, …; then so the mask; gzip.

    Bytes of the same rank are alike, and pack to half in half the time.
    """
    values = np.ascontiguousarray(data, dtype="<f4").reshape(-1, 1).view(np.uint8)
    planes = np.ascontiguousarray(mask, dtype="<u2").reshape(-1, 1).view(np.uint8)
    packer = zlib.compressobj(1, zlib.DEFLATED, GZIP, 8, zlib.Z_RLE)
    packed = packer.compress(values.T.tobytes())
    packed += packer.compress(planes.T.tobytes())
    return packed + packer.flush()


def decode_tile(packed: bytes, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Unpack what `encode_tile` packed.

    Raises
    ------
    ValueError
        Raised if the bytes are damaged or of another shape.
    """
    unpacker = zlib.decompressobj(GZIP)
    try:
        plain = unpacker.decompress(packed) + unpacker.flush()
    except zlib.error as error:
        raise ValueError(str(error)) from error
    n = shape[0] * shape[1]
    if not unpacker.eof or len(plain) != 6 * n:
        raise ValueError(f"{len(plain)} bytes, where {6 * n} belong")
    raw = np.frombuffer(plain, dtype=np.uint8)
    values = np.ascontiguousarray(raw[: 4 * n].reshape(4, n).T).view("<f4")
    planes = np.ascontiguousarray(raw[4 * n :].reshape(2, n).T).view("<u2")
    return values.reshape(shape), planes.reshape(shape)


@dataclass(frozen=True)
class ImageNumbers:
    """What an image amounts to; the numbers are None where no pixel is finite."""

    n_pixels: int
    n_finite: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    median: float | None = None
    sigma: float | None = None
    """From the quartiles, as a Gaussian has them."""
    low: float | None = None
    """The 0.5th percentile."""
    high: float | None = None
    """The 99.5th."""
    z_low: float | None = None
    """Lower limit of the z-scale stretch, as astropy finds it."""
    z_high: float | None = None
    masked: dict[str, int] = field(default_factory=dict)
    """Pixels in each mask plane that has any."""


def measure_image(
    data: np.ndarray, mask: np.ndarray, planes: Mapping[str, int]
) -> ImageNumbers:
    """Measure an image over all its finite pixels.

    Parameters
    ----------
    planes
        Bit of each mask plane by name.
    """
    masked = {
        name: int(np.count_nonzero(mask & (1 << bit))) for name, bit in planes.items()
    }
    masked = {name: n for name, n in masked.items() if n}
    finite = data[np.isfinite(data)]
    if not finite.size:
        return ImageNumbers(data.size, 0, masked=masked)
    minimum, maximum = float(finite.min()), float(finite.max())
    mean = float(finite.mean(dtype=np.float64))
    z_low, z_high = ZScaleInterval().get_limits(data)
    # In place: half of a full detector's time goes here.
    ranks = (PERCENTILES[0], 25, 50, 75, PERCENTILES[1])
    low, lower, median, upper, high = np.percentile(finite, ranks, overwrite_input=True)
    return ImageNumbers(
        n_pixels=data.size,
        n_finite=int(finite.size),
        minimum=minimum,
        maximum=maximum,
        mean=mean,
        median=float(median),
        sigma=float(NORMAL * (upper - lower)),
        low=float(low),
        high=float(high),
        z_low=float(z_low),
        z_high=float(z_high),
        masked=masked,
    )


def _join_squares(image: np.ndarray, join: np.ufunc, dtype: type) -> np.ndarray:
    """Join squares of 2 × 2 pixels by a function; smaller ones at the edges."""
    ny, nx = image.shape
    rows: np.ndarray = image[::2].astype(dtype)
    join(rows[: ny // 2], image[1::2], out=rows[: ny // 2])
    joined = rows[:, ::2].copy()
    join(joined[:, : nx // 2], rows[:, 1::2], out=joined[:, : nx // 2])
    return joined
