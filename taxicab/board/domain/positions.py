"""What board members may hold, and on which evidence: plain Python, no Django."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["HeldPosition", "Part", "PositionKind", "current_parts", "stale_parts"]


class PositionKind(StrEnum):
    """What a board member may hold."""

    ADOPT = "adopt"
    ADOPT_DESPITE = "adopt_despite"
    """Adopt, and accept the failures that are waived."""
    OBJECT = "object"
    NEEDS_PROCESSING = "needs_processing"
    ABSTAIN = "abstain"

    @property
    def label(self) -> str:
        """The position as people read it."""
        return _LABELS.get(self, self.value.capitalize())

    @property
    def is_adopting(self) -> bool:
        """Whether it counts towards adoption."""
        return self in {PositionKind.ADOPT, PositionKind.ADOPT_DESPITE}


_LABELS = {
    PositionKind.ADOPT_DESPITE: "Adopt despite failures",
    PositionKind.NEEDS_PROCESSING: "Needs more processing",
}


@dataclass(frozen=True)
class Part:
    """What a report says of one calibration type and filter, and its hash."""

    key: str
    calib_type: str
    sha256: str


@dataclass(frozen=True)
class HeldPosition:
    """One member's position, and the parts of the evidence that it rests on."""

    member: str
    kind: PositionKind
    parts: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 by key, as the member saw them."""
    is_about_all: bool = True
    """Whether a part that came later would belong to it."""
    is_on_board: bool = True
    """False for somebody who left the board: their position counts no more."""


def stale_parts(position: HeldPosition, parts: Sequence[Part]) -> tuple[str, ...]:
    """List the parts that changed, or came, since the member saw the evidence.

    A part that is gone is nothing to look at again.
    """
    return tuple(
        part.key
        for part in parts
        if (part.key in position.parts or position.is_about_all)
        and position.parts.get(part.key) != part.sha256
    )


def current_parts(position: HeldPosition, parts: Sequence[Part]) -> tuple[str, ...]:
    """List the parts that the position still holds for, as they are now."""
    return tuple(p.key for p in parts if position.parts.get(p.key) == p.sha256)
