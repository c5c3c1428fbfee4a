"""How the demonstration's board decides: an objection, waivers, positions, adoption."""

from datetime import timedelta

from django.utils import timezone

from taxicab.board import services as board
from taxicab.board.domain import Failure, PositionKind, count_in_words
from taxicab.board.models import ObjectionStatus, TaxicabTicket
from taxicab.demo.building import person
from taxicab.demo.progress import Narrator

__all__ = ["decide"]

WAIVED_FOR = timedelta(days=180)
TERMS = {
    "exposure": (
        "{what} fails on exposure {exposure} alone, which is saturated: it says "
        "something of that frame and nothing of the calibration.",
        "None: the clipped mean leaves the frame out, and the other exposures pass.",
    ),
    "unmeasured": (
        "Nothing is left to measure on {exposure}, which is saturated ({what}); the "
        "other exposures have every number, and pass.",
        "None that is known; the next verification uses another exposure.",
    ),
    "amplifier": (
        "{amplifier} has been noisier than its neighbours since the gains were "
        "measured, and is stable; within what science needs until it is exchanged.",
        "Slightly noisier pixels in {amplifier}, and nowhere else.",
    ),
    "detector": (
        "{what} of this detector is a property of the device, seen in the laboratory "
        "as well; building the set again would not change it.",
        "A few per cent more noise in one detector, which coaddition weighs down.",
    ),
    "missing": (
        "It was not made for this set, and what is there is enough to judge it by.",
        "None on the images; the next set is verified with it.",
    ),
    "camera": (
        "{what} exceeds its limit everywhere by as much as in the set that is in use: "
        "the limit is being reviewed, and is not changed for this set.",
        "None beyond what the set in use has.",
    ),
}
"""Why each kind of failure is accepted, and what it does."""

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
        reason, effect = _terms(cover.failure)
        board.write_waiver(
            taxicab,
            failure=cover.failure.key,
            reason=reason,
            effect=effect,
            owner=person("nora"),
            expires_on=timezone.now().date() + WAIVED_FOR,
            by=person("ines"),
        )
    if bare:
        what = count_in_words(cover.failure for cover in bare)
        narrator.say(f"Inés waives {what} for half a year.")
    return len(covers)


def _terms(failure: Failure) -> tuple[str, str]:
    """Give the reason and the expected effect that fit what failed."""
    reason, effect = TERMS.get(failure.kind, TERMS["camera"])
    told = {
        "what": ", ".join(failure.tests) or failure.test or failure.part,
        "exposure": failure.exposure or "one exposure",
        "amplifier": failure.amplifier,
    }
    return reason.format(**told), effect.format(**told)
