"""The images that a report is about: rows that say where each one's pixels are."""

from enum import IntEnum
from typing import ClassVar

from django.db import models

from reports.models.reports import VerificationReport

__all__ = ["WHOLE_PLANE", "ImageRank", "ReportImage"]

WHOLE_PLANE = -1
"""In place of a detector: a mosaic of all of them."""


class ImageRank(IntEnum):
    """Which images are looked at first: tiles of the lowest are made first."""

    PLANE = 0
    COMBINED_FAILED = 1
    LATEST_FAILED = 2
    COMBINED = 3
    PLANE_RESIDUAL = 4
    LATEST = 5
    OLDER_FAILED = 6
    OTHER = 9
    """Tiles are made only when somebody asks."""


SUSPECT = frozenset(
    {ImageRank.COMBINED_FAILED, ImageRank.LATEST_FAILED, ImageRank.OLDER_FAILED}
)


class ReportImage(models.Model):
    """A combined calibration, a residual or a mosaic, as the Butler has it.

    Its tiles are shared by all reports with the same pixels: they are found by the
    SHA-256 of its file, which the sealed part names.
    """

    report = models.ForeignKey(
        VerificationReport, on_delete=models.CASCADE, related_name="images"
    )
    part = models.CharField(max_length=64)
    """Key of the report's part: ``bias``, ``flat-r``."""
    label = models.CharField(max_length=64)
    """Type and band: finds the same image in another report."""
    detector = models.IntegerField()
    """Its id; `WHOLE_PLANE` for a mosaic."""
    exposure = models.BigIntegerField(default=0)
    """Of a residual; 0 for the calibration itself."""
    path = models.TextField()
    """The FITS file, as a worker of the repository's site reads it."""
    rank = models.PositiveSmallIntegerField()
    """One of `ImageRank`."""
    sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    """Of the file; empty where the part was sealed before it named its files, until
    the tiles were made once."""

    class Meta:
        ordering: ClassVar = ["rank", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["report", "part", "detector", "exposure"],
                name="report_image_once",
            )
        ]

    def __str__(self) -> str:
        where = "mosaic" if self.is_plane else f"detector {self.detector}"
        what = f"residual of {self.exposure}" if self.exposure else "combined"
        return f"{self.report} {self.part} {where} {what}"

    @property
    def is_plane(self) -> bool:
        """Whether it is a mosaic of the focal plane."""
        return self.detector == WHOLE_PLANE

    @property
    def is_suspect(self) -> bool:
        """Whether a test that decides failed on it."""
        return self.rank in SUSPECT
