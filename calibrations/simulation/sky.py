"""What else falls on a detector: stars, fringes and cosmic rays.

NumPy and SciPy only. Everything follows from the plan's seed, the detector and the
exposure, and is listed in the plan's record.
"""

import numpy as np
from scipy.special import erf

from calibrations.simulation.plan import ObservatoryPlan, PlannedExposure

__all__ = [
    "add_cosmic_rays",
    "draw_stars",
    "fringe_pattern",
    "list_cosmic_rays",
    "list_stars",
]

CHARGE_PER_PIXEL_E = (600.0, 2500.0)
"""What a cosmic ray leaves on its way through a pixel of 10 μm of a thick CCD."""

LONGEST_TRACK = 20.0
FRINGE_WAVES = 6


def list_stars(
    plan: ObservatoryPlan, detector: int, shape: tuple[int, int], exposure_id: int
) -> np.ndarray:
    """Place the stars of an exposure.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3): x and y of the centre, pixels from the first one's centre (DM
        orientation), and what its brightest pixel may hold, in electrons.
    """
    effects = plan.effects
    rng = np.random.default_rng([plan.seed, 6, detector, exposure_id])
    ny, nx = shape
    n = effects.stars * round(ny / plan.size.ny) * 8
    margin = 4 * effects.star_sigma
    places = rng.uniform([margin, margin], [nx - margin, ny - margin], (n, 2))
    low, high = np.log(effects.star_peak_e)
    return np.column_stack([places, np.exp(rng.uniform(low, high, n))])


def draw_stars(image: np.ndarray, stars: np.ndarray, sigma: float) -> None:
    """Add Gaussian stars, integrated over pixels, to an image of expected light."""
    reach = int(np.ceil(6 * sigma))
    for x, y, peak in stars:
        x0, y0 = max(round(x) - reach, 0), max(round(y) - reach, 0)
        part = image[y0 : round(y) + reach + 1, x0 : round(x) + reach + 1]
        along_y = _integrated(np.arange(part.shape[0]) + y0 - y, sigma)
        along_x = _integrated(np.arange(part.shape[1]) + x0 - x, sigma)
        part += (peak * 2 * np.pi * sigma**2 * np.outer(along_y, along_x)).astype(
            image.dtype
        )


def _integrated(distance: np.ndarray, sigma: float) -> np.ndarray:
    """Integrate a Gaussian over pixels whose centres are so far from its middle."""
    edges = np.array([-0.5, 0.5])[:, np.newaxis] + distance
    low, high = erf(edges / (np.sqrt(2) * sigma))
    return 0.5 * (high - low)


def fringe_pattern(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw the fringes of a detector: bent stripes of mean 0 and deviation 1."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    y, x = y / max(shape), x / max(shape)
    # The thickness of a chip wanders slowly; its contour lines are the fringes.
    thickness = np.zeros(shape, np.float32)
    for _ in range(FRINGE_WAVES):
        ky, kx = rng.normal(0.0, 4.0, 2)
        thickness += np.sin(2 * np.pi * (ky * y + kx * x) + rng.uniform(0, 2 * np.pi))
    pattern = np.sin(3.0 * thickness + 2 * np.pi * 6.0 * x)
    pattern -= pattern.mean()
    normed: np.ndarray = (pattern / pattern.std()).astype(np.float32)
    return normed


def list_cosmic_rays(
    plan: ObservatoryPlan,
    detector: int,
    shape: tuple[int, int],
    exposure: PlannedExposure,
) -> np.ndarray:
    """Draw the tracks of an exposure.

    Returns
    -------
    numpy.ndarray
        Shape (n, 5): x and y where it begins, how far it goes in each, and the
        electrons it leaves per pixel of its way. Flats and biases have none listed:
        the first would hide them, the second are short.
    """
    rate = plan.effects.cosmic_rays_per_s
    if exposure.kind not in ("dark", "science") or not rate:
        return np.zeros((0, 5))
    rng = np.random.default_rng([plan.seed, 7, detector, exposure.id])
    ny, nx = shape
    n = rng.poisson(rate * exposure.dark_time_s * ny * nx / 1e6)
    length = np.minimum(1.0 + rng.exponential(4.0, n), LONGEST_TRACK)
    angle = rng.uniform(0, 2 * np.pi, n)
    low, high = np.log(CHARGE_PER_PIXEL_E)
    return np.column_stack(
        [
            rng.uniform(0, nx, n),
            rng.uniform(0, ny, n),
            length * np.cos(angle),
            length * np.sin(angle),
            np.exp(rng.uniform(low, high, n)),
        ]
    )


def add_cosmic_rays(charge_e: np.ndarray, rays: np.ndarray) -> None:
    """Add the charge of tracks, a fifth of a pixel at a time."""
    ny, nx = charge_e.shape
    for x0, y0, dx, dy, per_pixel in rays:
        length = float(np.hypot(dx, dy))
        n = max(int(5 * length), 1)
        way = (np.arange(n) + 0.5) / n
        x = np.floor(x0 + way * dx).astype(int)
        y = np.floor(y0 + way * dy).astype(int)
        inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
        np.add.at(charge_e, (y[inside], x[inside]), per_pixel * length / n)
