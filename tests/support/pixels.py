"""Images as our formatter keeps them, and reports that list them."""

import numpy as np
from astropy.io import fits

from calibrations.imaging.frames import MASK_PLANES
from reports import tasks
from reports.models import ImageRank, ReportImage
from reports.services.pyramid import TILE, decode_tile
from reports.services.tile_making import hash_image, make_tiles
from reports.services.tiles import read_tile
from taxicab.core.models import Job

SHAPE = (300, 520)
BAD = (120, 260)
"""Row and column of a masked pixel without a value."""


def make_pixels(seed, *, shape=SHAPE, level=100.0, sigma=2.0):
    """A level with a gradient and noise."""
    random = np.random.default_rng(seed)
    gradient = np.linspace(-10, 10, shape[1])
    return (level + gradient + random.normal(0, sigma, shape)).astype(np.float32)


def write_image(path, pixels, *, unit="electron", binning=1):
    """Write an image with a mask plane."""
    pixels = pixels.copy()
    mask = np.zeros(pixels.shape, np.uint16)
    pixels[BAD], mask[BAD] = np.nan, 1 << MASK_PLANES["BAD"]
    header = fits.Header({"BUNIT": unit, "BINNING": binning})
    hdus = [
        fits.PrimaryHDU(header=header),
        fits.ImageHDU(pixels, name="IMAGE"),
        fits.ImageHDU(mask, name="MASK"),
    ]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def list_image(report, path, *, detector=0, exposure=0, part="bias", tiled=True):
    """Put an image on a report's list, with its tiles."""
    image = ReportImage.objects.create(
        report=report,
        part=part,
        label=part,
        detector=detector,
        exposure=exposure,
        path=str(path),
        rank=ImageRank.COMBINED,
    )
    if tiled:
        image.sha256 = hash_image(path)
        image.save()
        make_tiles(path, image.sha256)
    return image


def check_pixels(report):
    """After a real report the job of its first tiles makes them, pixel by pixel."""
    job = Job.objects.get(kind="tiles", parameters__report=report.pk)
    assert set(job.parameters["images"]) <= {image.pk for image in report.images.all()}
    tasks.make_tiles(job.pk)
    job.refresh_from_db()
    assert job.status == "succeeded", job.message + job.log
    planes = report.images.filter(detector=-1, part="bias")
    assert planes.filter(exposure=0).exists(), "no mosaic of the calibration"
    assert planes.exclude(exposure=0).exists(), "no mosaic of a residual"
    for image in (
        report.images.get(part="bias", detector=1, exposure=0),
        report.images.filter(part="bias", detector=0).latest("exposure"),
        planes.get(exposure=0),
    ):
        pixels = fits.getdata(image.path, "IMAGE").astype(np.float32)
        corner = pixels[:TILE, :TILE]
        values, _ = decode_tile(read_tile(image.sha256, 0, 0, 0), corner.shape)
        assert values.tobytes() == corner.tobytes()
