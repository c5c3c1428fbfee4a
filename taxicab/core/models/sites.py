"""Facilities, their Butler repositories and the instruments these hold.

The table of DMTN-222 §3.5 ships as the fixture ``facilities``; a row there is a
fact about the observatory, a *location* is what makes it connected.
"""

from enum import StrEnum
from typing import Any, ClassVar

from django.core.validators import MinValueValidator
from django.db import models


class Transport(StrEnum):
    """How a sealed export reaches a repository's site."""

    LOCAL = "local"
    COMMAND = "command"

    @property
    def label(self) -> str:
        """The transport as people read it."""
        return {"local": "local copy", "command": "command template"}[self.value]


class Instrument(models.Model):
    """A camera, by the name the Butler knows it."""

    name = models.CharField(max_length=32, primary_key=True)
    required_adoptions = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Adopt positions that consensus needs for this camera; empty: the "
        "portal's setting (TAXICAB_REQUIRED_ADOPTIONS).",
    )

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class FacilityManager(models.Manager["Facility"]):
    """Finds a facility by its natural key."""

    def get_by_natural_key(self, name: str) -> "Facility":
        """Find by name, for fixtures."""
        return self.get(name=name)


class Facility(models.Model):
    """A place that keeps repositories: USDF, Summit, TTS."""

    name = models.CharField(max_length=32, unique=True)
    title = models.CharField(max_length=120, blank=True)

    objects = FacilityManager()

    class Meta:
        ordering: ClassVar = ["pk"]
        verbose_name_plural = "facilities"

    def __str__(self) -> str:
        return self.name

    def natural_key(self) -> tuple[str]:
        """Name, for fixtures."""
        return (self.name,)


class RepositoryQuerySet(models.QuerySet["Repository"]):
    """Named reads of repositories."""

    def connected(self) -> "RepositoryQuerySet":
        """Repositories that have a location."""
        return self.exclude(location="")

    def holding(self, instrument: Instrument) -> "RepositoryQuerySet":
        """Repositories that hold a camera."""
        return self.filter(instruments=instrument)

    def get_by_natural_key(self, facility: str, path: str) -> "Repository":
        """Find by facility and path, for fixtures."""
        return self.get(facility__name=facility, path=path)


class Repository(models.Model):
    """A Butler repository at a facility.

    The portal reaches it only through workers that take its queue.
    """

    facility = models.ForeignKey(
        Facility, on_delete=models.PROTECT, related_name="repositories"
    )
    path = models.CharField(
        max_length=120, help_text="The name at its site, as DMTN-222 lists it."
    )
    instruments = models.ManyToManyField(Instrument, related_name="repositories")
    is_build = models.BooleanField(
        default=False, help_text="The one place where calibrations are built."
    )
    is_cleaned = models.BooleanField(
        default=False,
        help_text="Cleaned automatically: only TAGGED datasets are safe there.",
    )
    location = models.CharField(
        max_length=255,
        blank=True,
        help_text="Butler root as its own workers see it; empty: not connected. "
        "Environment variables such as $TAXICAB_DATA are expanded by the worker.",
    )
    queue = models.CharField(max_length=64, blank=True)
    transport = models.CharField(
        max_length=16, choices={t: t.label for t in Transport}, default=Transport.LOCAL
    )
    transport_command = models.CharField(
        max_length=255,
        blank=True,
        help_text="For a command transport, with {source} and {destination}: "
        "rsync -a --delete {source}/ summit:{destination}/",
    )
    inbox = models.CharField(
        max_length=255,
        blank=True,
        help_text="Folder of the site that receives sealed exports.",
    )
    butler = models.JSONField(
        default=dict,
        blank=True,
        help_text="Storage class, instrument class, pipeline addresses, dataset names, "
        "interpreter and environment, where they differ from the defaults.",
    )

    objects = RepositoryQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["facility", "pk"]
        verbose_name_plural = "repositories"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["facility", "path"], name="repository_facility_path"
            ),
            models.UniqueConstraint(
                fields=["is_build"],
                condition=models.Q(is_build=True),
                name="repository_one_build_place",
            ),
            models.CheckConstraint(
                condition=models.Q(location="") | ~models.Q(queue=""),
                name="repository_connected_has_queue",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.facility.name} {self.path}"

    def natural_key(self) -> tuple[str, str]:
        """Facility and path, for fixtures."""
        return (self.facility.name, self.path)

    natural_key.dependencies = ["core.facility"]  # type: ignore[attr-defined]

    @property
    def is_connected(self) -> bool:
        """Whether the portal's workers can reach it."""
        return bool(self.location)

    @property
    def slug(self) -> str:
        """A name for files and pages: ``summit-LSSTComCam``."""
        tail = self.path.strip("/").removeprefix("repo/")
        return f"{self.facility.name.lower()}-{tail.replace('/', '-')}"

    def setting(self, name: str, default: Any = None) -> Any:
        """Read one of the Butler settings."""
        return self.butler.get(name, default)
