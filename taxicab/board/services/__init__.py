"""What the board does: hearing, positions, objections, waivers, decisions."""

from taxicab.board.services.authors import authors_of
from taxicab.board.services.consensus import consensus_of, deliberation_of
from taxicab.board.services.decisions import adopt, reject
from taxicab.board.services.hailing import (
    find_ticket,
    hail,
    readable_tickets,
    withdraw,
)
from taxicab.board.services.objections import (
    check_own_objection,
    resolve_objection,
    withdraw_objection,
)
from taxicab.board.services.positions import (
    awaiting_position,
    position_problem,
    raise_objection,
    take_position,
)
from taxicab.board.services.processing import drop_task, finish_task
from taxicab.board.services.replacing import newer_reports, replace_report
from taxicab.board.services.waivers import withdraw_waiver, write_waiver

__all__ = [
    "adopt",
    "authors_of",
    "awaiting_position",
    "check_own_objection",
    "consensus_of",
    "deliberation_of",
    "drop_task",
    "find_ticket",
    "finish_task",
    "hail",
    "newer_reports",
    "position_problem",
    "raise_objection",
    "readable_tickets",
    "reject",
    "replace_report",
    "resolve_objection",
    "take_position",
    "withdraw",
    "withdraw_objection",
    "withdraw_waiver",
    "write_waiver",
]
