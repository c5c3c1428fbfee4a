"""The types of calibration: what each is made of, and what its collections are called.

Which types one needs first depends on the order that a site works in: see ``graph``.
Standard library only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["SPECIFICATIONS", "CalibrationType", "Specification", "specification"]


class CalibrationType(StrEnum):
    """A type of calibration; the value is its dataset type in the Butler."""

    BIAS_BOOTSTRAP = "biasBootstrap"
    DARK_BOOTSTRAP = "darkBootstrap"
    FLAT_BOOTSTRAP = "flatBootstrap"
    BIAS = "bias"
    DARK_FOR_DEFECTS = "dark_for_defects"
    FLAT_FOR_DEFECTS = "flat_for_defects"
    DEFECTS = "defects"
    DARK = "dark"
    FLAT = "flat"
    PTC = "ptc"
    LINEARIZER = "linearizer"
    BFK = "bfk"
    CTI = "cti"
    CROSSTALK = "crosstalk"
    FRINGE = "fringe"


@dataclass(frozen=True)
class Specification:
    """What one type of calibration is made of."""

    type: CalibrationType
    generation: str
    """Stem of the generation run's name (``biasGen``)."""
    verification: str | None
    """Stem of the verification run's name, and its pipeline's key; None: there are no
    tests of it, for it only serves to make other types."""
    certified: str
    """Stem of the certified collection's name."""
    observation_type: str
    observation_reasons: tuple[str, ...]
    """Empty: any reason is taken."""
    minimum_inputs: int
    """Exposures; below this the combination no longer tells an outlier from the level,
    or the fit has fewer points than it needs."""
    typical_inputs: tuple[int, int]
    """Fewest and most exposures that are usual (DMTN-222)."""
    is_per_filter: bool = False
    is_paired: bool = False
    """Made from pairs of flats of the same light."""
    units: str = ""
    """Of the product, as its header states them; empty: a table with units of its
    own."""
    also_verified: tuple[str, ...] = ()
    """Keys of further pipelines whose tests are in the same verification run."""

    @property
    def is_verified(self) -> bool:
        """Whether there are tests of it."""
        return self.verification is not None

    @property
    def inputs(self) -> str:
        """How many exposures are usual, as people say it."""
        few, many = self.typical_inputs
        if self.is_paired:
            return f"about {(few + many) // 4} pairs"
        return f"{few} to {many} exposures" if many > few else f"{few} exposures"


_BIASES = {"observation_type": "bias", "observation_reasons": ("bias",)}
_DARKS = {"observation_type": "dark", "observation_reasons": ("dark",)}
_FLATS = {
    "observation_type": "flat",
    "observation_reasons": ("flat",),
    "is_per_filter": True,
}
# The flats of a photon transfer curve, as each camera's observing scripts call them.
_PTC_FLATS = {
    "observation_type": "flat",
    "observation_reasons": ("ptc", "latiss_ptc", "comcam_ptc", "lsstcam_ptc"),
}
# Made from science exposures, whatever these were taken for.
_SCIENCE = {"observation_type": "science", "observation_reasons": ()}

# 15 to 20 from a daily set; a dense photon transfer curve has about 100 pairs
# (DMTN-222).
_COMBINED = {"minimum_inputs": 10, "typical_inputs": (15, 20)}
_PAIRS = {"minimum_inputs": 40, "typical_inputs": (160, 240), "is_paired": True}


def _make(
    type_: CalibrationType,
    stem: str,
    *parts: Mapping[str, object],
    certified: str = "",
    verification: str | None = None,
    **more: object,
) -> Specification:
    values: dict[str, object] = {}
    for part in parts:
        values |= part
    return Specification(
        type=type_,
        generation=f"{stem}Gen",
        verification=verification,
        certified=certified or str(type_),
        **(values | more),  # type: ignore[arg-type]
    )


_T = CalibrationType
SPECIFICATIONS: Mapping[CalibrationType, Specification] = {
    one.type: one
    for one in (
        _make(_T.BIAS_BOOTSTRAP, "biasBootstrap", _BIASES, _COMBINED, units="adu"),
        _make(_T.DARK_BOOTSTRAP, "darkBootstrap", _DARKS, _COMBINED, units="adu/s"),
        _make(_T.FLAT_BOOTSTRAP, "flatBootstrap", _FLATS, _COMBINED, units="1"),
        _make(
            _T.BIAS,
            "bias",
            _BIASES,
            _COMBINED,
            verification="verifyBias",
            units="electron",
        ),
        # Short names: the Butler keeps 64 characters of a collection's.
        _make(
            _T.DARK_FOR_DEFECTS,
            "defectDark",
            _DARKS,
            _COMBINED,
            certified="defectDark",
            units="electron/s",
        ),
        _make(
            _T.FLAT_FOR_DEFECTS,
            "defectFlat",
            _FLATS,
            _COMBINED,
            certified="defectFlat",
            units="1",
        ),
        # Found on combined frames: the exposures say for which date, and their filter
        # says on which flat.
        _make(
            _T.DEFECTS,
            "defect",
            _FLATS,
            certified="defects",
            verification="verifyDefects",
            is_per_filter=False,
            minimum_inputs=1,
            typical_inputs=(1, 20),
        ),
        _make(
            _T.DARK,
            "dark",
            _DARKS,
            _COMBINED,
            verification="verifyDark",
            units="electron/s",
        ),
        _make(_T.FLAT, "flat", _FLATS, _COMBINED, verification="verifyFlat", units="1"),
        _make(
            _T.PTC,
            "ptc",
            _PTC_FLATS,
            _PAIRS,
            verification="verifyPtc",
            also_verified=("verifyGain",),
        ),
        _make(
            _T.LINEARIZER,
            "linearizer",
            _PTC_FLATS,
            _PAIRS,
            verification="verifyLinearizer",
        ),
        _make(_T.BFK, "bfk", _PTC_FLATS, _PAIRS, verification="verifyBfk"),
        _make(
            _T.CTI,
            "cti",
            _PTC_FLATS,
            verification="verifyCti",
            minimum_inputs=10,
            typical_inputs=(160, 240),
        ),
        _make(
            _T.CROSSTALK,
            "crosstalk",
            _SCIENCE,
            _COMBINED,
            verification="verifyCrosstalk",
        ),
        _make(
            _T.FRINGE,
            "fringe",
            _SCIENCE,
            _COMBINED,
            verification="verifyFringe",
            is_per_filter=True,
            units="1",
        ),
    )
}


def specification(type_: CalibrationType | str) -> Specification:
    """Find the specification of a type by its name."""
    return SPECIFICATIONS[CalibrationType(type_)]
