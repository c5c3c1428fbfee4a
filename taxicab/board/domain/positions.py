"""What board members may hold: plain Python, no Django."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["HeldPosition", "PositionKind"]


class PositionKind(StrEnum):
    """What a board member may hold."""

    ADOPT = "adopt"
    OBJECT = "object"
    ABSTAIN = "abstain"

    @property
    def label(self) -> str:
        """The position as people read it."""
        return self.value.capitalize()


@dataclass(frozen=True)
class HeldPosition:
    """One member's position."""

    member: str
    kind: PositionKind
    is_current: bool = True
    """False for somebody who left the board, or who saw another report. An objection
    stands all the same; only its author takes it back."""
