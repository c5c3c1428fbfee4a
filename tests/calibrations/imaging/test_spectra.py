"""Spectra of noise whose power is known."""

import numpy as np
import pytest

from calibrations.imaging.spectra import noise_spectrum, spectrum_frequencies

SHAPE = (800, 200)
SIGMA = 7.0


@pytest.fixture
def white():
    return np.random.default_rng(3).normal(100.0, SIGMA, SHAPE)


@pytest.fixture
def unmasked():
    return np.zeros(SHAPE, bool)


def test_white_noise_lies_at_its_variance(white, unmasked):
    power = noise_spectrum(white, unmasked)
    assert power.shape == (128,)
    assert power.dtype == np.float32
    # 100 rows of 200 pixels; neighbours share some power, as 200 were padded to 256.
    assert power.mean() == pytest.approx(SIGMA**2, rel=5 * np.sqrt(2 / (100 * 200)))
    assert power == pytest.approx(SIGMA**2, rel=6 / np.sqrt(100))


def test_a_tone_stands_where_it_is_whatever_its_phase(white, unmasked):
    period, amplitude = 8.0, 4.0
    phases = np.random.default_rng(4).uniform(0, 2 * np.pi, (SHAPE[0], 1))
    x = np.arange(SHAPE[1])
    power = noise_spectrum(
        white + amplitude * np.sin(2 * np.pi * x / period + phases), unmasked
    )
    frequency = spectrum_frequencies(power.size)
    assert frequency[-1] == 0.5
    assert frequency[np.argmax(power)] == 1 / period
    # A sine's power, A²/4 for each pixel, is all at one frequency.
    expected = SIGMA**2 + amplitude**2 / 4 * SHAPE[1]
    assert power.max() == pytest.approx(expected, rel=0.1)


def test_cosmic_rays_masked_pixels_and_levels_of_rows_are_not_noise(white, unmasked):
    clean = noise_spectrum(white, unmasked)
    spoilt = white + np.linspace(0, 500, SHAPE[0])[:, None]
    spoilt[::8, 50:53] += 5000.0
    masked = unmasked.copy()
    masked[:, 120:130] = True
    spoilt[masked] = np.nan
    power = noise_spectrum(spoilt, masked)
    assert power.mean() == pytest.approx(clean.mean(), rel=0.05)


def test_an_amplifier_without_pixels_has_no_spectrum(white, unmasked):
    assert np.isnan(noise_spectrum(white, ~unmasked)).all()
    unmasked[:, :150] = True
    assert np.isnan(noise_spectrum(white, unmasked)).all()
