"""Which versions are releases: pure functions, the standard library only."""

import re
from collections.abc import Mapping

__all__ = ["is_release", "unreleased"]

_RELEASE = re.compile(r"v?\d+(\.\d+)*(\.post\d+)?")
"""PEP 440 without pre-release, development or local parts; what a person can install
again by its number alone."""


def is_release(version: str) -> bool:
    """Tell whether a version names published software."""
    return _RELEASE.fullmatch(version.strip()) is not None


def unreleased(versions: Mapping[str, str]) -> dict[str, str]:
    """Pick the packages whose versions are not releases: they are code changes."""
    return {name: v for name, v in sorted(versions.items()) if not is_release(v)}
