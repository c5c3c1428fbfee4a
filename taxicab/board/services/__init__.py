"""What the board does: hearing, positions, decisions."""

from taxicab.board.services.decisions import adopt, reject
from taxicab.board.services.hailing import (
    find_ticket,
    hail,
    readable_tickets,
    withdraw,
)
from taxicab.board.services.positions import (
    authors_of,
    awaiting_position,
    consensus_of,
    position_problem,
    take_position,
)

__all__ = [
    "adopt",
    "authors_of",
    "awaiting_position",
    "consensus_of",
    "find_ticket",
    "hail",
    "position_problem",
    "readable_tickets",
    "reject",
    "take_position",
    "withdraw",
]
