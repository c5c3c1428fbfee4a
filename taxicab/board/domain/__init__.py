"""Decisions of the board as pure functions: plain Python, no Django."""

from taxicab.board.domain.consensus import Consensus, Requirement, find_consensus
from taxicab.board.domain.positions import HeldPosition, PositionKind

__all__ = ["Consensus", "HeldPosition", "PositionKind", "Requirement", "find_consensus"]
