"""Headers of a part's inputs as a page shows them: what all have alike, said once."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reports.services.evidence import PARTS
from taxicab.errors import ConflictError, NotFoundError

__all__ = ["HEADERS", "PartHeaders", "fold_headers", "fold_part_headers"]

HEADERS = "headers.json"

MAX_ROWS = 100
"""Exposures of a table; a photon transfer curve has a thousand."""

_NOT_KEPT = "not kept when this report was made"


@dataclass(frozen=True)
class HeaderCard:
    """A keyword; its value is empty where that depends on the exposure."""

    keyword: str
    value: str
    comment: str


@dataclass(frozen=True)
class HeaderRow:
    """What an exposure has of the keywords that differ, in their order."""

    exposure: int
    detector: int
    values: list[str]


@dataclass(frozen=True)
class MissingHeaders:
    """Exposures that have no header for the same reason."""

    sentence: str
    exposures: list[int]


@dataclass(frozen=True)
class PartHeaders:
    """The headers of one part's inputs."""

    label: str
    file: str
    """Their place in the report."""
    is_kept: bool = False
    """Whether the report has the file: those made earlier have none."""
    n_read: int = 0
    detectors: list[int] = field(default_factory=list)
    same: list[HeaderCard] = field(default_factory=list)
    differing: list[HeaderCard] = field(default_factory=list)
    rows: list[HeaderRow] = field(default_factory=list)
    missing: list[MissingHeaders] = field(default_factory=list)

    @property
    def n_more(self) -> int:
        """Exposures that the table leaves out."""
        return self.n_read - len(self.rows)

    @property
    def sentence(self) -> str:
        """How many headers there are, and of which detector."""
        if not self.is_kept:
            return _NOT_KEPT
        if not self.n_read:
            return "none"
        word = "exposure" if self.n_read == 1 else "exposures"
        of = ", ".join(map(str, self.detectors))
        return f"{self.n_read} {word}, detector {of}"


def fold_part_headers(
    summary: Mapping[str, Any], find: Callable[[str], Path]
) -> list[PartHeaders]:
    """Fold the headers of every part of a report.

    Parameters
    ----------
    find
        Gives the place of a file by its name in the report.
    """
    return [
        _read_part(stage["label"], f"{PARTS}/{stage['key']}/{HEADERS}", find)
        for stage in summary.get("stages", ())
    ]


def _read_part(label: str, file: str, find: Callable[[str], Path]) -> PartHeaders:
    try:
        entries = json.loads(find(file).read_text(encoding="utf-8"))
    except (ConflictError, NotFoundError, FileNotFoundError):
        return PartHeaders(label, file)
    return fold_headers(entries, label=label, file=file)


def fold_headers(
    entries: Iterable[Mapping[str, Any]], *, label: str, file: str
) -> PartHeaders:
    """Separate the keywords that all exposures have alike from those that differ."""
    entries = list(entries)
    read = [entry for entry in entries if not entry["missing"]]
    tables = [_values(entry["cards"]) for entry in read]
    comments = _comments(read)
    differing = [
        keyword
        for keyword in comments
        if len({table.get(keyword) for table in tables}) > 1
    ]
    return PartHeaders(
        label,
        file,
        is_kept=True,
        n_read=len(read),
        detectors=sorted({entry["detector"] for entry in read}),
        same=[
            HeaderCard(keyword, tables[0][keyword], comment)
            for keyword, comment in comments.items()
            if keyword not in differing
        ],
        differing=[HeaderCard(keyword, "", comments[keyword]) for keyword in differing],
        rows=[
            HeaderRow(
                entry["exposure"],
                entry["detector"],
                [table.get(keyword, "") for keyword in differing],
            )
            for entry, table in zip(read[:MAX_ROWS], tables, strict=False)
        ],
        missing=_missing(entries),
    )


def _missing(entries: Iterable[Mapping[str, Any]]) -> list[MissingHeaders]:
    found: dict[str, list[int]] = {}
    for entry in entries:
        if entry["missing"]:
            found.setdefault(entry["missing"], []).append(entry["exposure"])
    return [MissingHeaders(*one) for one in found.items()]


def _comments(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Give each keyword's first comment, in the order in which keywords occur."""
    found: dict[str, str] = {}
    for entry in entries:
        for keyword, _, comment in entry["cards"]:
            # One without a keyword is a blank line of the header.
            if keyword:
                found.setdefault(keyword, comment)
    return found


def _values(cards: Iterable[Sequence[Any]]) -> dict[str, str]:
    """Give each keyword's value as text; a keyword that is repeated has all of them."""
    found: dict[str, list[str]] = {}
    for keyword, value, _ in cards:
        found.setdefault(keyword, []).append(_spell(value))
    return {keyword: " ".join(values).strip() for keyword, values in found.items()}


def _spell(value: Any) -> str:
    if isinstance(value, bool):
        return "T" if value else "F"
    return "" if value is None else str(value)
