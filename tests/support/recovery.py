"""Does a calibration agree with the truth? Tolerances come from the noise alone.

Only the camera model, and the numbers the simulator wrote beside its files, enter; no
function of the simulator or of the pipelines.
"""

import numpy as np

from calibrations.domain.cameras import camera

# Medians of the overscan add their own variance: π/2 over the pixels they are of.
SERIAL_COLUMNS = 64 - 6
PARALLEL_ROWS = 48 - 6
OVERSCAN = np.pi / 2 / SERIAL_COLUMNS + np.pi / 2 / PARALLEL_ROWS
# Clipping a dozen values at 3 σ wastes some of them.
CLIPPING = 0.08


def amplifier_map(detector, shape, values):
    """Spread a number for each amplifier over its pixels (DM orientation)."""
    model = camera("LSSTComCam").detector(detector)
    image = np.zeros(shape)
    boxes = model.amplifier_boxes(shape)
    for name, value in zip(model.amplifiers, values, strict=True):
        box = boxes[name]
        image[box.y0 : box.y1, box.x0 : box.x1] = value
    return image


def assert_recovered(product, expected, variance, *, scatter=(0.95, 1.05 + CLIPPING)):
    """Compare amplifier by amplifier: no offset, and no more scatter than the noise.

    The mean may be off by what the rows' and columns' own levels leave; ``scatter``
    bounds the ratio of the scatter to the noise.
    """
    ny, nx = product.shape[0] // 2, product.shape[1] // 8
    pull = (product - expected) / np.sqrt(variance)
    n = ny * nx
    mean_error = np.sqrt((1 + CLIPPING) / n + np.pi / 2 / 58 / ny + np.pi / 2 / 42 / nx)
    spread = 5 / np.sqrt(2 * n)
    for row in range(2):
        for column in range(8):
            part = pull[row * ny : (row + 1) * ny, column * nx : (column + 1) * nx]
            where = f"amplifier in row {row}, column {column}"
            assert np.isfinite(part).all(), where
            assert abs(part.mean()) < 5 * mean_error, where
            assert scatter[0] - spread < part.std() < scatter[1] + spread, where
            assert np.abs(part).max() < 7, where


def read_variance(truth, shape):
    """Variance of one frame's pixel from readout, in electrons of nominal gain."""
    ratio = truth.nominal_gain / truth.gain
    noise = amplifier_map(truth.detector, shape, truth.read_noise_e * ratio)
    gain = amplifier_map(truth.detector, shape, truth.nominal_gain)
    return (noise**2 + gain**2 / 12) * (1 + OVERSCAN)


def check_bias(image, truth, n_inputs):
    """Compare a bias in electrons."""
    gain = amplifier_map(truth.detector, image.shape, truth.nominal_gain)
    variance = read_variance(truth, image.shape) / n_inputs
    assert_recovered(image, truth.bias_adu * gain, variance)


def check_dark(image, truth, n_inputs, n_biases, dark_time_s):
    """Compare a dark in electrons per second."""
    ratio = amplifier_map(truth.detector, image.shape, truth.nominal_gain / truth.gain)
    read = read_variance(truth, image.shape)
    shot = truth.dark_e_per_s * dark_time_s * ratio**2
    # All darks had the same bias subtracted: its error does not average away.
    variance = ((read + shot) / n_inputs + read / n_biases) / dark_time_s**2
    assert_recovered(image, truth.dark_e_per_s * ratio, variance)


def check_flat(images, truths, n_inputs, level_e):
    """Compare the flats of several detectors, with one number free for all.

    The brighter-fatter effect takes up to a sixth off the variance of bright flats.
    """
    expected = [
        truth.response
        * amplifier_map(
            truth.detector, truth.response.shape, truth.nominal_gain / truth.gain
        )
        for truth in truths
    ]
    norm = np.mean([np.median(e) for e in expected])
    assert np.mean([np.median(i) for i in images]) == np.clip(
        np.mean([np.median(i) for i in images]), 0.99, 1.01
    ), "a flat is 1 on average over the focal plane"
    free = np.mean([np.median(i) for i in images]) / norm
    for image, truth, response in zip(images, truths, expected, strict=True):
        read = read_variance(truth, image.shape)
        variance = (level_e * response + read) / level_e**2 / n_inputs * free**2
        assert_recovered(
            image, response * free, variance, scatter=(0.82, 1.05 + CLIPPING)
        )
