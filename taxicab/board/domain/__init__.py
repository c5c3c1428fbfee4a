"""Decisions of the board as pure functions: plain Python, no Django."""

from taxicab.board.domain.consensus import (
    Consensus,
    OpenTask,
    Requirement,
    StandingObjection,
    Voice,
    find_consensus,
)
from taxicab.board.domain.failures import (
    MISSING,
    UNMEASURED,
    Failure,
    count_in_words,
    find_failures,
)
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
    default_allowance,
    find_covers,
    show_change,
)

__all__ = [
    "MISSING",
    "UNMEASURED",
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
    "count_in_words",
    "current_parts",
    "default_allowance",
    "find_consensus",
    "find_covers",
    "find_failures",
    "show_change",
    "stale_parts",
]
