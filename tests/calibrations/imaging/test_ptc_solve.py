import dataclasses

import numpy as np
import pytest

from calibrations.imaging.errors import ImageError
from calibrations.imaging.ptc import (
    FitType,
    FlatPairs,
    PhotonTransferCurve,
    PtcSettings,
)
from calibrations.imaging.ptc_checks import (
    covariance_lines,
    fit_line,
    noise_chi_squared,
    row_mean_variance_slope,
)
from calibrations.imaging.ptc_outliers import (
    OutlierSettings,
    find_turnoff,
    fit_rolloff,
    reject_pairs,
)
from calibrations.imaging.ptc_pairs import PairMeasurement
from calibrations.imaging.ptc_solve import solve_ptc

A00, GAIN, NOISE_E2, N_PIXELS = -2.5e-6, 1.5, 45.0, 1_000_000
N_PAIRS, N_LAGS = 40, 4


def variance(mu, a=A00, g=GAIN, n=NOISE_E2):
    return np.expm1(2 * a * mu * g) / (2 * a * g**2) + n / g**2


def measured(seed=8, signals=None, dead=()):
    """Pairs of two amplifiers as an ideal measurement would give them."""
    rng = np.random.default_rng(seed)
    means = np.geomspace(300, 70000, N_PAIRS) if signals is None else signals
    names = ("C10", "C11")
    result = {name: [] for name in names}
    for name in names:
        for mu in means:
            true = variance(mu)
            errors = np.full((N_LAGS, N_LAGS), true / np.sqrt(N_PIXELS))
            errors[0, 0] *= np.sqrt(2)
            values = rng.normal(size=errors.shape) * errors
            values[0, 0] += true
            values[1:, 0] += 3e-7 * mu**2
            if name in dead:
                pair = PairMeasurement.flagged("no signal", N_LAGS)
            else:
                pair = PairMeasurement(
                    mean_adu=mu,
                    variance_adu2=values[0, 0],
                    covariances=values,
                    sqrt_weights=1 / errors,
                    gain=mu / values[0, 0],
                    row_mean_variance=2 * mu / GAIN / 500,
                    n_pixels=N_PIXELS,
                    n_columns=500.0,
                )
            result[name].append(pair)
    return result


def gathered(result, noise=None):
    n = len(next(iter(result.values())))
    rng = np.random.default_rng(9)
    noises = {name: 5.0 + 0.01 * rng.normal(size=n) for name in result}
    return FlatPairs.gather(
        result,
        [(2 * i + 1, 2 * i + 2) for i in range(n)],
        noises_adu=noises if noise is None else noise,
        noise_errors_adu={name: np.full(n, 0.01) for name in result},
        exposure_times_s=np.arange(n),
    )


def test_gain_noise_and_turnoff_of_a_clean_curve():
    pairs = gathered(measured())
    for curve in solve_ptc(pairs):
        assert not curve.bad
        assert curve.used.all()
        assert abs(curve.gain - GAIN) < 5 * curve.gain_error
        assert abs(curve.a00 - A00) < 5 * curve.a00_error
        assert abs(curve.noise_e - np.sqrt(NOISE_E2)) < 5 * curve.noise_error_e
        assert curve.turnoff_adu == pytest.approx(70000)
        assert abs(curve.chi_squared - 1) < 5 * np.sqrt(2 / N_PAIRS)
        np.testing.assert_allclose(
            curve.model_variances_adu2, variance(curve.raw_means_adu), rtol=2e-3
        )
        # Neither the start of the fit nor no brighter-fatter would pass.
        assert abs(-2e-6 - A00) > 5 * curve.a00_error


@pytest.mark.parametrize("fit_type", [FitType.FULLCOVARIANCE, "FULLCOVARIANCE_NO_B"])
def test_full_fits_give_matrices(fit_type):
    # Equations 16 and 20 are no one model: signals stay where both hold.
    pairs = gathered(measured(signals=np.geomspace(300, 15000, N_PAIRS)))
    settings = PtcSettings(fit_type=FitType(fit_type))
    curve = solve_ptc(pairs, settings)[0]
    assert not curve.bad
    assert abs(curve.gain - GAIN) < 5 * curve.gain_error
    assert curve.a00 == curve.a_matrix[0, 0] < 0
    # Only lags along x have covariances: index 0 is x.
    assert curve.a_matrix[1, 0] > 1e-7
    assert abs(curve.a_matrix[0, 1]) < 1e-7
    assert np.isfinite(curve.covariance_models_adu2).all()


def test_pairs_beyond_the_turnoff_are_rejected():
    result = measured()
    means = [pair.mean_adu for pair in result["C10"]]
    first_bad = int(np.searchsorted(means, 50000))
    for k in range(first_bad, N_PAIRS):
        pair = result["C10"][k]
        result["C10"][k] = dataclasses.replace(
            pair, variance_adu2=0.5 * pair.variance_adu2
        )
    full, clean = solve_ptc(gathered(result))
    assert not full.used[first_bad:].any()
    assert full.used[:first_bad].all()
    assert full.turnoff_adu == means[first_bad - 1]
    assert abs(full.gain - GAIN) < 5 * full.gain_error
    assert clean.used.all()
    # Fitted to all of them the gain would be wrong by many errors.
    settings = PtcSettings(outliers=OutlierSettings(sigma_cut=1e9))
    spoiled = solve_ptc(gathered(result), settings)[0]
    assert abs(spoiled.gain - GAIN) > 20 * full.gain_error


def test_nothing_beyond_a_wide_gap_is_kept():
    means = np.array([[1000.0, 5000, 10000, 15000, 20000, 40000, 60000]])
    variances = variance(means)
    variances[0, 5] *= 3
    usable = np.ones(means.shape, bool)
    assert not reject_pairs(means, variances, usable)[0, 5:].any()
    # A narrow gap is bridged: 30 000 ADU is 45 000 electrons.
    wide = OutlierSettings(max_gap=70000.0)
    assert reject_pairs(means, variances, usable, wide)[0].tolist() == [
        *[True] * 5,
        False,
        True,
    ]


def test_faint_pairs_of_small_windows_are_kept():
    # With 8000 pixels a variance is known to 1.6 %; a curve in which all pairs weigh
    # alike leaves the constant part to the brightest, and rejects the faint ones.
    rng = np.random.default_rng(17)
    means = np.tile(np.geomspace(50, 90000, 40), (30, 1))
    errors = variance(means) * np.sqrt(2 / 8000)
    variances = variance(means) + errors * rng.normal(size=means.shape)
    usable = np.ones(means.shape, bool)
    kept = reject_pairs(means, variances, usable, errors_adu2=errors)
    # Beyond 5 errors is one in 1.7 million.
    assert kept.all()


def test_turnoff_and_how_well_it_is_sampled():
    means = np.array([100.0, 400.0, 200.0, 1000.0, np.nan])
    kept = np.array([True, True, True, False, False])
    assert find_turnoff(means, kept) == find_turnoff(means[:4], kept[:4])
    found = find_turnoff(means, kept)
    assert (found.signal_adu, found.sampling_error_adu) == (400.0, 400.0)
    assert (
        find_turnoff(means, np.array([1, 0, 1, 1, 0], bool)).sampling_error_adu == 600
    )
    assert np.isnan(find_turnoff(means, np.zeros(5, bool)).signal_adu)


def test_a_rolloff_is_found():
    means = np.linspace(1000, 80000, 60)
    true = variance(means) - np.expm1(np.clip((means - 60000) / 900.0, 0, None))
    kept = np.abs(true - variance(means)) < 5 * np.sqrt(variance(means))
    found = fit_rolloff(means, true, kept, np.array([A00, GAIN, NOISE_E2]))
    # The variance departs by 1 % where the exponential reaches it.
    departs = means[np.abs(true / variance(means) - 1) > 0.01].min()
    step = means[1] - means[0]
    assert departs - 2 * step <= found <= departs
    # Without a pair beyond, the turnoff is all that is known.
    good = means < 50000
    found = fit_rolloff(
        means[good], variance(means[good]), good[good], np.array([A00, GAIN, NOISE_E2])
    )
    assert found == means[good].max()


def test_dead_and_sparse_amplifiers_are_bad_and_say_why():
    curves = solve_ptc(gathered(measured(dead=("C10",))))
    dead, good = curves
    assert dead.bad
    assert "no signal" in dead.reason
    assert np.isnan([dead.gain, dead.noise_e, dead.a00, dead.turnoff_adu]).all()
    assert not good.bad
    few = measured(signals=np.array([1000.0, 5000.0, 9000.0]))
    for curve in solve_ptc(gathered(few)):
        assert curve.reason == "3 of 3 pairs are usable where 4 are needed"
    # A full fit needs as many pairs as it has lags.
    ten = measured(signals=np.geomspace(500, 40000, 3))
    full = PtcSettings(fit_type=FitType.FULLCOVARIANCE)
    assert all(curve.bad for curve in solve_ptc(gathered(ten), full))
    with pytest.raises(ImageError, match="no pair"):
        FlatPairs.gather({}, [], noises_adu={}, exposure_times_s=[])
    with pytest.raises(ImageError, match="amplifiers have"):
        FlatPairs.gather(
            few, [(1, 2)], noises_adu={"C10": [1.0]}, exposure_times_s=[1.0]
        )


def test_pairs_are_sorted_by_signal_whatever_their_order():
    result = measured()
    backwards = {name: pairs[::-1] for name, pairs in result.items()}
    one, other = gathered(result), gathered(backwards)
    np.testing.assert_array_equal(one.means_adu, other.means_adu)
    assert solve_ptc(one)[0].gain == solve_ptc(other)[0].gain


def test_tables_bring_curves_back():
    curves = solve_ptc(gathered(measured(dead=("C11",))))
    table = PhotonTransferCurve.to_table(curves, {"DETECTOR": 4})
    assert list(table["AMPLIFIER_NAME"]) == ["C10", "C11"]
    assert table.colnames[0] == "AMPLIFIER_NAME"
    assert str(table["GAIN"].unit) == "electron / adu"
    assert table.meta == {"kind": "ptc", "version": 1, "DETECTOR": 4}
    assert np.isnan(table["FINAL_MEANS"][1]).all()
    for curve, back in zip(
        curves, PhotonTransferCurve.from_table(table).values(), strict=True
    ):
        for field in dataclasses.fields(PhotonTransferCurve):
            np.testing.assert_array_equal(
                getattr(curve, field.name), getattr(back, field.name), field.name
            )
    with pytest.raises(ImageError, match="needs an amplifier"):
        PhotonTransferCurve.to_table([])


def test_lines_are_fitted_past_outliers():
    rng = np.random.default_rng(10)
    x = np.linspace(0, 50000, 40)
    y = 3e-3 * x - 5 + rng.normal(0, 2, x.size)
    y[::7] += 400
    line = fit_line(x, y)
    assert line.success
    slope_error = 2 / (x.std() * np.sqrt(x.size))
    assert abs(line.slope - 3e-3) < 5 * slope_error
    assert abs(np.polyfit(x, y, 1)[1] + 5) > 20  # as a plain fit would be
    assert not fit_line(x[:2], y[:2]).success
    assert not fit_line(np.ones(5), y[:5]).success


def test_noise_that_follows_the_signal_is_seen():
    curve = solve_ptc(gathered(measured()))[0]
    chi_squared, n = noise_chi_squared(curve)
    assert n == N_PAIRS
    assert abs(chi_squared - 1) < 5 * np.sqrt(2 / (N_PAIRS - 1))
    rising = dataclasses.replace(
        curve, noises_adu=curve.noises_adu + np.linspace(0, 0.2, N_PAIRS)
    )
    assert noise_chi_squared(rising)[0] > 10
    # Upstream's number for it is a hundredth of its limit.
    assert rising.noises_adu.std() < 0.1
    assert row_mean_variance_slope(curve) == pytest.approx(1.0, rel=0.01)
    lines = covariance_lines(curve)
    assert set(lines) == {"10", "01", "11", "20", "02"}
    assert lines["10"].slope > 10 * abs(lines["01"].slope)
