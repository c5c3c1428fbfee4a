"""How the demonstration's board decides: an objection, waivers, positions, adoption."""

from datetime import timedelta

from django.utils import timezone

from taxicab.board import services as board
from taxicab.board.domain import PositionKind
from taxicab.board.models import ObjectionStatus, TaxicabTicket
from taxicab.demo.building import person
from taxicab.demo.progress import Narrator

__all__ = ["decide"]

WAIVED_FOR = timedelta(days=180)
COMMENTS = {
    "ines": "The failing amplifiers are known; better than what we have.",
    "tomas": "Agreed. Rebuild the flat without the saturated frame next time.",
}


def decide(taxicab: TaxicabTicket, narrator: Narrator) -> None:
    """Bring the board to adopt; goes on where it was interrupted."""
    _settle_objection(taxicab, narrator)
    failed = _waive(taxicab, narrator)
    kind = PositionKind.ADOPT_DESPITE if failed else PositionKind.ADOPT
    for name, comment in COMMENTS.items():
        member = person(name)
        board.take_position(taxicab, kind=kind, comment=comment, by=member)
        narrator.say(f"{member.first_name}: {kind.label.lower()}. “{comment}”")
    board.adopt(
        taxicab,
        by=person("tomas"),
        reason="Consensus of the board, despite the failures discussed.",
    )
    narrator.say(f"{taxicab.key} is adopted.")


def _settle_objection(taxicab: TaxicabTicket, narrator: Narrator) -> None:
    """Tomás objects to one input; the meeting answers, and Inés writes it down."""
    if not taxicab.objections.exists():
        reason = "A saturated flat is among the inputs: does it show in the mean?"
        board.raise_objection(
            taxicab, about="the saturated flat", reason=reason, by=person("tomas")
        )
        narrator.say(f"Tomás objects. “{reason}”")
    for objection in taxicab.objections.filter(status=ObjectionStatus.STANDING):
        resolution = "The clipped mean leaves it out: the combined flat is sound."
        board.resolve_objection(objection, resolution=resolution, by=person("ines"))
        narrator.say(f"Inés records the resolution. “{resolution}”")


def _waive(taxicab: TaxicabTicket, narrator: Narrator) -> int:
    """Inés waives what failed, one by one, for half a year; gives how many failed."""
    covers = board.deliberation_of(taxicab).covers
    bare = [cover for cover in covers if not cover.state.is_covered]
    for cover in bare:
        board.write_waiver(
            taxicab,
            failure=cover.failure.key,
            reason="Known since the gains were measured; within what science needs "
            "until the next set.",
            effect="Slightly noisier pixels where it is, and nowhere else.",
            owner=person("nora"),
            expires_on=timezone.now().date() + WAIVED_FOR,
            by=person("ines"),
        )
    if bare:
        narrator.say(f"Inés waives {len(bare)} failures for half a year.")
    return len(covers)
