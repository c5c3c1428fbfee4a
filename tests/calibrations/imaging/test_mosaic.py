import numpy as np
import pytest

from calibrations.imaging.errors import ImageError
from calibrations.imaging.mosaic import PlacedImage, bin_image, mosaic_focal_plane


def test_binning_averages_squares_and_what_the_edge_leaves():
    image = np.arange(30.0).reshape(5, 6)
    binned = bin_image(image, 4)
    assert binned.shape == (2, 2)
    assert binned[0, 0] == image[:4, :4].mean()
    assert binned[1, 1] == image[4:, 4:].mean()


def test_binning_leaves_masked_pixels_out():
    image = np.ones((4, 4))
    image[0, 0] = np.nan
    image[:2, 2:] = 9
    binned = bin_image(image, 2, mask=image == 9)
    assert binned[0, 0] == 1
    assert np.isnan(binned[0, 1])


def test_detectors_are_put_where_they_are():
    image = np.ones((10, 10))
    mosaic = mosaic_focal_plane(
        [
            PlacedImage(2 * image, 42, 0, 82, 40),
            PlacedImage(image, 0, 0, 40, 40),
            PlacedImage(3 * image, 0, 42, 40, 82),
        ]
    )
    assert mosaic.shape == (20, 20)
    assert mosaic[0, 0] == 1
    assert mosaic[0, 19] == 2
    assert mosaic[19, 0] == 3
    assert np.isnan(mosaic[19, 19])


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(ImageError, match="no detector"):
        mosaic_focal_plane([])
    with pytest.raises(ImageError, match="Binning by 0"):
        bin_image(np.ones((2, 2)), 0)
