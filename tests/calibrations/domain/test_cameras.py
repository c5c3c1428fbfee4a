import pytest

from calibrations.domain.cameras import CAMERAS, PixelBox, camera
from taxicab.errors import NotFoundError


def test_detectors_are_numbered_and_placed_as_in_the_focal_plane():
    comcam = camera("LSSTComCam")

    assert [d.id for d in comcam.detectors] == list(range(9))
    assert [d.name for d in comcam.detectors][:4] == [
        "R22_S00",
        "R22_S01",
        "R22_S02",
        "R22_S10",
    ]
    # The second digit counts along x and the first along y.
    corner, right, middle = (comcam.detector(i).box for i in (0, 1, 4))
    assert right.x0 - corner.x0 == pytest.approx(42.25)
    assert right.y0 == corner.y0
    assert (middle.x0, middle.y1) == pytest.approx((-20.36, 20.0))


@pytest.mark.parametrize("name", list(CAMERAS))
def test_every_detector_has_sixteen_amplifiers_with_sane_numbers(name):
    for detector in camera(name).detectors:
        amplifiers = detector.amplifiers
        assert len(amplifiers) == 16
        assert list(amplifiers)[:8] == [f"C1{i}" for i in range(8)]
        assert list(amplifiers)[8] == "C07"
        for amplifier in amplifiers.values():
            assert 1.0 < amplifier.gain < 1.5
            assert 4.0 < amplifier.read_noise_e < 12.0
            assert amplifier.saturation_adu > 1e5


def test_amplifiers_tile_the_detector_at_any_size():
    detector = camera("LSSTComCam").detector("R22_S11")

    assert detector.amplifier_boxes()["C00"] == PixelBox(0, 0, 509, 2000)
    assert detector.amplifier_boxes()["C17"] == PixelBox(3563, 2000, 4072, 4000)
    for shape in ((128, 1024), (500, 509), (16, 127)):
        boxes = detector.amplifier_boxes(shape).values()
        assert sum((b.x1 - b.x0) * (b.y1 - b.y0) for b in boxes) == shape[0] * shape[1]


def test_what_is_not_there_is_refused_with_what_is():
    with pytest.raises(NotFoundError, match="LSSTComCam, LATISS"):
        camera("HSC")
    with pytest.raises(NotFoundError, match=r"0 \(RXX_S00\)"):
        camera("LATISS").detector(7)
