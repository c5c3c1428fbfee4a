"""The audit log's hash chain: plain Python, so that it can be checked anywhere.

Every entry has a number, the hash of its own fields, and the hash of the entry before
it, its number and its fields together. Whoever alters, removes or moves an entry must
write every later one anew, and the head with them.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from taxicab.core.domain.canonical import sha256_of

__all__ = ["Entry", "Head", "find_breaks", "hash_fields", "hash_link"]

FIELDS = (
    "at",
    "user",
    "subject_kind",
    "subject_key",
    "action",
    "before",
    "after",
    "why",
    "details",
)
"""What is hashed of an entry; ``at`` as ISO 8601 in UTC, ``user`` by number."""


@dataclass(frozen=True)
class Entry:
    """One entry, as it is stored."""

    number: int | None
    """Its place in the chain, from 1; `None` if it was never chained."""
    name: str
    """What a person finds it by."""
    fields: dict[str, Any]
    content_sha256: str
    previous_sha256: str
    sha256: str


@dataclass(frozen=True)
class Head:
    """Where the chain ends; number 0 and no hash before the first entry."""

    number: int = 0
    sha256: str = ""


def hash_fields(fields: dict[str, Any]) -> str:
    """Hash what an entry says."""
    return sha256_of({name: fields[name] for name in FIELDS})


def hash_link(previous_sha256: str, number: int, content_sha256: str) -> str:
    """Hash an entry together with all before it.

    The database computes the same on PostgreSQL (migration ``0004``).
    """
    text = f"{previous_sha256}:{number}:{content_sha256}"
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def find_breaks(entries: Iterable[Entry], head: Head) -> Iterator[str]:
    """Name every entry that was altered, is missing or stands in a wrong place.

    Parameters
    ----------
    entries
        In the order of their numbers, those without a number first.
    head
        Where the chain is said to end.

    Yields
    ------
    str
        A sentence for each fault; none for a sound chain.
    """
    last = Head()
    for entry in entries:
        if entry.number is None:
            yield f"{entry.name} is in no chain: it was put there past the portal."
            continue
        yield from _gap(last.number + 1, entry.number - 1)
        yield from _faults(entry, last)
        last = Head(entry.number, entry.sha256)
    yield from _gap(last.number + 1, head.number)
    if last.number > head.number:
        yield f"The chain goes on to entry {last.number}, past its head {head.number}."
    elif last.number == head.number and last.sha256 != head.sha256:
        yield f"The head of the chain is not the hash of entry {head.number}."


def _gap(first: int, last: int) -> Iterator[str]:
    if first == last:
        yield f"Entry {first} is missing."
    elif first < last:
        yield f"Entries {first} to {last} are missing."


def _faults(entry: Entry, last: Head) -> Iterator[str]:
    name = f"Entry {entry.number} ({entry.name})"
    assert entry.number is not None
    if hash_fields(entry.fields) != entry.content_sha256:
        yield f"{name} was altered: its fields are not those that were hashed."
    link = hash_link(entry.previous_sha256, entry.number, entry.content_sha256)
    if link != entry.sha256:
        yield f"{name} was altered or moved: its hash is not that of its place."
    if last.number == entry.number - 1 and entry.previous_sha256 != last.sha256:
        yield (
            f"{name} does not follow the entry before it: one of the two was replaced "
            "or moved."
        )
