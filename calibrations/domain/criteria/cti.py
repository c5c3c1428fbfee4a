"""Criteria of charge transfer. Standard library only."""

from calibrations.domain.criteria.base import Criterion

__all__ = ["CRITERIA"]

CRITERIA: tuple[Criterion, ...] = ()
