"""Versions of the criteria: what each one changed, and when. Standard library only.

A version stands for ever: a limit that changes gets a new `Criterion`, and the old one
keeps its last version in ``until``, so that a result can still be read beside the limit
it was judged by.
"""

from dataclasses import dataclass

__all__ = ["CRITERIA_VERSION", "FIRST_VERSION", "VERSIONS", "Version", "version_order"]


@dataclass(frozen=True)
class Version:
    """A state of the whole table of criteria."""

    name: str
    """Year, and a number that counts within it."""

    date: str
    summary: str
    """What changed and why, for people."""


VERSIONS: tuple[Version, ...] = (
    Version(
        "2026.1",
        "2026-11-23",
        "Biases, darks and flats. The nominal read noise and gain are those of the "
        "camera model.",
    ),
    Version(
        "2026.2",
        "2026-11-24",
        "Defects, photon transfer curves, gains from flat pairs, linearizers, "
        "crosstalk, brighter-fatter kernels, deferred charge and fringes. Where a "
        "photon transfer curve is in force, read noise and gain of biases, darks and "
        "flats are its own; a limit that depends on them can differ from 2026.1.",
    ),
)
"""Oldest first; the last one judges."""

FIRST_VERSION = VERSIONS[0].name
CRITERIA_VERSION = VERSIONS[-1].name


def version_order(name: str) -> int:
    """Place of a version among all, or raise `LookupError` naming those there are."""
    names = [version.name for version in VERSIONS]
    try:
        return names.index(name)
    except ValueError:
        raise LookupError(
            f"There are no criteria of version {name!r}; there are {', '.join(names)}."
        ) from None
