"""Ghosts are added by a formula of the test's own; the fit must find them."""

import dataclasses

import numpy as np
import pytest

from calibrations.imaging.crosstalk import CrosstalkMatrix, subtract_crosstalk
from calibrations.imaging.crosstalk_fits import (
    CrosstalkSettings,
    filter_outliers,
    fit_crosstalk,
)
from calibrations.imaging.crosstalk_pixels import find_bright_pixels
from calibrations.imaging.errors import ImageError

N, NY, NX = 4, 140, 130
NAMES = tuple(f"C{i}" for i in range(10, 10 + N))
OTHERS = ~np.eye(N, dtype=bool)
SKY_E = 300.0


def make_truth(seed):
    rng = np.random.default_rng(seed)
    linear = rng.uniform(-1e-4, 4e-4, (N, N)) * OTHERS
    square = rng.uniform(0, 4e-9, (N, N)) * OTHERS
    return linear, square


def make_exposures(
    linear, square, *, seed, n=6, sky=SKY_E, peaks=(6e4, 1.6e5), slope=0.02
):
    """Make frames with one broad spot in each amplifier, apart from one another."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:NY, :NX]
    frames = []
    for _ in range(n):
        light = np.full((N, NY, NX), sky) * (1 + slope * x / NX)
        for i, place in enumerate(rng.permutation(N)):
            row, column = 30 + 75 * (place // 2), 30 + 70 * (place % 2)
            spot = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 4.0**2))
            light[i] += rng.uniform(*peaks) * spot
        light = rng.poisson(light).astype(float)
        seen = light + np.einsum("st,syx->tyx", linear, light)
        seen += np.einsum("st,syx->tyx", square, light**2)
        seen += rng.normal(0, 6.0, seen.shape)
        frames.append(dict(zip(NAMES, seen, strict=True)))
    return frames


def measure(frames, *, order=0, **more):
    samples = [find_bright_pixels(frame) for frame in frames]
    return fit_crosstalk(samples, CrosstalkSettings(flux_order=order), **more)


@pytest.fixture(scope="module", params=[0, 1], ids=["linear", "quadratic"])
def trials(request):
    """Give the order, and truth and measurement of 16 detectors."""
    found = []
    for seed in range(16):
        linear, square = make_truth(seed)
        square = square * request.param
        frames = make_exposures(linear, square, seed=100 + seed, n=4)
        found.append((linear, square, measure(frames, order=request.param)))
    return request.param, found


def pulls_of(trials, truth_factor=1.0):
    pulls = [
        ((one.coeffs - truth_factor * linear) / one.errors)[OTHERS]
        for linear, _, one in trials
    ]
    return np.concatenate(pulls)


def test_pulls_are_those_of_honest_errors(trials):
    order, found = trials
    pulls = pulls_of(found)
    # 192 pulls: mean 0 ± 0.07, standard deviation 1 ± 0.05; 3 and 4 of these.
    assert abs(pulls.mean()) < 0.22
    assert abs(pulls.std() - 1) < 0.2
    assert np.abs(pulls).max() < 5
    # Zeros, and twice the truth, are far off: the errors are small as well as honest.
    assert pulls_of(found, 0.0).std() > (10 if order == 0 else 3)
    assert pulls_of(found, 2.0).std() > (10 if order == 0 else 3)


def test_quadratic_terms_come_back(trials):
    order, found = trials
    if order == 0:
        assert all((one.squared == 0).all() for _, _, one in found)
        return
    pulls = np.concatenate(
        [
            ((one.squared - square) / one.squared_errors)[OTHERS]
            for _, square, one in found
        ]
    )
    assert abs(pulls.mean()) < 0.22
    assert abs(pulls.std() - 1) < 0.2
    zero = np.concatenate(
        [(one.squared / one.squared_errors)[OTHERS] for *_, one in found]
    )
    assert zero.std() > 1.3


def test_significance_finds_what_is_there_and_little_else(trials):
    _, found = trials
    for linear, _, one in found:
        clear = (np.abs(linear) > 6 * one.errors) & OTHERS
        assert one.valid[clear].all()
        assert not one.valid[~OTHERS].any()
    # Nothing there: 192 trials at 3 σ give 0.5 false alarms.
    none = np.zeros((N, N))
    alarms = sum(
        int(measure(make_exposures(none, none, seed=seed, n=2)).valid.sum())
        for seed in range(8)
    )
    assert alarms <= 3


def test_corrected_frames_have_no_crosstalk_left():
    linear, square = make_truth(3)
    frames = make_exposures(linear, 0 * square, seed=5)
    one = measure(frames)
    fresh = make_exposures(linear, 0 * square, seed=6)
    left = measure(
        [subtract_crosstalk(frame, one) for frame in fresh], prior_errors=one.errors
    )
    assert left.valid.sum() <= 1
    assert measure(fresh).valid.sum() > 6
    # An error of the matrix that measured frames share is not called a detection.
    doubled = dataclasses.replace(one, coeffs=2 * one.coeffs)
    wrong = [subtract_crosstalk(frame, doubled) for frame in fresh]
    assert measure(wrong, prior_errors=one.errors).valid.sum() > 6


def test_background_of_the_source_does_not_dilute_the_ratio():
    # A third of the source is background: ratios to the whole would be a third small.
    linear, square = make_truth(4)
    linear = 10 * linear
    frames = make_exposures(
        linear, 0 * square, seed=7, sky=15000.0, peaks=(3e4, 6e4), slope=0.0
    )
    one = measure(frames)
    pulls = ((one.coeffs - linear) / one.errors)[OTHERS]
    assert np.abs(pulls).max() < 4.5
    diluted = ((0.7 * one.coeffs - linear) / one.errors)[OTHERS]
    assert np.abs(diluted).max() > 4.5


def test_neighbours_and_their_wings_are_no_ghosts():
    none = np.zeros((N, N))
    frames = make_exposures(none, none, seed=8)
    y, x = np.mgrid[:NY, :NX]
    spot = 5e4 * np.exp(-((y - 70) ** 2 + (x - 65) ** 2) / (2 * 6.0**2))
    near = 5e4 * np.exp(-((y - 70) ** 2 + (x - 85) ** 2) / (2 * 6.0**2))
    for frame in frames:
        frame["C10"] = frame["C10"] + spot
        frame["C11"] = frame["C11"] + near
    one = measure(frames)
    assert not one.valid[0, 1]
    assert abs(one.coeffs[0, 1]) < 5 * one.errors[0, 1]


def test_cosmic_rays_at_the_ghost_are_clipped():
    linear, square = make_truth(5)
    frames = make_exposures(linear, 0 * square, seed=9)
    clean = measure(frames)
    rng = np.random.default_rng(1)
    for frame in frames:
        for name in NAMES:
            hit = rng.random((NY, NX)) < 3e-4
            frame[name] = np.where(
                hit & (frame[name] < 3e4), frame[name] + 2000, frame[name]
            )
    struck = measure(frames)
    change = np.abs(struck.coeffs - clean.coeffs)[OTHERS] / clean.errors[OTHERS]
    assert change.max() < 1.5


def test_masked_and_missing_pixels_are_left_out():
    linear, square = make_truth(6)
    frames = make_exposures(linear, 0 * square, seed=10)
    mask = np.zeros((NY, NX), bool)
    mask[:60] = True
    samples = []
    for frame in frames:
        frame["C11"] = np.where(mask, 1e5, frame["C11"])
        frame["C12"] = np.where(np.arange(NX) < 20, np.nan, frame["C12"])
        samples.append(find_bright_pixels(frame, masks={"C11": mask}))
    one = fit_crosstalk(samples)
    known = OTHERS & np.isfinite(one.coeffs)
    pulls = ((one.coeffs - linear) / one.errors)[known]
    assert np.abs(pulls).max() < 4.5
    assert known.sum() >= 10


def test_dark_frames_and_dead_amplifiers_have_no_coefficients():
    rng = np.random.default_rng(1)
    dark = {name: rng.normal(0, 6, (NY, NX)) for name in NAMES}
    one = fit_crosstalk([find_bright_pixels(dark)])
    assert np.isnan(one.coeffs[OTHERS]).all()
    assert not one.valid.any()
    # A constant target has no noise, and so no error: not measured.
    linear, square = make_truth(7)
    frames = make_exposures(linear, 0 * square, seed=11)
    for frame in frames:
        frame["C13"] = np.zeros((NY, NX))
    dead = measure(frames)
    assert np.isnan(dead.coeffs[:3, 3]).all()
    assert np.isnan(dead.coeffs[3, :3]).all()
    assert np.isfinite(dead.coeffs[0, 1])


def test_few_exposures_and_other_shapes_are_refused():
    with pytest.raises(ImageError, match="No exposure"):
        fit_crosstalk([])
    with pytest.raises(ImageError, match="one shape"):
        find_bright_pixels({"C10": np.ones((4, 4)), "C11": np.ones((4, 5))})
    frame = make_exposures(np.zeros((N, N)), np.zeros((N, N)), seed=1, n=1)[0]
    other = {name.replace("C", "D"): pixels for name, pixels in frame.items()}
    with pytest.raises(ImageError, match="not of the same amplifiers"):
        fit_crosstalk([find_bright_pixels(frame), find_bright_pixels(other)])


def test_many_pixels_are_thinned_evenly():
    frame = make_exposures(*make_truth(1), seed=1, n=1)[0]
    thin = find_bright_pixels(frame, max_pixels=10)
    assert thin.bright.sum(axis=1).tolist() == [10] * N


def make_detectors(n=9):
    rng = np.random.default_rng(2)
    linear, _ = make_truth(8)
    return [
        dataclasses.replace(
            CrosstalkMatrix.from_coefficients(
                NAMES,
                linear + rng.normal(0, 2e-6, (N, N)) * OTHERS,
                errors=np.full((N, N), 2e-6),
            ),
            squared_errors=np.full((N, N), 1e-11),
        )
        for _ in range(n)
    ], linear


def test_outliers_take_the_median_of_their_kind():
    detectors, linear = make_detectors()
    detectors[4].coeffs[0, 1] += 1e-3
    detectors[5].coeffs[2, 3] = np.nan
    detectors[6].squared[1, 0] = 1e-9
    filtered = filter_outliers(detectors)
    for which, where in ((4, (0, 1)), (5, (2, 3)), (6, (1, 0))):
        assert filtered[which].replaced[where]
        # The median of nine: 1.25 · 2e-6 / 3, 5 σ.
        assert abs(filtered[which].coeffs[where] - linear[where]) < 4.2e-6
        assert filtered[which].squared[where] == 0
    # Of 108 others few stand out; they change by little.
    assert sum(int(one.replaced.sum()) for one in filtered) < 8
    assert not any(one.replaced[~OTHERS].any() for one in filtered)


def test_one_or_two_detectors_are_no_kind():
    detectors, _ = make_detectors(2)
    detectors[0].coeffs[0, 1] += 1e-3
    assert filter_outliers(detectors)[0].coeffs[0, 1] == detectors[0].coeffs[0, 1]
