from dataclasses import replace

import pytest

from taxicab.board.domain import (
    Cover,
    CoverState,
    Failure,
    HeldPosition,
    OpenTask,
    Part,
    PositionKind,
    StandingObjection,
    Voice,
    find_consensus,
    stale_parts,
)

KINDS = {
    "+": PositionKind.ADOPT,
    "~": PositionKind.ADOPT_DESPITE,
    "-": PositionKind.OBJECT,
    "!": PositionKind.NEEDS_PROCESSING,
    "0": PositionKind.ABSTAIN,
}
BIAS = Part("bias", "bias", "b1")
FLAT = Part("flat-r", "flat", "f1")
NEW_FLAT = Part("flat-r", "flat", "f2")
FLAT_I = Part("flat-i", "flat", "i1")


def held(text, parts=(BIAS, FLAT)):
    """``ines+ tomas- rosa0 old+?``: adopt, object, abstain; ? left the board."""
    positions = []
    for word in text.split():
        is_on_board = not word.endswith("?")
        word = word.removesuffix("?")
        seen = {part.key: part.sha256 for part in parts}
        positions.append(
            HeldPosition(word[:-1], KINDS[word[-1]], seen, is_on_board=is_on_board)
        )
    return positions


def consensus_of(positions, *, parts=(BIAS, FLAT), required=2, authors=(), **others):
    voices = [
        Voice(*word.split(":")) if ":" in word else Voice(word)
        for word in others.pop("voices", "").split()
    ]
    return find_consensus(
        positions,
        parts=parts,
        authors=authors,
        voices=voices,
        required=required,
        **others,
    )


# positions, authors, who must be heard (on what), required → what is missing
TABLE = [
    ("", "", "", 2, "adoptions"),
    ("ines+", "", "", 2, "adoptions"),
    ("ines+ tomas+", "", "", 2, ""),
    ("ines+ tomas~", "", "", 2, ""),
    ("ines+ tomas+ rosa+", "", "", 2, ""),
    ("ines+", "", "", 1, ""),
    # An author's position does not count.
    ("ines+ nora+", "nora", "", 2, "adoptions"),
    ("ines+ tomas+ nora+", "nora", "", 2, ""),
    # Abstaining and objecting is being heard, and not adopting.
    ("ines0 tomas+", "", "ines", 2, "adoptions"),
    ("ines0 tomas+ rosa+", "", "ines", 2, ""),
    ("ines- tomas+ rosa+", "", "ines", 2, ""),
    ("ines+ tomas0", "", "ines tomas", 1, ""),
    # Who wants more processing is heard when they say what they make of it.
    ("ines! tomas+ rosa+", "", "ines", 2, "voices"),
    ("ines! tomas+ rosa+", "", "tomas", 2, ""),
    # Who must be heard is waited for, on everything or on a type that is there.
    ("tomas+ rosa+", "", "ines", 2, "voices"),
    ("tomas+ rosa+", "", "ines:flat", 2, "voices"),
    ("tomas+ rosa+", "", "ines:ptc", 2, ""),
    ("tomas+", "", "ines", 2, "adoptions voices"),
    # An author need not be heard on a set of their own.
    ("ines+ tomas+", "nora", "nora", 2, ""),
    # Who left the board no longer adopts and is not heard.
    ("ines+ old+?", "", "", 2, "adoptions"),
    ("ines+ tomas+ old0?", "", "old", 2, "voices"),
]


@pytest.mark.parametrize(("positions", "authors", "voices", "required", "out"), TABLE)
def test_consensus(positions, authors, voices, required, out):
    consensus = consensus_of(
        held(positions), authors=authors.split(), voices=voices, required=required
    )
    assert " ".join(line.code for line in consensus.blockers) == out
    assert consensus.is_reached is (not out)
    # Whatever blocks says how to make it true.
    assert all(line.how for line in consensus.blockers)


def test_an_objection_stands_against_any_number():
    objection = StandingObjection(3, "rosa", "flat-r AMP NOISE")
    consensus = consensus_of(held("ines+ tomas+ rosa-"), objections=[objection])
    (line,) = consensus.blockers
    assert line.sentence == "An objection stands (rosa on flat-r AMP NOISE)."
    assert "withdraws it" in line.how


def test_asked_processing_is_done_first():
    task = OpenTask(1, "rosa", "verify the flat on 20261116")
    (line,) = consensus_of(held("ines+ tomas+"), tasks=[task]).blockers
    assert "rosa asked: verify the flat on 20261116" in line.sentence


def cover(state, sentence=""):
    failure = Failure(
        part="bias",
        calib_type="bias",
        physical_filter="",
        level="AMP",
        test="NOISE",
        kind="amplifier",
        raft="R22",
        detector=4,
        amplifier="C05",
        exposure=0,
        place="R22_S11 C05",
        value=9.1,
        limit=9.0,
        unit="e⁻",
        margin=0.01,
        text="",
        n_failed=1,
        n_results=9,
    )
    return Cover(failure, state, None, sentence)


def test_every_failure_has_a_waiver_that_holds():
    waived = cover(CoverState.WAIVED)
    lapsed = cover(CoverState.LAPSED, "waived before, 3 % worse now")
    agreed = held("ines~ tomas~")
    assert consensus_of(agreed, covers=[waived]).is_reached
    (line,) = [
        line
        for line in consensus_of(agreed, covers=[waived]).requirements
        if line.code == "waivers"
    ]
    assert line.sentence == "The failure is waived."
    (line,) = consensus_of(agreed, covers=[waived, lapsed]).blockers
    assert line.code == "waivers"
    assert line.sentence.startswith(
        "1 failure has no waiver that holds (bias AMP NOISE"
    )
    assert "waived before, 3 % worse now" in line.sentence


def test_what_is_missing_is_accepted_like_a_failure():
    gone = cover(CoverState.OPEN, "no waiver")
    gone = replace(gone, failure=replace(gone.failure, kind="missing"))
    waived = replace(gone, state=CoverState.WAIVED)
    agreed = held("ines~ tomas~")
    (line,) = consensus_of(agreed, covers=[gone]).blockers
    assert line.sentence.startswith("1 thing missing has no waiver that holds")
    (line,) = consensus_of(agreed, covers=[gone, gone]).blockers
    assert line.sentence.startswith("2 things missing have no waiver that holds")
    reached = consensus_of(agreed, covers=[waived, cover(CoverState.WAIVED)])
    assert "1 failure and 1 thing missing are waived, all of them." in [
        line.sentence for line in reached.requirements
    ]


# --- New evidence -------------------------------------------------------------------


def test_only_positions_whose_parts_changed_are_stale():
    ines, tomas = held("ines+ tomas+")
    rosa = HeldPosition("rosa", PositionKind.ADOPT, {"bias": "b1"}, is_about_all=False)
    now = (BIAS, NEW_FLAT)
    assert stale_parts(ines, now) == ("flat-r",)
    assert stale_parts(rosa, now) == ()
    consensus = consensus_of([ines, tomas, rosa], parts=now)
    (line,) = consensus.blockers
    assert line.sentence.startswith("flat-r: 0 of 2 adopt positions: 2 more")
    (note,) = [one for one in consensus.requirements if one.is_note]
    assert note.sentence == (
        "2 positions rest on evidence that has changed since "
        "(ines: flat-r; tomas: flat-r)."
    )


def test_a_new_part_concerns_who_spoke_of_everything():
    everything, bias = (
        held("ines+")[0],
        HeldPosition("tomas", PositionKind.ADOPT, {"bias": "b1"}, is_about_all=False),
    )
    now = (BIAS, FLAT, FLAT_I)
    assert stale_parts(everything, now) == ("flat-i",)
    assert stale_parts(bias, now) == ()
    # What is gone is nothing to look at again.
    assert stale_parts(everything, (BIAS,)) == ()


def test_parts_may_be_adopted_by_different_people():
    def about(member, *parts):
        seen = {part.key: part.sha256 for part in parts}
        return HeldPosition(member, PositionKind.ADOPT, seen, is_about_all=False)

    ines, tomas = held("ines+ tomas+", parts=(BIAS, FLAT))
    assert consensus_of([ines, about("rosa", BIAS), about("sam", FLAT)]).is_reached
    consensus = consensus_of([ines, about("rosa", BIAS)])
    assert consensus.blockers[0].sentence.startswith(
        "flat-r: 1 of 2 adopt positions (ines): 1 more board member"
    )
    heard = consensus_of(
        [tomas, about("ines", BIAS), about("sam", FLAT)], voices="ines"
    )
    assert heard.blockers[0].sentence == "Still to be heard: ines on flat-r."


def test_reasons_name_people_and_numbers():
    consensus = consensus_of(
        held("ines+ rosa-"),
        authors=["nora"],
        voices="tomas",
        objections=[StandingObjection(1, "rosa", "the whole set")],
    )
    adoptions, voices, objections = consensus.requirements
    assert adoptions.sentence.startswith("1 of 2 adopt positions (ines): 1 more board")
    assert voices.sentence == "Still to be heard: tomas."
    assert "(rosa on the whole set)" in objections.sentence
    assert consensus.sentence == " ".join(r.sentence for r in consensus.requirements)


def test_reached_in_words():
    consensus = consensus_of(held("a+ b+"))
    assert consensus.sentence == "The board agrees to adopt."


def test_without_evidence_nothing_is_adopted():
    assert not consensus_of(held("a+ b+", parts=()), parts=()).is_reached
