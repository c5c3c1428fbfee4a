"""Consensus, as a pure function of who said what on which evidence.

Plain Python, no Django. Every line says in words whether it is met and how to make it
so: the page and REST show them as they are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from taxicab.board.domain.failures import count_in_words
from taxicab.board.domain.positions import (
    HeldPosition,
    Part,
    PositionKind,
    current_parts,
    stale_parts,
)
from taxicab.board.domain.waivers import Cover

__all__ = [
    "Consensus",
    "OpenTask",
    "Requirement",
    "StandingObjection",
    "Voice",
    "find_consensus",
]


@dataclass(frozen=True)
class Voice:
    """Somebody who must be heard: on one calibration type, or on all."""

    member: str
    calib_type: str = ""


@dataclass(frozen=True)
class StandingObjection:
    """An objection that was neither withdrawn nor resolved."""

    number: int
    author: str
    about: str


@dataclass(frozen=True)
class OpenTask:
    """Processing that a member asked for and nobody has done."""

    number: int
    asked_by: str
    text: str


@dataclass(frozen=True)
class Requirement:
    """One line of what adoption needs, in words."""

    code: str
    is_met: bool
    sentence: str
    how: str = ""
    """How to make it true; empty once it is."""
    is_note: bool = False
    """Said for the reader's sake: it blocks nothing by itself."""


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
    parts: Sequence[Part],
    authors: Sequence[str],
    voices: Sequence[Voice],
    required: int,
    objections: Sequence[StandingObjection] = (),
    tasks: Sequence[OpenTask] = (),
    covers: Sequence[Cover] = (),
    code: str | None = None,
) -> Consensus:
    """Decide whether the board agrees to adopt.

    Parameters
    ----------
    positions
        One position a member.
    parts
        The evidence as it is now: a position counts for the parts it rests on, as
        long as they are the same.
    authors
        Who made or hailed the set; a position of theirs does not count.
    voices
        Who must be heard, and on what. Who asked for more processing is heard once
        they say what they make of it.
    required
        Adopt positions that every part needs; abstaining counts as heard, not as
        adopting.
    covers
        The failures of the evidence, what is missing in it, and whether each is
        waived: a waiver is how the board accepts either.
    code
        Why changed code is not reviewed, empty once it is; `None` where none changed.
    """
    counted = [p for p in positions if p.is_on_board and p.member not in authors]
    lines = [] if code is None else [_code(code)]
    lines += [
        _adoptions(counted, parts, required),
        _voices(counted, parts, [v for v in voices if v.member not in authors]),
        _objections(objections),
    ]
    if tasks:
        lines.append(_tasks(tasks))
    if covers:
        lines.append(_waivers(covers))
    stale = {p.member: s for p in counted if (s := stale_parts(p, parts))}
    if stale:
        lines.append(_stale(stale))
    return Consensus(tuple(lines))


def _code(problem: str) -> Requirement:
    if not problem:
        return Requirement("code", True, "The changed code is reviewed.")
    how = "Its reviewer records the review on the construction ticket."
    return Requirement("code", False, problem, how)


def _adoptions(
    counted: Sequence[HeldPosition], parts: Sequence[Part], required: int
) -> Requirement:
    """Count adopters a part; parts with the same ones are told together."""
    adopting = [p for p in counted if p.kind.is_adopting]
    held = {p.member: set(current_parts(p, parts)) for p in adopting}
    groups: dict[tuple[str, ...], list[str]] = {}
    for part in parts:
        names = tuple(sorted(m for m, keys in held.items() if part.key in keys))
        groups.setdefault(names, []).append(part.key)
    short = {names: keys for names, keys in groups.items() if len(names) < required}
    fewest = min(groups, key=len, default=())
    if len(groups) <= 1 or not short:
        sentence = f"{len(fewest)} of {required} adopt positions{_in(fewest)}"
    else:
        sentence = "; ".join(
            f"{', '.join(keys)}: {len(names)} of {required} adopt positions{_in(names)}"
            for names, keys in short.items()
        )
    missing = max((required - len(names) for names in short), default=0)
    if not parts:
        missing = required
    if missing:
        members = "member" if missing == 1 else "members"
        sentence += f": {missing} more board {members} must adopt, and not an author"
    how = "Board members take a position on this page." if missing else ""
    return Requirement("adoptions", not missing, sentence + ".", how)


def _in(names: Iterable[str]) -> str:
    said = ", ".join(sorted(names))
    return f" ({said})" if said else ""


def _voices(
    counted: Sequence[HeldPosition], parts: Sequence[Part], voices: Sequence[Voice]
) -> Requirement:
    heard: dict[str, set[str]] = {
        p.member: set(current_parts(p, parts))
        for p in counted
        if p.kind is not PositionKind.NEEDS_PROCESSING
    }
    unheard: dict[str, set[str]] = {}
    n_expected = 0
    for voice in voices:
        asked = {p.key for p in parts if voice.calib_type in ("", p.calib_type)}
        n_expected += bool(asked)
        if missing := asked - heard.get(voice.member, set()):
            unheard.setdefault(voice.member, set()).update(missing)
    if unheard:
        names = ", ".join(
            f"{name}{_on(keys, parts)}" for name, keys in sorted(unheard.items())
        )
        return Requirement(
            "voices",
            False,
            f"Still to be heard: {names}.",
            "Each of them takes a position on this page, abstaining included.",
        )
    if n_expected:
        return Requirement("voices", True, "Everyone who must be heard was heard.")
    return Requirement("voices", True, "No member is set as one who must be heard.")


def _on(keys: set[str], parts: Sequence[Part]) -> str:
    """Name the parts, unless they are all there are."""
    if len(keys) == len(parts):
        return ""
    return " on " + ", ".join(p.key for p in parts if p.key in keys)


def _objections(objections: Sequence[StandingObjection]) -> Requirement:
    if not objections:
        return Requirement("objections", True, "No objection stands.")
    names = "; ".join(f"{o.author} on {o.about}" for o in objections)
    stands = "An objection stands" if len(objections) == 1 else "Objections stand"
    return Requirement(
        "objections",
        False,
        f"{stands} ({names}).",
        "Its author withdraws it, or another member records how the meeting resolved "
        "it.",
    )


def _tasks(tasks: Sequence[OpenTask]) -> Requirement:
    one = len(tasks) == 1
    said = "; ".join(f"{t.asked_by} asked: {t.text}" for t in tasks)
    return Requirement(
        "tasks",
        False,
        f"{len(tasks)} request{'' if one else 's'} for more processing "
        f"{'is' if one else 'are'} not done ({said}).",
        "The calibration team does it and says so on the construction ticket; new "
        "results come in by a new report.",
    )


def _waivers(covers: Sequence[Cover]) -> Requirement:
    bare = [cover for cover in covers if not cover.state.is_covered]
    if not bare:
        return Requirement("waivers", True, _all_waived(covers))
    first = bare[0]
    more = f" and {len(bare) - 1} more" if len(bare) > 1 else ""
    have = "has" if len(bare) == 1 else "have"
    what = count_in_words(cover.failure for cover in bare)
    return Requirement(
        "waivers",
        False,
        f"{what} {have} no waiver that holds ({first.failure.sentence}: "
        f"{first.sentence}{more}).",
        "A board member writes a waiver for each from the list of failures, and so "
        "accepts it; or the set is rejected and built again.",
    )


def _all_waived(covers: Sequence[Cover]) -> str:
    what = count_in_words(cover.failure for cover in covers)
    if len(covers) == 1:
        return f"The {what.removeprefix('1 ')} is waived."
    return f"{what} are waived, all of them."


def _stale(stale: Mapping[str, Sequence[str]]) -> Requirement:
    names = "; ".join(f"{m}: {', '.join(keys)}" for m, keys in sorted(stale.items()))
    is_are = "1 position rests" if len(stale) == 1 else f"{len(stale)} positions rest"
    return Requirement(
        "stale",
        True,
        f"{is_are} on evidence that has changed since ({names}).",
        "Who took it looks at what changed and takes a position anew.",
        is_note=True,
    )
