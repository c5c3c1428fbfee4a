"""What a focal plane shows: one verdict an amplifier. Plain Python."""

from enum import StrEnum

__all__ = ["AmplifierVerdict", "Place", "judge_exposures"]

Place = tuple[int, str]
"""Detector id and amplifier name."""


class AmplifierVerdict(StrEnum):
    """What all deciding tests say of one amplifier."""

    PASSED = "passed"
    SOME = "failed on some exposures"
    ALL = "failed on every exposure"


def judge_exposures(n_failed: int, n_exposures: int) -> AmplifierVerdict:
    """Judge by the exposures on which something failed."""
    if not n_failed:
        return AmplifierVerdict.PASSED
    return AmplifierVerdict.ALL if n_failed == n_exposures else AmplifierVerdict.SOME
