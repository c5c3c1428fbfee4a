"""Decisions of the board as pure functions: plain Python, no Django."""

from taxicab.board.domain.consensus import (
    Consensus,
    OpenTask,
    Requirement,
    StandingObjection,
    Voice,
    find_consensus,
)
from taxicab.board.domain.failures import MISSING, Failure, find_failures
from taxicab.board.domain.positions import (
    HeldPosition,
    Part,
    PositionKind,
    current_parts,
    stale_parts,
)
from taxicab.board.domain.waivers import (
    Cover,
    CoverState,
    GivenWaiver,
    find_covers,
    show_change,
)

__all__ = [
    "MISSING",
    "Consensus",
    "Cover",
    "CoverState",
    "Failure",
    "GivenWaiver",
    "HeldPosition",
    "OpenTask",
    "Part",
    "PositionKind",
    "Requirement",
    "StandingObjection",
    "Voice",
    "current_parts",
    "find_consensus",
    "find_covers",
    "find_failures",
    "show_change",
    "stale_parts",
]
