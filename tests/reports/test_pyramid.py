"""Tiles hold what the image holds, bit by bit, and their means are means."""

import numpy as np
import pytest

from calibrations.imaging.frames import MASK_PLANES
from reports.services.pyramid import (
    TILE,
    build_levels,
    cut_tiles,
    decode_tile,
    encode_tile,
    measure_image,
)

# Neither side is a multiple of a tile, nor of a binning.
SHAPE = (2 * TILE + 37, 3 * TILE + 1)


@pytest.fixture(scope="module")
def image():
    """Noise of every kind that floats can hold, and masked places."""
    random = np.random.default_rng(11)
    data = random.normal(0, 5, SHAPE).astype(np.float32)
    data[0, 0], data[3, 7], data[-1, -1] = np.nan, np.inf, -0.0
    data[10, 10], data[300:310, 20:30] = 1e-42, np.nan
    mask = np.zeros(SHAPE, dtype=np.uint16)
    mask[300:310, 20:30] = 1 << MASK_PLANES["BAD"]
    mask[301, 21] |= 1 << MASK_PLANES["NO_DATA"]
    mask[-1, -1] = 1 << MASK_PLANES["SAT"]
    return data, mask


def put_together(level):
    """An image out of its packed tiles."""
    data = np.empty(level.data.shape, np.float32)
    mask = np.empty(level.mask.shape, np.uint16)
    places = [
        (slice(y, y + TILE), slice(x, x + TILE))
        for y in range(0, data.shape[0], TILE)
        for x in range(0, data.shape[1], TILE)
    ]
    for here, (values, planes) in zip(places, cut_tiles(level), strict=True):
        data[here], mask[here] = decode_tile(encode_tile(values, planes), values.shape)
    return data, mask


def test_tiles_are_the_image_bit_by_bit(image):
    levels = build_levels(*image)
    data, mask = put_together(levels[0])
    assert data.tobytes() == image[0].tobytes()
    assert mask.tobytes() == image[1].tobytes()


def test_every_level_holds_means_of_the_image(image):
    data, mask = image
    levels = build_levels(data, mask)
    assert [level.factor for level in levels] == [1, 2, 4]
    assert max(levels[-1].data.shape) <= TILE
    for level in levels[1:]:
        f = level.factor
        assert level.data.shape == tuple(-(-side // f) for side in SHAPE)
        for y, x in ((0, 0), (75, 5), (0, 1), (*(s - 1 for s in level.data.shape),)):
            square = np.s_[y * f : (y + 1) * f, x * f : (x + 1) * f]
            good = data[square][np.isfinite(data[square])].astype(np.float64)
            mean = good.mean() if good.size else np.nan
            np.testing.assert_allclose(level.data[y, x], mean, rtol=1e-6)
            assert level.mask[y, x] == np.bitwise_or.reduce(mask[square], axis=None)
    # A square without any number has none.
    assert np.isnan(levels[2].data[76, 6])
    # No masked pixel is lost on the way up.
    for name in ("BAD", "NO_DATA", "SAT"):
        assert (levels[-1].mask & (1 << MASK_PLANES[name])).any()


def test_an_image_of_one_tile_has_one_level():
    data = np.ones((3, TILE), np.float32)
    (level,) = build_levels(data, np.zeros(data.shape, np.uint16))
    assert level.factor == 1


def test_a_damaged_tile_is_noticed(image):
    values, planes = next(cut_tiles(build_levels(*image)[0]))
    packed = encode_tile(values, planes)
    changed = bytearray(packed)
    changed[len(packed) // 2] ^= 0xFF
    for bad in (bytes(changed), packed[:-20], b"", b"no gzip at all"):
        with pytest.raises(ValueError):  # noqa: PT011  zlib says it in many ways
            decode_tile(bad, values.shape)
    with pytest.raises(ValueError, match="belong"):
        decode_tile(packed, (values.shape[0] - 1, values.shape[1]))


def test_numbers_are_those_of_all_finite_pixels(image):
    data, mask = image
    numbers = measure_image(data, mask, MASK_PLANES)
    finite = data[np.isfinite(data)].astype(np.float64)
    assert (numbers.n_pixels, numbers.n_finite) == (data.size, finite.size)
    assert numbers.n_finite == data.size - 102
    assert (numbers.minimum, numbers.maximum) == (finite.min(), finite.max())
    assert numbers.mean == pytest.approx(finite.mean(), abs=1e-6)
    assert numbers.median == pytest.approx(np.median(finite), abs=1e-6)
    # 5 times the error of a quartile range's sigma: 1.17 σ / √(2 n).
    assert numbers.sigma == pytest.approx(5, abs=5 * 5 * 1.17 / (2 * data.size) ** 0.5)
    assert numbers.z_low < numbers.median < numbers.z_high
    assert numbers.masked == {"BAD": 100, "SAT": 1, "NO_DATA": 1}


def test_an_image_without_numbers_has_none():
    data = np.full((4, 4), np.nan, np.float32)
    numbers = measure_image(data, np.zeros(data.shape, np.uint16), MASK_PLANES)
    assert (numbers.n_finite, numbers.mean, numbers.z_low) == (0, None, None)
