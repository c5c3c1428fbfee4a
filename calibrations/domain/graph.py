"""The types of calibration and the order in which they are built, as data.

DMTN-222 figure 2: a type needs its precursors certified in the ticket's chain before
it is generated. Standard library only.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "SPECIFICATIONS",
    "CalibrationType",
    "Specification",
    "build_order",
    "missing_precursors",
    "specification",
]


class CalibrationType(StrEnum):
    """A type of calibration; the value is its dataset type in the Butler."""

    BIAS = "bias"
    DARK = "dark"
    FLAT = "flat"


@dataclass(frozen=True)
class Specification:
    """What one type of calibration is made of, and from."""

    type: CalibrationType
    generation: str
    """Stem of the generation run's name (``biasGen``) and its pipeline's key."""
    verification: str
    """Stem of the verification run's name, and its pipeline's key."""
    certified: str
    """Stem of the certified collection's name."""
    precursors: tuple[CalibrationType, ...]
    observation_type: str | None
    """None: science exposures serve (fringe, crosstalk), so any type is taken."""
    observation_reasons: tuple[str, ...]
    """Empty: any reason is taken."""
    is_per_filter: bool
    minimum_inputs: int
    """Below this the clipped mean no longer tells an outlier from the level."""
    typical_inputs: tuple[int, int]
    """Fewest and most in a daily set (DMTN-222)."""


SPECIFICATIONS: Mapping[CalibrationType, Specification] = {
    CalibrationType.BIAS: Specification(
        type=CalibrationType.BIAS,
        generation="biasGen",
        verification="verifyBias",
        certified="bias",
        precursors=(),
        observation_type="bias",
        observation_reasons=("bias",),
        is_per_filter=False,
        minimum_inputs=10,
        typical_inputs=(15, 20),
    ),
    # Figure 2 gives dark and flat the defects as well; they join this table with
    # their pipeline.
    CalibrationType.DARK: Specification(
        type=CalibrationType.DARK,
        generation="darkGen",
        verification="verifyDark",
        certified="dark",
        precursors=(CalibrationType.BIAS,),
        observation_type="dark",
        observation_reasons=("dark",),
        is_per_filter=False,
        minimum_inputs=10,
        typical_inputs=(15, 20),
    ),
    CalibrationType.FLAT: Specification(
        type=CalibrationType.FLAT,
        generation="flatGen",
        verification="verifyFlat",
        certified="flat",
        precursors=(CalibrationType.BIAS, CalibrationType.DARK),
        observation_type="flat",
        observation_reasons=("flat",),
        is_per_filter=True,
        minimum_inputs=10,
        typical_inputs=(15, 20),
    ),
}


def specification(type_: CalibrationType | str) -> Specification:
    """Find the specification of a type by its name."""
    return SPECIFICATIONS[CalibrationType(type_)]


def build_order(types: Iterable[CalibrationType | str]) -> list[CalibrationType]:
    """Sort types so that each comes after those it needs, as far as these are given."""
    wanted = {CalibrationType(t) for t in types}
    ordered: list[CalibrationType] = []

    def visit(type_: CalibrationType) -> None:
        for precursor in SPECIFICATIONS[type_].precursors:
            visit(precursor)
        if type_ in wanted and type_ not in ordered:
            ordered.append(type_)

    for type_ in CalibrationType:
        if type_ in wanted:
            visit(type_)
    return ordered


def missing_precursors(
    type_: CalibrationType | str, certified: Collection[CalibrationType | str]
) -> list[CalibrationType]:
    """Tell which types must still be certified before this one can be generated."""
    present = {CalibrationType(t) for t in certified}
    return [p for p in specification(type_).precursors if p not in present]
