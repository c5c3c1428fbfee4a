import math
from collections import Counter

import numpy as np
import pytest

from calibrations.domain.cameras import CAMERAS, PixelBox, Purpose, camera
from calibrations.domain.cameras.filters import FILTERS
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
def test_every_amplifier_has_its_place_in_the_file_and_sane_numbers(name):
    for detector in camera(name).detectors:
        amplifiers = detector.amplifiers
        assert list(amplifiers)[:8] == [f"C1{i}" for i in range(8)]
        if detector.purpose is not Purpose.WAVEFRONT:
            assert len(amplifiers) == 16
            assert list(amplifiers)[8] == "C07"
        for amplifier in amplifiers.values():
            assert 1.0 < amplifier.gain < 1.8
            assert 4.0 < amplifier.read_noise_e < 15.0
            assert 8e4 < amplifier.saturation_adu < 1.6e5


def test_lsstcam_has_the_detectors_of_the_survey():
    lsstcam = camera("LSSTCam")
    chips = Counter((d.purpose, d.chip) for d in lsstcam.detectors)

    assert chips == {
        (Purpose.SCIENCE, "E2V"): 117,
        (Purpose.SCIENCE, "ITL"): 72,
        (Purpose.GUIDER, "ITL_G"): 8,
        (Purpose.WAVEFRONT, "ITL_WF"): 8,
    }
    assert [d.id for d in lsstcam.detectors] == list(range(205))
    assert len({d.name for d in lsstcam.detectors}) == 205
    assert len({d.serial for d in lsstcam.detectors}) == 205
    assert sum(len(d.amplifiers) for d in lsstcam.detectors) == 3216
    # The observatory's numbers (DMTN-222's appendices name detectors by them).
    known = {"R01_S00": 0, "R10_S02": 29, "R22_S11": 94, "R43_S22": 188}
    known |= {"R00_SG0": 189, "R00_SW1": 192, "R04_SG1": 194, "R40_SW0": 199}
    known |= {"R44_SW1": 204}
    assert {name: lsstcam.detector(name).id for name in known} == known
    assert lsstcam.detector("R22_S11").vendor == "E2V"
    assert lsstcam.detector("R42_S11").vendor == "ITL"


def test_detectors_of_lsstcam_lie_apart_and_the_wavefront_looks_inward():
    detectors = camera("LSSTCam").detectors
    boxes = np.array([detector.box for detector in detectors])
    # No two overlap: they are apart in x or in y.
    apart = (boxes[:, None, 0] >= boxes[None, :, 2] - 1e-9) | (
        boxes[:, None, 1] >= boxes[None, :, 3] - 1e-9
    )
    assert (apart | apart.T | np.eye(205, dtype=bool)).all()

    assert camera("LSSTCam").detector("R34_S12").centre_mm == pytest.approx(
        (254 + 42.25, 127.0)
    )
    corners = [d for d in detectors if d.raft in ("R00", "R04", "R40", "R44")]
    for raft in ("R00", "R04", "R40", "R44"):
        distance = {d.slot: math.hypot(*d.centre_mm) for d in corners if d.raft == raft}
        assert min(distance, key=distance.get).startswith("SW")
        assert distance["SG0"] == pytest.approx(distance["SG1"])
        # The halves are out of focus by the same amount to both sides.
        z = {d.slot: d.z_mm for d in corners if d.raft == raft}
        assert (z["SW0"], z["SW1"], z["SG0"]) == (-1.5, 1.5, 0.0)


@pytest.mark.parametrize(
    ("slot", "shape", "segment", "box"),
    [
        ("R22_S11", (4004, 4096), (2048, 576), PixelBox(10, 0, 522, 2002)),
        ("R01_S11", (4000, 4072), (2048, 576), PixelBox(3, 0, 512, 2000)),
        ("R44_SG0", (4000, 4072), (2048, 576), PixelBox(3, 0, 512, 2000)),
        ("R44_SW0", (2000, 4072), (2048, 576), PixelBox(3, 0, 512, 2000)),
    ],
)
def test_segments_are_laid_out_as_their_vendor_reads_them(slot, shape, segment, box):
    detector = camera("LSSTCam").detector(slot)

    assert detector.shape == shape
    assert detector.layout.raw_shape == segment
    assert detector.layout.data_box == box


def test_readout_runs_to_the_outer_corners_as_each_vendor_does_it():
    flips = {
        name: {
            amp: (model.flip_x, model.flip_y)
            for amp, model in camera("LSSTCam").detector(name).amplifiers.items()
        }
        for name in ("R22_S11", "R01_S11", "R44_SW0")
    }

    assert flips["R22_S11"]["C10"] == flips["R01_S11"]["C10"] == (True, True)
    assert flips["R22_S11"]["C00"] == (False, False)
    assert flips["R01_S11"]["C00"] == (True, False)
    assert set(flips["R44_SW0"].values()) == {(True, True)}


@pytest.mark.parametrize("name", ["R44_SG1", "R44_SG0", "R00_SG1", "R00_SW0"])
def test_a_turned_detectors_amplifiers_lie_where_its_turned_image_has_them(name):
    detector = camera("LSSTCam").detector(name)
    ny, nx = (n // 10 for n in detector.shape)
    boxes = detector.amplifier_boxes((ny, nx))
    for amp, focal in detector.focal_boxes().items():
        # An image that is 1 in this amplifier, laid on the focal plane.
        image = np.zeros((ny, nx))
        x0, y0, x1, y1 = boxes[amp]
        image[y0:y1, x0:x1] = 1
        turned = np.rot90(image, -detector.quarter_turns)
        rows, columns = np.nonzero(turned)
        scale_y = (detector.box.y1 - detector.box.y0) / turned.shape[0]
        scale_x = (detector.box.x1 - detector.box.x0) / turned.shape[1]
        assert (
            detector.box.x0 + columns.min() * scale_x,
            detector.box.y0 + rows.min() * scale_y,
            detector.box.x0 + (columns.max() + 1) * scale_x,
            detector.box.y0 + (rows.max() + 1) * scale_y,
            # A pixel of this image is 0.1 mm; boxes are rounded to whole ones.
        ) == pytest.approx(tuple(focal), abs=0.11)


def test_wavefront_amplifiers_are_counted_from_the_right():
    boxes = camera("LSSTCam").detector("R44_SW0").amplifier_boxes()

    assert boxes["C10"] == PixelBox(3563, 0, 4072, 2000)
    assert boxes["C17"] == PixelBox(0, 0, 509, 2000)


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
    with pytest.raises(NotFoundError, match=r"8 \(R01_S22\), \.\.\."):
        camera("LSSTCam").detector("R22_S33")


def test_every_camera_has_its_filters():
    assert set(FILTERS) == set(CAMERAS)
    assert {FILTERS["LSSTCam"][f] for f in ("u_24", "g_6", "r_57")} == set("ugr")
    assert FILTERS["LSSTCam"]["SDSSi~ND_OD0.5"] == "i~nd"
    assert FILTERS["LSSTCam"]["r_57~red"] == "r"
    assert "r_57~blue" not in FILTERS["LSSTCam"]
    assert FILTERS["LATISS"]["SDSSr_65mm~empty"] == "r"
    assert FILTERS["LATISS"]["empty~SDSSg_65mm"] == "g"
    assert FILTERS["LSSTComCam"]["pinhole"] == "white"
