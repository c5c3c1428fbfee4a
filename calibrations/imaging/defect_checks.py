"""What a frame shows of its defects, with and without their mask. NumPy in and out.

Statistics carry the names of Rubin's ``verifyDefects.py``. Nothing passes or fails
here: the limits are in `calibrations.domain.criteria`.
"""

import numpy as np
from scipy import ndimage
from scipy.special import erfc

from calibrations.imaging.cosmic_rays import find_cosmic_rays
from calibrations.imaging.statistics import ClippedStatistics, clipped_statistics

__all__ = ["count_cosmic_rays", "improbable_deviation", "measure_defects"]

SIGMA = 5.0
PASSES = 3
NEIGHBOURS = 5
"""Side of the square of neighbours that a pixel is compared with."""


def measure_defects(
    image: np.ndarray, defects: np.ndarray, left_out: np.ndarray | None = None
) -> dict[str, float]:
    """Measure one amplifier with the defects masked, and with them in sight.

    Parameters
    ----------
    image
        One amplifier, shape (ny, nx), electrons.
    defects
        Same shape, True where a pixel is in the list of defects.
    left_out
        Same shape, True where a pixel means nothing for another reason (``UNC_``).

    Returns
    -------
    dict
        ``DEFECT_PIXELS`` masked, ``FRAC`` their share; ``OUTLIERS`` clipped at 5 σ,
        ``MEDIAN``, ``STDEV`` (clipped), ``MIN`` and ``MAX`` of what is not masked; the
        same with ``UNMASKED_`` of all pixels and with ``UNC_`` of all that are not
        ``left_out``; ``STAT_OUTLIERS``, pixels outside of the mask less probable, next
        to their neighbours, than one in all of them, and ``EXPECTED_OUTLIERS``, how
        many chance makes. NaN where an amplifier is masked throughout.
    """
    everything = np.zeros(image.shape, dtype=bool) if left_out is None else left_out
    masked = _measure(image, defects | everything)
    n_defects = int(defects.sum())
    values: dict[str, float] = {
        "DEFECT_PIXELS": n_defects,
        "FRAC": n_defects / defects.size,
        "N_PIXELS": defects.size,
    }
    for prefix, stats in (
        ("", masked),
        ("UNMASKED_", _measure(image, np.zeros_like(defects))),
        ("UNC_", _measure(image, everything)),
    ):
        values |= {prefix + name: value for name, value in stats.items()}
    values |= _improbable(image, defects | everything, masked)
    return values


def improbable_deviation(n: int) -> float:
    """Give how many σ off the density of a Gaussian is below 1/n."""
    return float(np.sqrt(max(2.0 * np.log(n / np.sqrt(2.0 * np.pi)), 0.0)))


def count_cosmic_rays(image: np.ndarray, left_out: np.ndarray) -> int:
    """Count what looks like cosmic rays in an amplifier, by groups of pixels.

    A frame without scatter, or with too much that is bright, has none to be counted.
    """
    stats = clipped_statistics(image, mask=left_out, sigma=SIGMA, n_passes=PASSES)
    level = np.where(left_out, np.nan, image - stats.median)
    hits = find_cosmic_rays(level, stats.stdev_clip)
    if hits is None:
        return 0
    return int(ndimage.label(hits, structure=np.ones((3, 3)))[1])


def _measure(image: np.ndarray, left_out: np.ndarray) -> dict[str, float]:
    """Measure what is finite and not left out."""
    stats = clipped_statistics(image, mask=left_out, sigma=SIGMA, n_passes=PASSES)
    good = np.isfinite(image) & ~left_out
    values = image[good]
    nan = float("nan")
    return {
        "OUTLIERS": _clipped_away(stats) if stats.n else nan,
        "MEDIAN": stats.median,
        "STDEV": stats.stdev_clip,
        "MIN": float(values.min()) if values.size else nan,
        "MAX": float(values.max()) if values.size else nan,
    }


def _clipped_away(stats: ClippedStatistics) -> float:
    return float(stats.n - stats.n_clipped)


def _improbable(
    image: np.ndarray, left_out: np.ndarray, masked: dict[str, float]
) -> dict[str, float]:
    """Count unmasked pixels that a Gaussian about their neighbours does not explain.

    About the whole amplifier's level the shadow of a grain of dust would be
    improbable, which a flat corrects and no mask should.
    """
    good = np.isfinite(image) & ~left_out
    n = int(good.sum())
    if not n or not masked["STDEV"] > 0:
        return {"STAT_OUTLIERS": float("nan"), "EXPECTED_OUTLIERS": float("nan")}
    # A copy: upstream normalises the image itself, and later statistics see that.
    deviation = np.where(good, image - masked["MEDIAN"], 0.0) / masked["STDEV"]
    deviation -= _neighbours(deviation, good)
    scatter = clipped_statistics(deviation, mask=~good, sigma=SIGMA).stdev_clip
    limit = improbable_deviation(n)
    with np.errstate(invalid="ignore"):
        improbable = good & (np.abs(deviation) > limit * scatter)
    return {
        "STAT_OUTLIERS": float(improbable.sum()),
        "EXPECTED_OUTLIERS": n * _two_tails(limit),
    }


def _neighbours(deviation: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Mean of the good pixels around each, itself left out; 0 where there are none.

    Deviations count to 5 σ, so that one bad pixel does not make its neighbours bad.
    """
    values = np.where(good, np.clip(deviation, -SIGMA, SIGMA), 0.0)
    area = NEIGHBOURS**2
    total = ndimage.uniform_filter(values, NEIGHBOURS, mode="constant") * area
    count = ndimage.uniform_filter(good.astype(float), NEIGHBOURS, mode="constant")
    n_others = np.rint(count * area) - good
    others: np.ndarray = (total - values) / np.maximum(n_others, 1.0)
    return np.where(n_others > 0, others, 0.0)


def _two_tails(deviation: float) -> float:
    """Chance that a Gaussian is further off than this."""
    return float(erfc(deviation / np.sqrt(2.0)))
