"""Numbers of the verification requirements (DMTN-101). Standard library only.

The one table of them: a criterion's ``dmtn101`` must be what stands here, and a test
checks that it is.
"""

from collections.abc import Mapping

__all__ = ["DMTN101", "NO_REQUIREMENT", "requirement"]

NO_REQUIREMENT = "—"

DMTN101: Mapping[tuple[str, str], str] = {
    ("BIAS", "MEAN"): "4.2",
    ("BIAS", "NOISE"): "4.3",
    ("BIAS", "CR_NOISE"): "4.4",
    ("DARK", "MEAN"): "5.2",
    ("DARK", "NOISE"): "5.3",
    ("DARK", "CR_NOISE"): "5.4",
    ("GAIN", "GAIN_FROM_FLAT_PAIR"): "6.1",
    ("GAIN", "ISR_NOISE"): "6.2",
    ("PTC", "PTC_GAIN"): "16.1",
    ("PTC", "PTC_NOISE"): "16.2",
    ("PTC", "PTC_TURNOFF"): "16.3",
    ("PTC", "PTC_BFE_A00"): "16.4",
}
"""By stage and test. Its sections on flats, fringes and brighter-fatter are unwritten,
and the numbers 10.X to 10.Z that upstream's code gives do not exist."""


def requirement(stage: str, test: str) -> str:
    """Give the number of the requirement that a test meets, or a dash."""
    return DMTN101.get((stage, test), NO_REQUIREMENT)
