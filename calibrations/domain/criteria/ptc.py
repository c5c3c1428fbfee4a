"""Criteria of photon transfer curves. Standard library only."""

from calibrations.domain.criteria.base import Criterion

__all__ = ["CRITERIA"]

CRITERIA: tuple[Criterion, ...] = ()
