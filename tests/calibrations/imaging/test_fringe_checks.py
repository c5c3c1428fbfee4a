import numpy as np
import pytest

from calibrations.domain.criteria import evaluate_all
from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box
from calibrations.imaging.fringe import RelativeSky
from calibrations.imaging.fringe_checks import measure_residual

SHAPE = (256, 256)
BOXES = {"C00": Box(0, 0, 128, 256), "C01": Box(128, 0, 256, 256)}
NOISE = 0.02
FRINGE_NOISE = 0.006
NONE = np.zeros(SHAPE, bool)


def pattern(phase=0.0):
    y, x = np.indices(SHAPE)
    return 0.05 * np.sin(2 * np.pi * (x + 0.4 * y) / 36 + phase)


def measure(strength=1.0, fringe=None, *, fringe_noise=FRINGE_NOISE, seed=1):
    rng = np.random.default_rng(seed)
    image = strength * pattern() + rng.normal(0, NOISE, SHAPE)
    made = pattern() if fringe is None else fringe
    made = made + rng.normal(0, fringe_noise, SHAPE)
    return measure_residual(
        RelativeSky(image.astype(np.float32), NONE, 3000.0),
        np.full(SHAPE, NOISE**2, np.float32),
        made.astype(np.float32),
        np.full(SHAPE, fringe_noise**2, np.float32),
        BOXES,
    )


def failed(found):
    outcomes = [
        one
        for values in found.amplifiers.values()
        for one in evaluate_all("FRINGE", "AMP", values)
    ]
    outcomes += evaluate_all("FRINGE", "DET", found.detector)
    return {one.criterion.test for one in outcomes if not one.passed}


@pytest.mark.parametrize("strength", [0.6, 1.0, 1.6])
def test_fringes_of_any_strength_are_taken_out(strength):
    found = measure(strength)
    # 2 % of noise against 3.5 % of pattern over half of 65536 pixels: 0.3 %.
    assert found.detector["SCALE"] == pytest.approx(strength, abs=0.02)
    for values in found.amplifiers.values():
        assert values["AMPLITUDE_BEFORE"] == pytest.approx(0.05 * strength, rel=0.05)
        assert values["AMPLITUDE_AFTER"] < 0.1 * values["AMPLITUDE_BEFORE"]
        # The noise of both frames is what remains.
        expected = np.hypot(NOISE, strength * FRINGE_NOISE)
        assert values["NOISE_AFTER"] == pytest.approx(expected, rel=0.03)
    assert failed(found) == set()


def test_a_frame_of_nothing_and_of_another_pattern_fail():
    assert failed(measure(1.0, np.zeros(SHAPE))) == {"AMPLITUDE", "PATTERN"}
    other = measure(1.0, pattern().T)
    assert {"AMPLITUDE", "PATTERN"} <= failed(other)
    # Of the opposite sign the fit alone takes them out: the pattern tells.
    assert failed(measure(1.0, -pattern())) == {"PATTERN"}
    # A frame without fringes has none to take out.
    assert "PATTERN" in failed(measure(0.0))


def test_a_noisy_fringe_frame_fails_where_fringes_are_weak():
    weak = measure(1.0, fringe_noise=0.06)
    assert "NOISE" in failed(weak)


def test_fringe_frames_of_another_window_are_refused():
    with pytest.raises(ImageError, match="not of the same readout window"):
        measure_residual(
            RelativeSky(np.zeros(SHAPE, np.float32), NONE, 1.0),
            np.ones(SHAPE),
            np.zeros((5, 5)),
            np.ones((5, 5)),
            BOXES,
        )
