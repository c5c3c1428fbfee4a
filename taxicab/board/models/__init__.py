"""TAXICAB tickets and what the board says of them."""

from taxicab.board.models.discussion import Message, Thread, ThreadKind
from taxicab.board.models.meetings import (
    AgendaItem,
    Attendance,
    Meeting,
    MeetingStatus,
    Remark,
)
from taxicab.board.models.objections import (
    Objection,
    ObjectionStatus,
    ProcessingTask,
    TaskStatus,
)
from taxicab.board.models.positions import Position, RequiredVoice
from taxicab.board.models.records import DecisionAddendum, DecisionRecord
from taxicab.board.models.tickets import (
    OPEN_STAGES,
    TaxicabStage,
    TaxicabTicket,
    TaxicabTicketQuerySet,
)
from taxicab.board.models.waivers import Waiver

__all__ = [
    "OPEN_STAGES",
    "AgendaItem",
    "Attendance",
    "DecisionAddendum",
    "DecisionRecord",
    "Meeting",
    "MeetingStatus",
    "Message",
    "Objection",
    "ObjectionStatus",
    "Position",
    "ProcessingTask",
    "Remark",
    "RequiredVoice",
    "TaskStatus",
    "TaxicabStage",
    "TaxicabTicket",
    "TaxicabTicketQuerySet",
    "Thread",
    "ThreadKind",
    "Waiver",
]
