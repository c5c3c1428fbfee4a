"""Where the board stands: everything a decision rests on, read at one moment."""

from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.contrib.auth.models import User

from calibrations.services.construction import check_code_reviewed
from taxicab.board.domain import (
    Consensus,
    Cover,
    OpenTask,
    Part,
    StandingObjection,
    Voice,
    find_consensus,
    stale_parts,
)
from taxicab.board.models import (
    Objection,
    Position,
    ProcessingTask,
    RequiredVoice,
    TaxicabTicket,
)
from taxicab.board.services.authors import authors_of
from taxicab.board.services.evidence import covers_of, parts_of
from taxicab.board.services.objections import standing_objections
from taxicab.board.services.positions import held_position
from taxicab.board.services.processing import open_tasks
from taxicab.core.models import RoleGrant
from taxicab.core.services.permissions import board_members
from taxicab.errors import ConflictError

__all__ = ["Deliberation", "PositionView", "consensus_of", "deliberation_of"]


@dataclass(frozen=True)
class PositionView:
    """A position, and what changed since it was taken."""

    row: Position
    stale: tuple[str, ...]
    is_on_board: bool


class Deliberation:
    """What is known of a ticket at one moment; each part is read once."""

    def __init__(self, ticket: TaxicabTicket) -> None:
        self.ticket = ticket

    @cached_property
    def parts(self) -> list[Part]:
        """The parts of the evidence as they are now."""
        return parts_of(self.ticket.report)

    @cached_property
    def authors(self) -> list[User]:
        """Who has a part in the set."""
        return authors_of(self.ticket)

    @cached_property
    def grants(self) -> list[RoleGrant]:
        """Who is on the board for the instrument."""
        return list(board_members(self.ticket.construction.instrument))

    @cached_property
    def covers(self) -> list[Cover]:
        """What failed, and whether it is waived."""
        return covers_of(self.ticket, authors=self.authors)

    @cached_property
    def objections(self) -> list[Objection]:
        """Objections that stand."""
        return standing_objections(self.ticket)

    @cached_property
    def tasks(self) -> list[ProcessingTask]:
        """Processing that is still to be done."""
        return open_tasks(self.ticket.construction)

    @cached_property
    def positions(self) -> list[PositionView]:
        """What members hold, the earliest first."""
        on_board = {grant.user_id for grant in self.grants}
        return [
            PositionView(
                row,
                stale_parts(held_position(row, on_board), self.parts),
                row.member_id in on_board,
            )
            for row in self.ticket.positions.select_related("member", "report")
        ]

    @cached_property
    def voices(self) -> list[Voice]:
        """Who must be heard, on everything or on one type."""
        on_board = {grant.user_id for grant in self.grants}
        rows = RequiredVoice.objects.filter(
            instrument=self.ticket.construction.instrument, user__in=on_board
        )
        general = {g.user.get_username() for g in self.grants if g.must_be_heard}
        special = [
            Voice(row.user.get_username(), row.calib_type)
            for row in rows.select_related("user")
        ]
        return [Voice(name) for name in sorted(general)] + special

    @cached_property
    def consensus(self) -> Consensus:
        """Whether the board agrees to adopt, and what is missing."""
        on_board = {grant.user_id for grant in self.grants}
        return find_consensus(
            [held_position(one.row, on_board) for one in self.positions],
            parts=self.parts,
            authors=[author.get_username() for author in self.authors],
            voices=self.voices,
            required=self.ticket.construction.instrument.required_adoptions
            or settings.REQUIRED_ADOPTIONS,
            objections=[
                StandingObjection(o.pk, o.author.get_username(), o.scope)
                for o in self.objections
            ],
            tasks=[
                OpenTask(t.pk, t.asked_by.get_username(), t.text) for t in self.tasks
            ],
            covers=self.covers,
            code=self._code(),
        )

    def _code(self) -> str | None:
        """Say why changed code is not reviewed; `None` where none was changed."""
        if not self.ticket.construction.has_code_changes:
            return None
        try:
            check_code_reviewed(self.ticket.construction)
        except ConflictError as error:
            return str(error)
        return ""


def deliberation_of(ticket: TaxicabTicket) -> Deliberation:
    """Read where the board stands on a ticket."""
    return Deliberation(ticket)


def consensus_of(ticket: TaxicabTicket) -> Consensus:
    """Find whether the board agrees to adopt, and what is missing."""
    return Deliberation(ticket).consensus
