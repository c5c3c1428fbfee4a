"""Regions and flips, with patterns that are the same under no symmetry."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from calibrations.butler.raw_reader import RawFileError, read_raw_frame
from calibrations.imaging.frames import Box, amplifier_boxes, assemble

LIT = np.array([[1, 2, 3], [4, 5, 6]])
"""Readout order: 1 is read first, 3 is the last of the first row."""


def segment(name, number, detsec, **cards):
    """A segment of 2 x 3 lit pixels, one prescan column, overscans of 2 and 1."""
    data = np.full((3, 6), 900 + number, dtype=np.int32)
    data[:2, 1:4] = LIT + 10 * number
    hdu = fits.ImageHDU(data, name=name)
    hdu.header["DATASEC"] = "[2:4,1:2]"
    hdu.header["DETSEC"] = detsec
    hdu.header["DETSIZE"] = "[1:6,1:4]"
    for keyword, value in cards.items():
        if value is None:
            del hdu.header[keyword]
        else:
            hdu.header[keyword] = value
    return hdu


def write(path, *segments, compress=False):
    hdus = [fits.PrimaryHDU(), *segments, fits.BinTableHDU(name="REB_COND")]
    hdus[0].header["IMGTYPE"] = "BIAS"
    hdus[0].header["HIERARCH SIMULATE MTMOUNT"] = None
    hdus[0].header["COMMENT"] = "not a fact"
    if compress:
        hdus[1:-1] = [
            fits.CompImageHDU(hdu.data, hdu.header, compression_type="RICE_1")
            for hdu in segments
        ]
    fits.HDUList(hdus).writeto(path)
    return path


def itl(path, **options):
    """Four segments placed as ITL's are: always reversed in x, the upper also in y."""
    return write(
        path,
        segment("Segment10", 1, "[3:1,1:2]"),
        segment("Segment11", 2, "[6:4,1:2]"),
        segment("Segment01", 3, "[6:4,4:3]"),
        segment("Segment00", 4, "[3:1,4:3]"),
        **options,
    )


@pytest.mark.parametrize("compress", [False, True])
def test_itl_segments_are_put_where_they_belong(tmp_path, compress):
    raw = read_raw_frame(itl(tmp_path / "raw.fits", compress=compress))
    lit = {name: amp.data[amp.data_box.slices] for name, amp in raw.amplifiers.items()}

    assert list(raw.amplifiers) == ["C10", "C11", "C01", "C00"]
    assert raw.shape == (4, 6)
    # In DM orientation C1x is the upper half and its first pixel the outer corner.
    np.testing.assert_array_equal(
        assemble(raw, lit),
        [
            [43, 42, 41, 33, 32, 31],
            [46, 45, 44, 36, 35, 34],
            [16, 15, 14, 26, 25, 24],
            [13, 12, 11, 23, 22, 21],
        ],
    )
    boxes = amplifier_boxes(raw)
    assert boxes["C10"] == Box(0, 2, 3, 4)
    assert boxes["C01"] == Box(3, 0, 6, 2)


def test_e2v_segments_of_the_other_half_are_not_reversed_in_x(tmp_path):
    raw = read_raw_frame(
        write(
            tmp_path / "raw.fits",
            segment("Segment10", 1, "[3:1,1:2]"),
            segment("Segment00", 2, "[1:3,4:3]"),
        )
    )
    upper = raw.amplifiers["C00"]

    assert (upper.flip_x, upper.flip_y) == (False, True)
    lit = {name: amp.data[amp.data_box.slices] for name, amp in raw.amplifiers.items()}
    image = assemble(raw, {name: pixels.astype(float) for name, pixels in lit.items()})
    np.testing.assert_array_equal(image[:2, :3], [[21, 22, 23], [24, 25, 26]])
    # Where there is no amplifier there is no number.
    assert np.isnan(image[:, 3:]).all()


def test_overscans_follow_from_the_data_section_and_the_size(tmp_path):
    amplifier = read_raw_frame(itl(tmp_path / "raw.fits")).amplifiers["C10"]

    assert amplifier.data_box == Box(1, 0, 4, 2)
    assert amplifier.serial_overscan == Box(4, 0, 6, 2)
    assert amplifier.parallel_overscan == Box(1, 2, 4, 3)
    assert amplifier.header["DETSEC"] == "[3:1,1:2]"


def test_a_bias_section_says_otherwise_where_there_is_one(tmp_path):
    old = segment("Segment10", 1, "[3:1,1:2]", BIASSEC="[5:5,1:2]", DETSIZE=None)
    raw = read_raw_frame(write(tmp_path / "raw.fits", old))

    assert raw.amplifiers["C10"].serial_overscan == Box(4, 0, 5, 2)
    assert raw.shape == (2, 3)


def test_pixels_are_in_the_machines_own_order_and_the_header_is_plain(tmp_path):
    raw = read_raw_frame(itl(tmp_path / "raw.fits"))

    assert raw.amplifiers["C10"].data.dtype == np.dtype(np.int32)
    assert raw.amplifiers["C10"].data.dtype.isnative
    assert raw.header == {"IMGTYPE": "BIAS", "SIMULATE MTMOUNT": None}


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"DATASEC": None}, "DATASEC is None"),
        ({"DATASEC": "[2:4]"}, r"DATASEC is '\[2:4\]'"),
        ({"DETSEC": "[0:2,1:2]"}, r"DETSEC is '\[0:2,1:2\]'"),
        ({"DATASEC": "[2:9,1:2]"}, "the image has 6 x 3 pixels"),
        ({"DETSEC": "[4:1,1:2]"}, "differ in size"),
        ({"DETSIZE": "[1:2,1:2]"}, r"DETSIZE is '\[1:2,1:2\]'"),
    ],
)
def test_a_wrong_section_is_named_with_its_file(tmp_path, cards, message):
    path = write(tmp_path / "wrong.fits", segment("Segment10", 1, "[3:1,1:2]", **cards))

    with pytest.raises(RawFileError, match=message) as caught:
        read_raw_frame(path)
    assert "wrong.fits" in str(caught.value)


def test_a_file_without_amplifiers_says_what_it_has(tmp_path):
    with pytest.raises(RawFileError, match="REB_COND"):
        read_raw_frame(write(tmp_path / "none.fits"))


@pytest.mark.parametrize("content", [b"", b"not FITS at all"])
def test_a_file_that_is_not_fits_is_named(tmp_path, content):
    path = tmp_path / "text.fits"
    path.write_bytes(content)

    with pytest.raises(RawFileError, match=r"text\.fits cannot be read as FITS"):
        read_raw_frame(path)


def test_a_file_that_was_cut_off_is_named(tmp_path):
    path = itl(tmp_path / "cut.fits")
    path.write_bytes(path.read_bytes()[: 3 * 2880 + 20])

    with pytest.raises(RawFileError, match=r"cut\.fits"):
        read_raw_frame(path)


def test_a_gzipped_file_is_read_whatever_its_name_and_refused_when_cut(tmp_path):
    path = itl(tmp_path / "raw.fits")
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert read_raw_frame(path).shape == (4, 6)

    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])
    with pytest.raises(RawFileError, match=r"raw\.fits"):
        read_raw_frame(path)


def test_amplifiers_that_lie_on_one_another_are_refused(tmp_path):
    # Their areas add up to the detector's, so that none seems to be missing.
    both = write(
        tmp_path / "raw.fits",
        segment("Segment10", 1, "[3:1,1:2]"),
        segment("Segment11", 2, "[3:1,1:2]"),
        segment("Segment01", 3, "[6:4,4:3]"),
        segment("Segment00", 4, "[3:1,4:3]"),
    )
    with pytest.raises(RawFileError, match="C10 and C11 overlap, from x 1 and 1"):
        read_raw_frame(both)
