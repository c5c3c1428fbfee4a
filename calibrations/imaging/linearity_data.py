"""Pairs of flats of a detector, and the choices of the fit of its linearizers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from calibrations.imaging.errors import ImageError
from calibrations.imaging.linearity import LinearityType

__all__ = ["LinearityData", "LinearitySettings"]


@dataclass(frozen=True)
class LinearitySettings:
    """Choices of the fit; defaults as upstream."""

    type: LinearityType = LinearityType.SQUARED
    polynomial_order: int = 3
    n_nodes: int = 10
    knot_power: float = 2.0
    """Knots are at the maximum times (0, 1/n, … 1) to this power. Upstream's are evenly
    spread, 1, which leaves what amplifiers do at low signals between two knots."""

    min_linear_adu: float = 30.0
    max_linear_adu: float = 20000.0
    """Within these the response is taken for a straight line to start with."""

    clip_sigma: float = 5.0
    max_fraction: float = 0.01
    """Relative deviation from a line at which the turnoff is."""

    min_turnoff_adu: float = 1000.0
    """Fainter flats do not take part in the slope of the turnoff."""

    fit_offset: bool = False
    """Splines: also fit a constant level, such as leaking light."""

    max_table_adu: int = 2**18
    max_rounds: int = 20
    min_rounds: int = 3
    max_rejected: int = 5
    """Points rejected in one round of the spline fit, at most."""

    max_reference_noise_e: float = 12.0
    reference_adu: float = 10000.0
    """Double splines: signal at which amplifiers are compared."""


@dataclass(frozen=True, eq=False)
class LinearityData:
    """Pairs of flats of one detector."""

    amplifiers: tuple[str, ...]
    signals_adu: np.ndarray
    """Shape (n_amplifiers, n_pairs): mean above the overscan, in ADU."""

    abscissae: np.ndarray
    """Shape (n_pairs,): light, in any unit."""

    exposures: np.ndarray
    """Shape (n_pairs,): id of the first exposure of each pair."""

    groups: np.ndarray | None = None
    """Shape (n_pairs,): pairs that share a proportionality, such as a lamp setting."""

    used: np.ndarray | None = None
    """Shape of the signals: False where a pair is not to be used, as saturated ones."""

    errors_adu: np.ndarray | None = None
    """Shape of the signals: what pixels' noise makes of these means. The light's own
    scatter is not in them; it is found from the residuals. None weighs all alike."""

    noise_e: np.ndarray | None = None
    """Shape (n_amplifiers,): read noise."""

    linear_limit_adu: np.ndarray | None = None
    """Shape (n_amplifiers,): signal up to which the response is nearly linear, as the
    turnoff of a photon transfer curve. NaN where unknown."""

    unusable: Mapping[str, str] = field(default_factory=dict)
    """Amplifiers that must not be measured, and why."""

    def __post_init__(self) -> None:
        """Refuse vectors that do not belong together."""
        n_amplifiers, n_pairs = len(self.amplifiers), self.abscissae.size
        wanted = {
            "signals_adu": (n_amplifiers, n_pairs),
            "exposures": (n_pairs,),
            "groups": (n_pairs,),
            "used": (n_amplifiers, n_pairs),
            "errors_adu": (n_amplifiers, n_pairs),
            "noise_e": (n_amplifiers,),
            "linear_limit_adu": (n_amplifiers,),
        }
        for name, shape in wanted.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise ImageError(
                    f"{name} of {n_amplifiers} amplifiers and {n_pairs} pairs has "
                    f"shape {value.shape}, not {shape}."
                )
