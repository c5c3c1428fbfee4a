"""Notes pinned to places of an image: whoever keeps them says so here.

Reports know no discussion. An application above registers where notes come from, and
the viewer of pixels shows them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from reports.models import ReportImage

__all__ = ["Pin", "Pins", "pins_of", "provide_pins"]


@dataclass(frozen=True)
class Pin:
    """A note at a pixel of the detector, counted from 0 at the lower left."""

    x: int
    y: int
    text: str
    address: str
    """Where the note is read and answered."""


@dataclass(frozen=True)
class Pins:
    """The notes of an image, and where a new one is written."""

    notes: list[Pin] = field(default_factory=list)
    new_address: str = ""
    """Page that takes a note, for whoever may write one: the viewer adds ``x`` and
    ``y`` to its query. Empty: this reader may not."""


PinSource = Callable[[ReportImage, AbstractBaseUser | AnonymousUser], Pins]

_SOURCES: list[PinSource] = []


def provide_pins(source: PinSource) -> PinSource:
    """Register where the notes of an image come from."""
    _SOURCES.append(source)
    return source


def pins_of(image: ReportImage, user: AbstractBaseUser | AnonymousUser) -> Pins:
    """Collect what is pinned to an image."""
    found = [source(image, user) for source in _SOURCES]
    return Pins(
        [note for pins in found for note in pins.notes],
        next((pins.new_address for pins in found if pins.new_address), ""),
    )
