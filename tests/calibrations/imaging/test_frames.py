import numpy as np
import pytest

from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box, RawAmplifier, RawFrame, assemble


def make_frame():
    """Two amplifiers of 2 x 3 pixels, one above the other, both reversed in x."""
    nowhere = Box(0, 0, 0, 0)
    amplifiers = {
        name: RawAmplifier(
            name,
            np.zeros((2, 3), np.uint16),
            Box(0, 0, 3, 2),
            nowhere,
            nowhere,
            Box(0, y0, 3, y0 + 2),
            flip_x=True,
            flip_y=False,
        )
        for name, y0 in (("C10", 0), ("C00", 2))
    }
    return RawFrame({}, amplifiers, (4, 3))


def test_a_box_is_an_index_a_shape_and_can_be_turned_over():
    box = Box(1, 2, 4, 4)

    assert np.arange(30).reshape(5, 6)[box.slices].tolist() == [
        [13, 14, 15],
        [19, 20, 21],
    ]
    assert box.shape == (2, 3)
    assert box.turned_over(5) == Box(1, 1, 4, 3)


def test_whole_numbers_stay_whole_and_types_meet():
    frame = make_frame()
    ones = np.ones((2, 3), np.uint16)

    assert assemble(frame, {"C10": ones, "C00": ones}).dtype == np.uint16
    mixed = assemble(frame, {"C10": ones, "C00": ones.astype(np.float32)})
    assert mixed.dtype == np.float32


def test_missing_or_misshapen_amplifiers_are_named():
    frame = make_frame()
    ones = np.ones((2, 3))

    with pytest.raises(ImageError, match="amplifier C00"):
        assemble(frame, {"C10": ones})
    with pytest.raises(ImageError, match=r"C00 has \(3, 2\) pixels"):
        assemble(frame, {"C10": ones, "C00": ones.T})
