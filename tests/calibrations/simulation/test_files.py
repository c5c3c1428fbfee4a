import numpy as np
import pytest
from astropy.io import fits

from calibrations.domain.cameras import camera
from calibrations.simulation.files import segment_header, write_raw
from calibrations.simulation.plan import FULL_SIZE, list_exposures
from tests.support.observatory import small_plan


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("C10", "[509:1,1:2000]"),
        ("C17", "[4072:3564,1:2000]"),
        ("C07", "[4072:3564,4000:2001]"),
        ("C00", "[509:1,4000:2001]"),
    ],
)
def test_sections_are_those_of_the_camera_at_full_size(name, section):
    header = segment_header(camera("LSSTComCam").detector(0), name, 1, FULL_SIZE)

    assert header["DETSEC"] == section
    assert header["DATASEC"] == "[4:512,1:2000]"
    assert header["DETSIZE"] == "[1:4072,1:4000]"


@pytest.mark.parametrize("top", [40000, 200000])
@pytest.mark.parametrize("compressed", [False, True])
def test_pixels_come_back_as_they_were_written(tmp_path, top, compressed):
    plan = small_plan(compressed=compressed)
    detector = camera(plan.instrument).detector(1)
    shape = (16, *plan.size.raw_shape)
    data_type = np.uint16 if top < 2**16 else np.int32
    adu = np.random.default_rng(5).integers(0, top, shape).astype(data_type)
    path = tmp_path / "raw.fits"
    write_raw(path, plan, list_exposures(plan)[0], detector, adu)

    with fits.open(path) as hdus:
        hdus.verify("exception")
        assert len(hdus) == 17
        assert [hdu.name for hdu in hdus[1:3]] == ["Segment10", "Segment11"]
        for hdu, pixels in zip(hdus[1:], adu, strict=True):
            assert isinstance(hdu, fits.CompImageHDU) is compressed
            np.testing.assert_array_equal(hdu.data, pixels)
        assert "DATE" not in hdus[0].header
