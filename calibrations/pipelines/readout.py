"""From an assembled frame back to one amplifier, in the order it was read."""

import numpy as np

from calibrations.imaging.frames import RawFrame
from calibrations.imaging.isr import ProcessedFrame

__all__ = ["readout_view"]


def readout_view(
    pixels: np.ndarray, frame: ProcessedFrame, raw: RawFrame, name: str
) -> np.ndarray:
    """Give an amplifier's light-sensitive pixels in readout order.

    Parameters
    ----------
    pixels
        An array of the assembled detector's shape (DM orientation): image or mask.
    frame
        Says where the amplifier is in it.
    raw
        Says how the amplifier was flipped.
    name
        Of the amplifier.
    """
    amplifier = raw.amplifiers[name]
    # The mosaic was turned over as a whole after the amplifier's own flips.
    step_y = 1 if amplifier.flip_y else -1
    step_x = -1 if amplifier.flip_x else 1
    return pixels[frame.boxes[name].slices][::step_y, ::step_x]
