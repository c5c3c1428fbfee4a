"""How pixels fill: shot noise, and charge that pushes what comes after it away.

NumPy and SciPy only. The model is the common one (Antilogus and others 2014, Astier and
others 2019): the area of a pixel changes in proportion to the charge that it and its
neighbours hold, ``δA/A = Σ a_ij Q_ij``, and no light is lost, so that the ``a`` add up
to nothing. Here the pixels' borders move: the light that crosses a border is the shift
of it times the mean light of its two sides, which keeps the sum where light has slopes,
as in stars.
"""

from functools import lru_cache

import numpy as np
from scipy import fft

__all__ = ["area_change", "collect_light", "draw_shots", "true_covariances"]

REACH = 4
"""Pixels beyond which charge does nothing."""

ANISOTROPY = 1.4
"""A neighbour in the same row is so much farther than one in the same column: barriers
between rows give way more easily than channel stops between columns."""

GAUSSIAN_FROM_E = 400.0
"""Mean from which Poisson's skewness (1/20 and less) is left out, for speed."""

STEP_E = 20000.0
MAX_STEPS = 8


def area_change(a00: float) -> np.ndarray:
    """Give the relative change of a pixel's area per electron in it and around it.

    Parameters
    ----------
    a00
        The pixel's own, negative.

    Returns
    -------
    numpy.ndarray
        Shape (9, 9), rows y and columns x, the pixel itself in the middle; even in
        both, its sum is 0. Neighbours' numbers fall as the distance cubed.
    """
    y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1].astype(float)
    distance = np.hypot(ANISOTROPY * x, y)
    distance[REACH, REACH] = np.inf
    change = distance**-3.0
    change *= -a00 / change.sum()
    change[REACH, REACH] = a00
    return change


def true_covariances(change: np.ndarray, mean_e: float, n: int) -> np.ndarray:
    """Give the covariances of a uniform flat, per the model and without steps.

    Each wave of the pattern grows as ``exp(a_k N)`` while Poisson noise is added, so
    its variance is ``(exp(2 a_k N) − 1) / (2 a_k)``.

    Returns
    -------
    numpy.ndarray
        Shape (n, n), lag in y by lag in x, electrons squared.
    """
    size = 64
    waves = np.fft.fft2(_centred(change, (size, size))).real
    flat = np.abs(waves) * mean_e < 1e-9
    safe = np.where(flat, -1.0 / mean_e, waves)
    power = np.where(flat, mean_e, np.expm1(2.0 * safe * mean_e) / (2.0 * safe))
    covariances: np.ndarray = np.fft.ifft2(power).real[:n, :n]
    return covariances


def collect_light(
    rng: np.random.Generator, light_e: np.ndarray, change: np.ndarray
) -> np.ndarray:
    """Let pixels fill.

    Parameters
    ----------
    rng
        Draws the shot noise.
    light_e
        Expected electrons without the effect, shape (ny, nx).
    change
        As `area_change` gives it, or of no size: then nothing is pushed away.

    Returns
    -------
    numpy.ndarray
        Electrons, float32. The exposure is cut into steps of 20 000 electrons or less,
        at most 8; in each the charge so far and half of what is coming act, with the
        growth inside the step put in for the median light, so that a uniform flat has
        the covariances of `true_covariances` to a few parts in 1000.
    """
    light = np.asarray(light_e, dtype=np.float32)
    if not change.size:
        return draw_shots(rng, light)
    n_steps = int(np.clip(np.ceil(float(light.max()) / STEP_E), 1, MAX_STEPS))
    step = light / np.float32(n_steps)
    waves = _potential(change.tobytes(), len(change), light.shape, _typical(step))
    charge = np.zeros_like(light)
    edges_y, edges_x = 0.5 * (step[1:] + step[:-1]), 0.5 * (step[:, 1:] + step[:, :-1])
    for _ in range(n_steps):
        coming = draw_shots(rng, step)
        acting = charge + np.float32(0.5) * coming
        potential = fft.irfft2(fft.rfft2(acting) * waves, s=light.shape)
        charge += coming
        flow = edges_y * np.diff(potential, axis=0)
        charge[:-1] += flow
        charge[1:] -= flow
        flow = edges_x * np.diff(potential, axis=1)
        charge[:, :-1] += flow
        charge[:, 1:] -= flow
    return charge


def draw_shots(rng: np.random.Generator, mean_e: np.ndarray) -> np.ndarray:
    """Draw electrons of a mean: Poisson's, or a Gaussian's where all are many."""
    if float(mean_e.min()) < GAUSSIAN_FROM_E:
        return rng.poisson(mean_e).astype(np.float32)
    shots = rng.standard_normal(mean_e.shape, dtype=np.float32)
    shots *= np.sqrt(mean_e)
    shots += mean_e
    return shots


def _typical(step: np.ndarray) -> float:
    """Give the median light to two digits, so that similar steps share a potential."""
    return float(f"{float(np.median(step[::7, ::7])):.2g}")


@lru_cache(maxsize=32)
def _potential(
    change: bytes, side: int, shape: tuple[int, int], step_e: float
) -> np.ndarray:
    """Give, wave by wave, the potential whose Laplacian is the area's change.

    The growth within a step of ``step_e`` electrons is in it.
    """
    kernel = np.frombuffer(change).reshape(side, side)
    waves = fft.rfft2(_centred(kernel, shape)).real
    grown = np.expm1(waves * step_e) / step_e if step_e > 0 else waves
    ky = 2.0 * np.pi * np.arange(shape[0])[:, np.newaxis] / shape[0]
    kx = 2.0 * np.pi * np.arange(shape[1] // 2 + 1) / shape[1]
    laplacian = 2.0 * np.cos(ky) + 2.0 * np.cos(kx) - 4.0
    laplacian[0, 0] = 1.0
    potential = grown / laplacian
    potential[0, 0] = 0.0
    kept: np.ndarray = potential.astype(np.float32)
    return kept


def _centred(kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Lay a kernel around the first pixel of an image of waves."""
    image = np.zeros(shape)
    reach = len(kernel) // 2
    where = np.arange(-reach, reach + 1)
    np.add.at(image, np.ix_(where % shape[0], where % shape[1]), kernel)
    return image
