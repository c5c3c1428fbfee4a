"""What follows from sealed evidence alone: found once, then kept.

A report is immutable and named by its hash: what was computed from its files stays
true for as long as they do. It is kept in Django's cache, by default a part of each
process's memory, and costs nothing but time when it is gone.
"""

import hashlib
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.core.cache import cache

from reports.models import VerificationReport

__all__ = ["remember"]

Kept = TypeVar("Kept")


def remember(report: VerificationReport, *words: str, make: Callable[[], Kept]) -> Kept:
    """Give what was made of a report before; make it otherwise.

    Parameters
    ----------
    words
        Say what it is, apart from everything else that is made of the report.
    make
        Makes it, of the report's evidence and these words alone; never `None`.
    """
    if not report.sha256:
        return make()
    place = (str(settings.EVIDENCE_ROOT), report.sha256, *words)
    name = hashlib.sha256("\0".join(place).encode()).hexdigest()
    found = cache.get(name)
    if found is None:
        found = make()
        cache.set(name, found, timeout=None)
    return found
