"""What is drawn for one detector when a plan switches effects on. NumPy only.

Numbers come from a generator of their own, so that a detector's gain, noise and
response are the same with and without them.
"""

from typing import Any

import numpy as np

from calibrations.domain.cameras import Detector
from calibrations.simulation.charge import area_change
from calibrations.simulation.plan import ObservatoryPlan
from calibrations.simulation.sky import fringe_pattern

__all__ = ["draw_effects", "plant_defects", "shade"]

HOT_E_PER_S = 10.0
"""Twice the 5 e-/s above which a pixel counts as hot."""

COLD_RESPONSE = 0.6
"""A loss of 0.4, twice what makes a pixel count as cold."""

BIAS_ADU = 2000.0
"""Twice the 1000 ADU by which a pixel of a bias must stand out."""

MIN_TEARING_COLUMNS = 8


def draw_effects(
    plan: ObservatoryPlan, detector: Detector, rng: np.random.Generator
) -> dict[str, Any]:
    """Draw numbers for each amplifier, and the fringes of the detector."""
    effects, n = plan.effects, len(detector.amplifiers)
    values: dict[str, Any] = {
        name: _between(rng, getattr(effects, name), n)
        for name in (
            "global_cti",
            "drift_scale",
            "decay_time",
            "trap_size_e",
            "trap_fraction",
            "trap_time",
        )
    }
    loss = _between(rng, effects.nonlinearity, n)
    values["nonlinearity"] = np.column_stack([loss, loss * rng.uniform(-0.3, 0.3, n)])
    linear, squared = _crosstalk(rng, n)
    values["crosstalk"] = linear * effects.crosstalk
    values["crosstalk_squared"] = squared * effects.crosstalk_squared
    if effects.a00:
        values["area_change"] = area_change(effects.a00)
    if effects.fringe_amplitude:
        values["fringes"] = fringe_pattern(rng, plan.size.shape(detector))
    return values


def _between(rng: np.random.Generator, ends: tuple[float, float], n: int) -> np.ndarray:
    """Draw a number for each amplifier from a range."""
    low, high = ends
    return rng.uniform(low, high, n)


def _crosstalk(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a matrix whose neighbours are near 1 and others 0.01 to 0.1, of any sign."""
    matrix = 10 ** rng.uniform(-2.0, -1.0, (n, n)) * rng.choice([-1.0, 1.0], (n, n))
    source, target = np.indices((n, n))
    neighbours = np.abs(source - target) == 1
    matrix[neighbours] = rng.uniform(0.5, 1.0, neighbours.sum())
    squared = rng.normal(0.0, 1.0, (n, n))
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(squared, 0.0)
    return matrix, squared


def shade(
    plan: ObservatoryPlan,
    detector: Detector,
    response: np.ndarray,
    rng: np.random.Generator,
    *,
    radius_mm: float,
) -> np.ndarray | None:
    """Darken a response by vignetting and dust; give the tearing of flats, if any.

    Parameters
    ----------
    radius_mm
        Distance of the camera's corner from its middle, where vignetting is full.

    Returns
    -------
    numpy.ndarray or None
        Factor on the light of flats, same shape.
    """
    effects = plan.effects
    ny, nx = response.shape
    if effects.vignetting:
        y = np.linspace(detector.box.y0, detector.box.y1, ny)[:, np.newaxis]
        x = np.linspace(detector.box.x0, detector.box.x1, nx)
        response *= 1.0 - effects.vignetting * (np.hypot(x, y) / radius_mm) ** 6
    for _ in range(effects.dust):
        y0, x0 = rng.uniform(0, ny), rng.uniform(0, nx)
        outer = rng.uniform(0.15, 0.3) * min(plan.size.ny, plan.size.nx)
        y, x = np.ogrid[:ny, :nx]
        radius = np.hypot(y - y0, x - x0)
        ring = (radius < outer) & (radius > 0.4 * outer)
        response[ring] *= 1.0 - effects.dust_depth
    if not effects.tearing or plan.size.nx < MIN_TEARING_COLUMNS:
        return None
    tearing = np.ones_like(response)
    for box in detector.amplifier_boxes((ny, nx)).values():
        torn = slice(int(rng.integers(box.y0, box.y1)), box.y1)
        for edge, inner in ((box.x0, box.x0 + 1), (box.x1 - 1, box.x1 - 2)):
            tearing[torn, edge] += effects.tearing
            tearing[torn, inner] -= effects.tearing
    return tearing


def plant_defects(
    plan: ObservatoryPlan,
    detector: Detector,
    images: dict[str, np.ndarray],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Plant defects into a bias, dark current and response.

    In every amplifier so many pixels of each kind, and in one amplifier each a column
    that is hot and one that is cold all along.

    Returns
    -------
    dict
        ``defects``, shape (n, 4): x0, y0, width and height in DM orientation; and
        ``defect_kinds``: hot, cold or bias.
    """
    boxes = detector.amplifier_boxes(plan.size.shape(detector))
    rows: list[tuple[int, int, int, int]] = []
    kinds: list[str] = []
    columns = dict(
        zip(
            rng.choice(list(boxes), 2, replace=False).tolist(),
            ("hot", "cold"),
            strict=True,
        )
    )
    for name, box in boxes.items():
        height, width = box.y1 - box.y0, box.x1 - box.x0
        # A lattice of every third pixel: no two defects touch.
        margin = min(10, height // 5, width // 5)
        ys = np.arange(box.y0 + margin, box.y1 - margin, 3)
        xs = np.arange(box.x0 + margin, box.x1 - margin, 3)
        if name in columns:
            x, xs = int(xs[len(xs) // 2]), np.delete(xs, len(xs) // 2)
            rows.append((x, box.y0, 1, height))
            kinds.append(columns[name])
        n = 3 * plan.effects.planted_defects
        places = rng.choice(len(ys) * len(xs), n, replace=False)
        for number, place in enumerate(places):
            rows.append((int(xs[place % len(xs)]), int(ys[place // len(xs)]), 1, 1))
            kinds.append(("hot", "cold", "bias")[number % 3])
    for (x, y, width, height), kind in zip(rows, kinds, strict=True):
        part = slice(y, y + height), slice(x, x + width)
        if kind == "hot":
            images["dark_e_per_s"][part] += HOT_E_PER_S
        elif kind == "cold":
            images["response"][part] *= COLD_RESPONSE
        else:
            images["bias_adu"][part] += BIAS_ADU
    return {"defects": np.array(rows), "defect_kinds": np.array(kinds)}
