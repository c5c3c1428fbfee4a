"""Defects, fringes and crosstalk, put in and found, with nothing else to be had."""

import numpy as np
import pytest

from benchmarks.recovery_data import SMALL, Bench, bright_sky
from benchmarks.recovery_frames import (
    FRINGE_SIGMA,
    SKY_E,
    THRESHOLDS,
    combined_frames,
    completeness_and_purity,
    fringe_frames,
    planted,
    search,
    sizes_by_sigma,
    sizes_by_value,
)
from benchmarks.recovery_runs import true_crosstalk
from calibrations.domain.cameras import SegmentLayout
from calibrations.imaging.crosstalk_fits import fit_crosstalk
from calibrations.imaging.crosstalk_pixels import find_bright_pixels
from calibrations.imaging.defect_search import DefectSettings
from calibrations.imaging.fringe import fringe_amplitude

N_FRAMES = 15
SHAPE = (SMALL.data_rows, SMALL.data_columns)


def check_defects(found, masks):
    complete, pure = completeness_and_purity(found, masks)
    assert complete > 0.99
    assert pure > 0.99


@pytest.mark.parametrize("mode", ["VALUE", "STDEV"])
def test_defects_at_twice_the_threshold_are_found_and_no_others(mode):
    bench = Bench(SMALL, 5)
    masks = planted(SHAPE, 60, bench.rng(3))
    sizes = sizes_by_value() if mode == "VALUE" else sizes_by_sigma(N_FRAMES)
    settings = THRESHOLDS if mode == "VALUE" else DefectSettings()
    combined = combined_frames(bench, masks, sizes, N_FRAMES)
    found = search(combined, settings)
    # By sigmas a pixel stands 4.8 σ above the limit, and 20 000 good ones 4.8 σ below.
    check_defects(found, masks)

    truth = np.logical_or.reduce(list(masks.values()))
    columns_only = np.zeros(SHAPE, bool)
    columns_only[:, truth.all(axis=0)] = True
    # Nothing, everything, the neighbours, and the columns alone.
    for wrong in (
        np.zeros(SHAPE, bool),
        np.ones(SHAPE, bool),
        np.roll(found, 1, axis=1),
        columns_only,
    ):
        with pytest.raises(AssertionError):
            check_defects(wrong, masks)


def test_fringes_have_the_amplitude_that_went_in():
    n_frames = 10
    image, variance = fringe_frames(SMALL, 6, n_frames)
    amplitude, _ = fringe_amplitude(image, variance)
    truth = np.sqrt(2) * FRINGE_SIGMA
    # Noise of a pixel of the combined frame is 30 % of the fringes: what clipping hides
    # of its variance (up to a fifth of 9 %) stays in the amplitude, beside its error.
    noise = 1 / (SKY_E * n_frames)
    error = (
        truth / np.sqrt(2 * image.size) + 0.5 * 0.2 * noise / FRINGE_SIGMA**2 * truth
    )

    def check(measured):
        assert abs(measured - truth) < 0.02 * truth
        assert abs(measured - truth) < 2 * error

    check(amplitude)
    raw, _ = fringe_amplitude(image, np.zeros_like(variance))
    # None, a standard deviation for an amplitude, and the noise left in.
    for wrong in (0.0, FRINGE_SIGMA, raw):
        with pytest.raises(AssertionError):
            check(wrong)


def check_pulls(coeffs, truth, errors):
    """30 pulls: none beyond 5, their mean and deviation within 4 of their errors."""
    others = ~np.eye(len(truth), dtype=bool)
    pulls = (coeffs - truth)[others] / errors[others]
    n = pulls.size
    assert np.all(np.isfinite(pulls))
    assert np.abs(pulls).max() < 5
    assert abs(pulls.mean()) < 4 / np.sqrt(n)
    assert abs(pulls.std() - 1) < 4 / np.sqrt(2 * n)


def test_crosstalk_is_recovered_within_its_errors():
    n, layout = 6, SegmentLayout(200, 200, 3, 64, 16)
    truth, _ = true_crosstalk(n, 8)
    none = np.zeros_like(truth)
    names = [f"A{i}" for i in range(n)]
    samples = []
    for number in range(4):
        rng = np.random.default_rng([8, number])
        seen = bright_sky(rng, layout, truth, none, sky_e=500.0, spots=4)
        samples.append(find_bright_pixels(dict(zip(names, seen, strict=True))))
    matrix = fit_crosstalk(samples)
    check_pulls(matrix.coeffs, truth, matrix.errors)
    # The errors are small enough to tell neighbours from nothing.
    near = np.abs(np.subtract(*np.indices((n, n)))) == 1
    assert np.median(truth[near] / matrix.errors[near]) > 5

    nominal = np.where(near, 2e-4, 0.0)
    for wrong in (none, nominal, matrix.coeffs.T):
        with pytest.raises(AssertionError):
            check_pulls(wrong, truth, matrix.errors)
