import pytest

from taxicab.board.domain import HeldPosition, PositionKind, find_consensus

ADOPT, OBJECT, ABSTAIN = PositionKind


def held(text):
    """``ines+ tomas- rosa0 old+?``: adopt, object, abstain; ? is no longer current."""
    kinds = {"+": ADOPT, "-": OBJECT, "0": ABSTAIN}
    positions = []
    for word in text.split():
        is_current = not word.endswith("?")
        word = word.removesuffix("?")
        positions.append(HeldPosition(word[:-1], kinds[word[-1]], is_current))
    return positions


# positions, authors, who must be heard, required → what is missing
TABLE = [
    ("", "", "", 2, "adoptions"),
    ("ines+", "", "", 2, "adoptions"),
    ("ines+ tomas+", "", "", 2, ""),
    ("ines+ tomas+ rosa+", "", "", 2, ""),
    ("ines+", "", "", 1, ""),
    # An author's position does not count, whatever it is but an objection.
    ("ines+ nora+", "nora", "", 2, "adoptions"),
    ("ines+ tomas+ nora+", "nora", "", 2, ""),
    ("ines+ tomas+ nora-", "nora", "", 2, "objections"),
    # Abstaining is being heard, and not adopting.
    ("ines0 tomas+", "", "ines", 2, "adoptions"),
    ("ines0 tomas+ rosa+", "", "ines", 2, ""),
    ("ines+ tomas0", "", "ines tomas", 1, ""),
    # Who must be heard is waited for.
    ("tomas+ rosa+", "", "ines", 2, "voices"),
    ("tomas+", "", "ines", 2, "adoptions voices"),
    # An author need not be heard on a set of their own.
    ("ines+ tomas+", "nora", "nora", 2, ""),
    # An objection stands against any number.
    ("ines+ tomas+ rosa-", "", "", 2, "objections"),
    ("rosa-", "", "rosa", 2, "adoptions objections"),
    # Who left the board no longer adopts and is not heard, but still objects.
    ("ines+ old+?", "", "", 2, "adoptions"),
    ("ines+ tomas+ old0?", "", "old", 2, "voices"),
    ("ines+ tomas+ old-?", "", "", 2, "objections"),
]


@pytest.mark.parametrize(
    ("positions", "authors", "heard", "required", "missing"), TABLE
)
def test_consensus(positions, authors, heard, required, missing):
    consensus = find_consensus(
        held(positions),
        authors=authors.split(),
        must_be_heard=heard.split(),
        required=required,
    )
    assert " ".join(line.code for line in consensus.blockers) == missing
    assert consensus.is_reached is (not missing)


def test_reasons_name_people_and_numbers():
    consensus = find_consensus(
        held("ines+ rosa-"), authors=["nora"], must_be_heard=["tomas"], required=2
    )
    adoptions, voices, objections = consensus.requirements
    assert adoptions.sentence.startswith("1 of 2 adopt positions (ines): 1 more board")
    assert voices.sentence == "Still to be heard: tomas."
    assert "(rosa)" in objections.sentence
    assert consensus.sentence == " ".join(r.sentence for r in consensus.requirements)


def test_reached_in_words():
    consensus = find_consensus(held("a+ b+"), authors=[], must_be_heard=[], required=2)
    assert consensus.sentence == "The board agrees to adopt."
