"""The hash chain as plain data: every way to tamper with it, and what is said."""

import dataclasses
import math

import pytest

from taxicab.core.domain.canonical import canonical_json, sha256_of
from taxicab.core.domain.chain import Entry, Head, find_breaks, hash_fields, hash_link

FIELDS = {
    "at": "2026-11-24T22:00:00.000001+00:00",
    "user": 7,
    "subject_kind": "taxicab",
    "subject_key": "TAXICAB-1",
    "action": "hailed",
    "before": "",
    "after": "hailed",
    "why": "",
    "details": {},
}


def make_chain(n=5):
    entries, last = [], ""
    for number in range(1, n + 1):
        fields = FIELDS | {"action": f"step {number}"}
        content = hash_fields(fields)
        link = hash_link(last, number, content)
        entries.append(Entry(number, f"event {number}", fields, content, last, link))
        last = link
    return entries, Head(n, last)


def breaks(entries, head):
    return list(find_breaks(sorted(entries, key=lambda e: e.number or 0), head))


def test_sound_chains():
    for n in (0, 1, 5):
        entries, head = make_chain(n) if n else ([], Head())
        assert breaks(entries, head) == []


def test_altered_field_is_named():
    entries, head = make_chain()
    entries[2] = dataclasses.replace(entries[2], fields=FIELDS | {"action": "nothing"})
    (said,) = breaks(entries, head)
    assert said.startswith("Entry 3 (event 3) was altered")


def test_altered_with_its_own_hashes():
    """Whoever hashes the entry anew as well is found at the one after it."""
    entries, head = make_chain()
    fields = FIELDS | {"action": "nothing"}
    content = hash_fields(fields)
    link = hash_link(entries[2].previous_sha256, 3, content)
    entries[2] = dataclasses.replace(
        entries[2], fields=fields, content_sha256=content, sha256=link
    )
    (said,) = breaks(entries, head)
    assert said.startswith("Entry 4 (event 4) does not follow")


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ({1}, "Entry 1 is missing."),
        ({3}, "Entry 3 is missing."),
        ({2, 3, 4}, "Entries 2 to 4 are missing."),
        ({4, 5}, "Entries 4 to 5 are missing."),
        ({1, 2, 3, 4, 5}, "Entries 1 to 5 are missing."),
    ],
)
def test_missing_entries_are_counted(gone, said):
    entries, head = make_chain()
    assert breaks([e for e in entries if e.number not in gone], head) == [said]


def test_moved_entries_are_named():
    entries, head = make_chain()
    entries[1], entries[2] = (
        dataclasses.replace(entries[1], number=3),
        dataclasses.replace(entries[2], number=2),
    )
    said = " ".join(breaks(entries, head))
    assert "Entry 2 (event 3) was altered or moved" in said
    assert "Entry 3 (event 2) was altered or moved" in said


def test_entry_put_there_past_the_portal():
    entries, head = make_chain()
    entries.append(Entry(None, "event 9", FIELDS, "", "", ""))
    assert breaks(entries, head) == [
        "event 9 is in no chain: it was put there past the portal."
    ]


def test_head_that_was_put_back():
    entries, _ = make_chain()
    (said,) = breaks(entries, Head(3, entries[2].sha256))
    assert "past its head 3" in said
    (said,) = breaks(entries, Head(5, "0" * 64))
    assert "not the hash of entry 5" in said


def test_canonical_json_has_one_spelling():
    assert canonical_json({"b": 1.0, "a": ["é", None]}) == (
        '{"a":["\\u00e9",null],"b":1}'
    )
    assert sha256_of({"x": 1e22}) == sha256_of({"x": 10**22})
    assert sha256_of({"x": 0.1}) != sha256_of({"x": 0.2})
    assert canonical_json({1: True, "2": (3,)}) == '{"1":true,"2":[3]}'
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(math.nan)
