"""TAXICAB tickets and what the board says of them."""

from taxicab.board.models.positions import Position
from taxicab.board.models.tickets import (
    TaxicabStage,
    TaxicabTicket,
    TaxicabTicketQuerySet,
)

__all__ = ["Position", "TaxicabStage", "TaxicabTicket", "TaxicabTicketQuerySet"]
