"""Synthetic frames with a chosen truth; they share no code with what measures them."""

import numpy as np

from calibrations.imaging.frames import Box, RawAmplifier, RawFrame

NAMES = ("C10", "C11", "C00", "C01")
LEVEL_ADU = 1000.0
SERIAL = 40
PARALLEL = 30
PRESCAN = 3


def make_raw(
    signal_e,
    *,
    gain=1.5,
    read_noise_e=0.0,
    seed=0,
    drift_adu=0.0,
    header=None,
):
    """Make a raw frame of four amplifiers, two by two, flipped like ITL ones.

    ``signal_e`` is the truth in DM orientation, shape (2 ny, 2 nx), electrons; the
    level drifts by ``drift_adu`` from first row to last.
    """
    rng = np.random.default_rng(seed)
    camera_view = np.asarray(signal_e, dtype=float)[::-1]
    ny, nx = camera_view.shape[0] // 2, camera_view.shape[1] // 2
    flips = {"C10": (True, True), "C11": (True, True)}
    amplifiers = {}
    for i, name in enumerate(NAMES):
        y0, x0 = (i // 2) * ny, (i % 2) * nx
        box = Box(x0, y0, x0 + nx, y0 + ny)
        flip_x, flip_y = flips.get(name, (True, False))
        part = camera_view[y0 : y0 + ny, x0 : x0 + nx]
        part = part[::-1] if flip_y else part
        part = part[:, ::-1] if flip_x else part
        data = np.zeros((ny + PARALLEL, PRESCAN + nx + SERIAL))
        data[:ny, PRESCAN : PRESCAN + nx] = part / gain
        data += rng.normal(0, read_noise_e / gain, data.shape)
        data += LEVEL_ADU + np.linspace(0, drift_adu, len(data))[:, None]
        amplifiers[name] = RawAmplifier(
            name=name,
            data=data.astype(np.float32),
            data_box=Box(PRESCAN, 0, PRESCAN + nx, ny),
            serial_overscan=Box(PRESCAN + nx, 0, PRESCAN + nx + SERIAL, ny),
            parallel_overscan=Box(PRESCAN, ny, PRESCAN + nx, ny + PARALLEL),
            detector_box=box,
            flip_x=flip_x,
            flip_y=flip_y,
        )
    return RawFrame(dict(header or {}), amplifiers, (2 * ny, 2 * nx))
