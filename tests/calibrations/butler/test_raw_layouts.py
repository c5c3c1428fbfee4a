"""Every layout of LSSTCam's raw files, written, read and put together again."""

import numpy as np
import pytest
from astropy.io import fits

from calibrations.butler.raw_headers import read_exposure
from calibrations.butler.raw_reader import RawFileError, read_raw_frame
from calibrations.domain.cameras import camera
from calibrations.imaging.frames import amplifier_boxes, assemble
from tests.support.raws import OVERSCAN, positions, sections, small, write_raw

LAYOUTS = {
    "E2V": "R22_S11",
    "ITL": "R01_S20",
    "guider": "R44_SG1",
    "wavefront": "R00_SW0",
}


def trimmed(raw):
    return {name: amp.data[amp.data_box.slices] for name, amp in raw.amplifiers.items()}


@pytest.mark.parametrize(
    ("detector", "amplifier", "expected"),
    [
        # As the camera's own files have them.
        ("R22_S22", "C10", "[512:1,1:2002]"),
        ("R22_S22", "C07", "[3585:4096,4004:2003]"),
        ("R10_S02", "C10", "[509:1,1:2000]"),
        ("R10_S02", "C07", "[4072:3564,4000:2001]"),
    ],
)
def test_sections_are_spelt_here_as_the_camera_spells_them(
    detector, amplifier, expected
):
    assert sections(camera("LSSTCam").detector(detector), amplifier)[1] == expected


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_every_pixel_returns_to_its_place(tmp_path, layout, compress):
    detector = small(LAYOUTS[layout])
    image = positions(detector)
    path = write_raw(tmp_path / "raw.fits", detector, image, compress=compress)

    raw = read_raw_frame(path)

    assert list(raw.amplifiers) == list(detector.amplifiers)
    np.testing.assert_array_equal(assemble(raw, trimmed(raw)), image)
    boxes = {
        name: tuple(vars(box).values()) for name, box in amplifier_boxes(raw).items()
    }
    assert boxes == detector.amplifier_boxes()
    for amplifier in raw.amplifiers.values():
        overscan = amplifier.data[amplifier.serial_overscan.slices]
        assert overscan.shape == (5, 4)
        assert (overscan == OVERSCAN).all()
        assert (amplifier.data[amplifier.parallel_overscan.slices] == OVERSCAN).all()


def test_a_wavefront_half_is_half_a_chip_whatever_its_header_says(tmp_path):
    detector = small("R44_SW1")
    image = positions(detector)
    ny, nx = detector.shape
    path = write_raw(
        tmp_path / "raw.fits", detector, image, detsize=f"[1:{nx},1:{2 * ny}]"
    )

    raw = read_raw_frame(path)
    assert raw.shape == detector.shape
    np.testing.assert_array_equal(assemble(raw, trimmed(raw)), image)

    # The same where it is the upper half of the chip that the header counts in.
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus[1:]:
            columns = hdu.header["DETSEC"].split(",")[0]
            hdu.header["DETSEC"] = f"{columns},{ny + 1}:{2 * ny}]"
    raw = read_raw_frame(path)
    np.testing.assert_array_equal(assemble(raw, trimmed(raw)), image)


def test_a_whole_chips_size_on_a_half_is_a_problem_of_its_header(tmp_path):
    detector = small("R44_SW0")
    path = write_raw(
        tmp_path / "MC_O_20261109_000007_R44_SW0.fits",
        detector,
        positions(detector),
        DETSIZE="[1:4072,1:4000]",
    )

    (problem,) = read_exposure(path).problems
    assert "half a chip" in problem


@pytest.mark.parametrize("layout", ["E2V", "ITL"])
def test_test_stands_wrote_sections_in_the_orientation_of_processed_images(
    tmp_path, layout
):
    detector = small(LAYOUTS[layout])
    image = positions(detector)
    path = write_raw(tmp_path / "raw.fits", detector, image)
    ny = detector.shape[0]
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus[1:]:
            columns, rows = hdu.header["DETSEC"][1:-1].split(",")
            turned = ":".join(str(ny + 1 - int(row)) for row in rows.split(":"))
            hdu.header["DETSEC"] = f"[{columns},{turned}]"

    raw = read_raw_frame(path)
    np.testing.assert_array_equal(assemble(raw, trimmed(raw)), image)


def test_without_the_flips_pixels_are_elsewhere(tmp_path):
    """The pattern has no symmetry that would hide a wrong flip."""
    image = positions(small("R22_S11"))

    for wrong in (image[::-1], image[:, ::-1], image[::-1, ::-1]):
        assert not np.array_equal(wrong, image)
    # ITL's lower amplifiers are read against x and E2V's with it.
    path = write_raw(tmp_path / "raw.fits", small("R22_S11"), image)
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus[1:]:
            columns, rows = hdu.header["DETSEC"][1:-1].split(",")
            low, high = sorted(int(column) for column in columns.split(":"))
            hdu.header["DETSEC"] = f"[{high}:{low},{rows}]"
    raw = read_raw_frame(path)
    assert not np.array_equal(assemble(raw, trimmed(raw)), image)


def test_a_guiders_stamps_are_no_readout(tmp_path):
    path = tmp_path / "stamps.fits"
    stamps = [fits.ImageHDU(np.zeros((5, 5)), name="IMAGE") for _ in range(3)]
    fits.HDUList([fits.PrimaryHDU(), *stamps]).writeto(path)

    with pytest.raises(RawFileError, match="3 images are a guider's stamps"):
        read_raw_frame(path)


def test_an_amplifier_that_occurs_twice_is_refused(tmp_path):
    detector = small("R22_S11")
    path = write_raw(tmp_path / "raw.fits", detector, positions(detector))
    with fits.open(path) as hdus:
        copies = fits.HDUList([hdu.copy() for hdu in hdus] + [hdus[3].copy()])
        copies.writeto(tmp_path / "twice.fits")

    with pytest.raises(RawFileError, match="SEGMENT12 more than once"):
        read_raw_frame(tmp_path / "twice.fits")
