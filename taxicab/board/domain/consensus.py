"""Consensus, as a pure function of who said what: plain Python, no Django."""

from collections.abc import Sequence
from dataclasses import dataclass

from taxicab.board.domain.positions import HeldPosition, PositionKind

__all__ = ["Consensus", "Requirement", "find_consensus"]


@dataclass(frozen=True)
class Requirement:
    """One line of what adoption needs, in words."""

    code: str
    is_met: bool
    sentence: str


@dataclass(frozen=True)
class Consensus:
    """Whether a set may be adopted, and why."""

    requirements: tuple[Requirement, ...]

    @property
    def is_reached(self) -> bool:
        """Whether every requirement is met."""
        return all(requirement.is_met for requirement in self.requirements)

    @property
    def sentence(self) -> str:
        """The whole in words: what is missing, or that nothing is."""
        if self.is_reached:
            return "The board agrees to adopt."
        return " ".join(requirement.sentence for requirement in self.blockers)

    @property
    def blockers(self) -> tuple[Requirement, ...]:
        """The requirements that are not met."""
        return tuple(r for r in self.requirements if not r.is_met)


def find_consensus(
    positions: Sequence[HeldPosition],
    *,
    authors: Sequence[str],
    must_be_heard: Sequence[str],
    required: int,
) -> Consensus:
    """Decide whether the board agrees to adopt.

    Parameters
    ----------
    positions
        One position a member.
    authors
        Who made or hailed the set; a position of theirs does not count.
    must_be_heard
        Members without whose position there is no consensus.
    required
        Adopt positions needed; abstaining counts as heard, not as adopting.
    """
    counted = [p for p in positions if p.is_current and p.member not in authors]
    adopting = [p.member for p in counted if p.kind is PositionKind.ADOPT]
    objecting = [p.member for p in positions if p.kind is PositionKind.OBJECT]
    heard = {p.member for p in counted}
    unheard = [m for m in must_be_heard if m not in heard and m not in authors]
    return Consensus(
        (
            _adoptions(adopting, required=required),
            _voices(unheard, must_be_heard=must_be_heard),
            _objections(objecting),
        )
    )


def _adoptions(adopting: Sequence[str], *, required: int) -> Requirement:
    missing = max(0, required - len(adopting))
    names = f" ({', '.join(sorted(adopting))})" if adopting else ""
    sentence = f"{len(adopting)} of {required} adopt positions{names}"
    if missing:
        members = "member" if missing == 1 else "members"
        sentence += f": {missing} more board {members} must adopt, and not an author"
    return Requirement("adoptions", not missing, sentence + ".")


def _voices(unheard: Sequence[str], *, must_be_heard: Sequence[str]) -> Requirement:
    if unheard:
        names = ", ".join(sorted(unheard))
        return Requirement("voices", False, f"Still to be heard: {names}.")
    if must_be_heard:
        return Requirement("voices", True, "Everyone who must be heard was heard.")
    return Requirement("voices", True, "No member is set as one who must be heard.")


def _objections(objecting: Sequence[str]) -> Requirement:
    if objecting:
        names = ", ".join(sorted(objecting))
        stands = "An objection stands" if len(objecting) == 1 else "Objections stand"
        return Requirement(
            "objections",
            False,
            f"{stands} ({names}): who objects may take another position.",
        )
    return Requirement("objections", True, "No objection stands.")
