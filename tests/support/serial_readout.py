"""Read a segment out transfer by transfer: the truth that CTI code is tested against.

It shares nothing with what measures and corrects: charge packets are moved one by one.
"""

import numpy as np


class LinearTrap:
    """Catches a fraction of each packet up to its size and lets go exponentially."""

    def __init__(self, size_e, fraction, emission_time):
        self.size_e = size_e
        self.fraction = fraction
        self.emission_time = emission_time

    def caught(self, packet_e):
        return np.minimum(self.size_e, self.fraction * np.maximum(packet_e, 0))


def read_out(
    light_e, *, prescan, overscan, b=0.0, drift=0.0, decay=2.4, trap=None, trap_at=1
):
    """Shift rows of packets, shape (ny, nx), to the output; both scans are added."""
    ny, nx = light_e.shape
    register = np.zeros((ny, prescan + nx))
    register[:, prescan:] = light_e
    samples = np.zeros((ny, prescan + nx + overscan))
    level = np.zeros(ny)
    held = np.zeros(ny)
    for i in range(samples.shape[1]):
        if trap is not None:
            room = np.maximum(trap.caught(register[:, trap_at]) - held, 0)
            register[:, trap_at] -= room
            held += room
        moved = register * (1 - b)
        stays = register - moved
        level = np.maximum(drift * moved[:, 0], level * np.exp(-1 / decay))
        samples[:, i] = moved[:, 0] + level
        register = stays
        register[:, :-1] += moved[:, 1:]
        if trap is not None:
            freed = held * (1 - np.exp(-1 / trap.emission_time))
            held -= freed
            register[:, trap_at] += freed
    return samples


def make_flat_segment(
    level_e,
    *,
    rng,
    ny=200,
    nx=100,
    prescan=3,
    overscan=40,
    parallel=12,
    read_noise_e=5.0,
    parallel_loss=0.0,
    shot_noise=True,
    **serial,
):
    """Make one flat of one segment in electrons, parallel overscan rows at the end."""
    light = np.full((ny, nx), float(level_e))
    if shot_noise:
        light = rng.poisson(light).astype(float)
    if parallel_loss:
        # Charge left behind in each of ny parallel transfers comes out a row later.
        late = np.zeros((parallel, nx))
        late[0] = level_e * ny * parallel_loss
        light = np.vstack([light, late])
    else:
        light = np.vstack([light, np.zeros((parallel, nx))])
    segment = read_out(light, prescan=prescan, overscan=overscan, **serial)
    return segment + rng.normal(0, read_noise_e, segment.shape)
