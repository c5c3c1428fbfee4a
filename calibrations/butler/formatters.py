"""How our images are kept in a Butler datastore: FITS, the same bytes every time.

The repository's configuration names these classes, so the plain ``butler`` command
line finds them wherever this package is installed.
"""

import dataclasses
import math
import os
from typing import Any

import numpy as np
from astropy.io import fits
from lsst.daf.butler import DatasetProvenance, FormatterV2
from lsst.resources import ResourcePath

from calibrations.butler.raw_reader import header_values, read_raw_frame
from calibrations.imaging.frames import MASK_PLANES, CcdImage, RawFrame

__all__ = ["CcdImageFormatter", "CcdRawFormatter"]

PROVENANCE_PREFIX = "LSST BUTLER"

CHECKSUM_WHEN = "when the file was written"
"""Stands where astropy writes the time of day: equal images are equal files."""

FILE_MODE = 0o644
"""Every site's users may read what is distributed."""


class CcdRawFormatter(FormatterV2):
    """Reads raw files in the LSST layout; writes none, for raws are only ingested."""

    default_extension = ".fits"
    supported_extensions = frozenset({".fits", ".fits.fz", ".fits.gz"})
    can_read_from_local_file = True

    def read_from_local_file(
        self, path: str, component: str | None = None, expected_size: int = -1
    ) -> RawFrame:
        """Read a raw exposure of one detector."""
        return read_raw_frame(path)


class CcdImageFormatter(FormatterV2):
    """Keeps assembled images: header cards, then image, mask and variance planes."""

    default_extension = ".fits"
    supported_extensions = frozenset({".fits", ".fits.fz", ".fits.gz"})
    can_read_from_local_file = True

    def read_from_local_file(
        self, path: str, component: str | None = None, expected_size: int = -1
    ) -> CcdImage:
        """Read an image; planes that the file has not are None."""
        with fits.open(path, memmap=False) as hdus:
            planes = {hdu.name: native(hdu.data) for hdu in hdus[1:]}
            header = header_values(hdus[0].header)
        return CcdImage(
            planes["IMAGE"], planes.get("MASK"), planes.get("VARIANCE"), header
        )

    def add_provenance(
        self,
        in_memory_dataset: CcdImage,
        /,
        *,
        provenance: DatasetProvenance | None = None,
    ) -> CcdImage:
        """Write into the header which dataset this is and what it was made from."""
        header = dict(in_memory_dataset.header)
        DatasetProvenance.strip_provenance_from_flat_dict(header)
        provenance = provenance or DatasetProvenance()
        cards = provenance.to_flat_dict(
            self.dataset_ref, prefix=PROVENANCE_PREFIX, sep=" ", simple_types=True
        )
        return dataclasses.replace(in_memory_dataset, header={**header, **cards})

    def write_local_file(self, in_memory_dataset: CcdImage, uri: ResourcePath) -> None:
        """Write an image to a local file that everyone can read."""
        planes = {
            "IMAGE": in_memory_dataset.data,
            "MASK": in_memory_dataset.mask,
            "VARIANCE": in_memory_dataset.variance,
        }
        hdus = fits.HDUList([fits.PrimaryHDU(header=make_header(in_memory_dataset))])
        for name, plane in planes.items():
            if plane is not None:
                hdus.append(fits.ImageHDU(np.asarray(plane), name=name))
        if "MASK" in hdus:
            for bit_name, bit in MASK_PLANES.items():
                hdus["MASK"].header[f"HIERARCH MP_{bit_name}"] = bit
        hdus.update_extend()
        for hdu in hdus:
            hdu.add_checksum(when=CHECKSUM_WHEN)
        hdus.writeto(uri.ospath)
        os.chmod(uri.ospath, FILE_MODE)


def native(data: np.ndarray) -> np.ndarray:
    """Give pixels in the machine's byte order."""
    return np.asarray(data, dtype=data.dtype.newbyteorder("="))


def make_header(image: CcdImage) -> fits.Header:
    """Turn an image's cards into a FITS header, long names by HIERARCH."""
    header = fits.Header()
    for key, value in image.header.items():
        keyword = key if len(key) <= 8 and " " not in key else f"HIERARCH {key}"
        header.append(fits.Card(keyword, card_value(value)), end=True)
    return header


def card_value(value: Any) -> Any:
    """Give a value that FITS can hold: a card without a value stands for NaN."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
