"""What a kind of figure is, and the numbers behind one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

__all__ = ["Data", "FigureKind", "Place"]

Place = tuple[int, str]
"""Detector id and amplifier name."""


@dataclass(frozen=True)
class Data:
    """The numbers behind a figure, and the figure."""

    columns: Mapping[str, np.ndarray]
    """By name and unit, such as ``value (e⁻)``; one row of each is one point."""
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure."""

    key: str
    title: str
    look_for: str
    """One sentence."""
    make: Callable[..., Data]
    of: str = "amplifier"
    """What has to be chosen: amplifier, detector or nothing (empty)."""
    needs: tuple[str, ...] = ()
    """Columns that the calibration must have."""
