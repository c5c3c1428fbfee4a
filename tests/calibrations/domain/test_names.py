import datetime
import string

import pytest

from calibrations.domain.graph import GRAPHS, CalibrationType, specification
from calibrations.domain.names import (
    BadNameError,
    CollectionKind,
    Rerun,
    certified_name,
    check_names_fit,
    check_tag,
    check_ticket,
    curated_name,
    default_chain,
    generation_name,
    next_attempt,
    parse_name,
    tagged_name,
    ticket_chain,
    verification_name,
)
from taxicab.errors import ConflictError, InputError

FOLDER = "LATISS/calib/DM-12345/voltageChange"
DAY = datetime.date(2022, 9, 15)


@pytest.mark.parametrize(
    ("build", "type_", "band", "expected"),
    [
        (generation_name, "bias", None, "biasGen.20220915a"),
        (generation_name, "dark", None, "darkGen.20220915a"),
        (generation_name, "flat", "r", "flatGen-r.20220915a"),
        (verification_name, "bias", None, "verifyBias.20220915a"),
        (verification_name, "dark", None, "verifyDark.20220915a"),
        (verification_name, "flat", "r", "verifyFlat-r.20220915a"),
        (certified_name, "bias", None, "bias.20220915a"),
        (certified_name, "dark", None, "dark.20220915a"),
        (certified_name, "flat", "r", "flat-r.20220915a"),
        # The template's spellings.
        (generation_name, "defects", None, "defectGen.20220915a"),
        (certified_name, "defects", None, "defects.20220915a"),
        (verification_name, "defects", None, "verifyDefects.20220915a"),
        (generation_name, "linearizer", None, "linearizerGen.20220915a"),
        (verification_name, "linearizer", None, "verifyLinearizer.20220915a"),
        (generation_name, "ptc", None, "ptcGen.20220915a"),
        (generation_name, "bfk", None, "bfkGen.20220915a"),
        (generation_name, "cti", None, "ctiGen.20220915a"),
        (generation_name, "crosstalk", None, "crosstalkGen.20220915a"),
        (generation_name, "biasBootstrap", None, "biasBootstrapGen.20220915a"),
        (generation_name, "flatBootstrap", "r", "flatBootstrapGen-r.20220915a"),
        (generation_name, "fringe", "z", "fringeGen-z.20220915a"),
        (verification_name, "fringe", "z", "verifyFringe-z.20220915a"),
        (generation_name, "flat_for_defects", "r", "defectFlatGen-r.20220915a"),
        (certified_name, "dark_for_defects", None, "defectDark.20220915a"),
    ],
)
def test_names_are_those_of_dmtn_222(build, type_, band, expected):
    name = build("LATISS", "DM-12345", "voltageChange", type_, "20220915a", band)
    assert name == f"{FOLDER}/{expected}"
    parsed = parse_name(name)
    assert str(parsed) == name
    assert (parsed.type, parsed.band, parsed.tag) == (type_, band, "voltageChange")
    assert (parsed.instrument, parsed.ticket) == ("LATISS", "DM-12345")
    assert parsed.rerun == Rerun(DAY, "a")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (default_chain("LSSTCam"), CollectionKind.DEFAULT),
        (ticket_chain("LSSTCam", "DM-1"), CollectionKind.TICKET),
        (tagged_name("LSSTCam", "DM-1"), CollectionKind.TAGGED),
        (tagged_name("LSSTCam", "DM-1", 12), CollectionKind.TAGGED),
        (curated_name("LSSTCam", "DM-1"), CollectionKind.CURATED),
        (curated_name("LSSTCam", "DM-1", "19700101T000000"), CollectionKind.CURATED),
    ],
)
def test_chains_and_tags_are_parsed_as_built(name, kind):
    assert parse_name(name).kind == kind
    assert str(parse_name(name)) == name


def test_chains_and_tags_are_spelled():
    assert default_chain("LSSTCam") == "LSSTCam/calib"
    assert ticket_chain("LSSTCam", "DM-48520") == "LSSTCam/calib/DM-48520"
    assert tagged_name("LSSTCam", "DM-48520") == "LSSTCam/calib_tagged/DM-48520"
    assert tagged_name("LSSTCam", "DM-48520", 2) == "LSSTCam/calib_tagged/DM-48520/2"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "LATISS",
        "LATISS/raw/all",
        "LATISS/calib/DM-0",
        "LATISS/calib/DM-012",
        "LATISS/calib/dm-12345",
        "LATISS/calib/DM-12345/tag",
        f"{FOLDER}/biasGen",
        f"{FOLDER}/biasGen.20220915",
        f"{FOLDER}/biasGen.20220915A",
        f"{FOLDER}/biasGen.20220915ab",
        f"{FOLDER}/biasGen.20220931a",
        f"{FOLDER}/biasGen.2022-09-15a",
        f"{FOLDER}/biasGen.20220915a/run1",
        f"{FOLDER}/biasGen-r.20220915a",
        f"{FOLDER}/flatGen.20220915a",
        f"{FOLDER}/flatGen-.20220915a",
        f"{FOLDER}/flatGen-r-g.20220915a",
        f"{FOLDER}/BiasGen.20220915a",
        f"{FOLDER}/verifybias.20220915a",
        f"{FOLDER}/brighterFatterGen.20220915a",
        f"{FOLDER}/verifyBiasBootstrap.20220915a",
        f"{FOLDER}/defectGen-r.20220915a",
        "LATISS/calib/DM-12345/curated/",
        "LATISS/calib/DM-12345/curated/yesterday",
        "LATISS/calib/DM-12345/curated/19700101/bias",
        "LATISS/calib/DM-12345/voltage change/biasGen.20220915a",
        "LATISS/calib/DM-12345/voltage-change/biasGen.20220915a",
        "LATISS/calib/DM-12345//biasGen.20220915a",
        "1LATISS/calib/DM-12345",
        "u/somebody/LATISS/calib/DM-12345",
        "LATISS/calib_tagged/DM-12345/0",
        "LATISS/calib_tagged/DM-12345/1",
        "LATISS/calib_tagged/DM-12345/02",
        "LATISS/calib_tagged/DM-12345/2/3",
        f"{FOLDER}/biasGen.20220915a\n",
    ],
)
def test_other_names_are_refused(name):
    with pytest.raises(BadNameError):
        parse_name(name)


@pytest.mark.parametrize("key", ["DM-1", "DM-12345", "DM-1234567"])
def test_ticket_keys_are_taken(key):
    assert check_ticket(key) == key


@pytest.mark.parametrize(
    "key", ["", "DM-", "DM-x", "DM12345", "TAXICAB-23", "DM-12345 ", "DM-12345/../x"]
)
def test_ticket_keys_are_refused(key):
    with pytest.raises(InputError, match="DM-12345"):
        check_ticket(key)


@pytest.mark.parametrize("tag", ["", "a b", "a-b", "a/b", "ä", "a.", "curated"])
def test_tags_are_refused(tag):
    with pytest.raises(InputError):
        check_tag(tag)


def test_a_name_that_the_butler_cannot_keep_is_refused():
    with pytest.raises(BadNameError, match="Choose a shorter tag"):
        generation_name("LSSTComCam", "DM-12345", "t" * 40, "bias", "20220915a")


@pytest.mark.parametrize("graph", list(GRAPHS.values()), ids=list(GRAPHS))
def test_every_name_of_an_order_fits_with_the_tag_that_was_checked(graph):
    # DM-47447 gainFixup is the demonstration's; the longest camera has four more.
    check_names_fit("LSSTComCam", "DM-47447", "gainFixup", graph.types)
    for type_ in graph.types:
        band = "r" if specification(type_).is_per_filter else None
        builds = [generation_name, certified_name]
        builds += [verification_name] if specification(type_).is_verified else []
        for build in builds:
            name = build(
                "LSSTComCam", "DM-47447", "gainFixup", type_, "20220915a", band
            )
            assert len(name) <= 64
            assert parse_name(name).type == type_


def test_a_tag_is_refused_with_the_room_that_there_is():
    types = GRAPHS["dmtn222"].types
    with pytest.raises(BadNameError, match="at most 11 characters") as caught:
        check_names_fit("LSSTComCam", "DM-47447", "aVeryLongTagIndeed", types)
    assert caught.value.details["room"] == 11
    assert "of the linearizer" in str(caught.value)
    check_names_fit("LSSTComCam", "DM-47447", "t" * 11, types)
    # With bootstraps the names are longer, and the room smaller.
    with pytest.raises(BadNameError, match="at most 9 characters"):
        check_names_fit("LSSTComCam", "DM-47447", "t" * 11, GRAPHS["cp_pipe"].types)


def test_a_long_band_takes_its_room():
    fringe = [CalibrationType.FRINGE]
    check_names_fit("LSSTComCam", "DM-47447", "gainFixup", fringe, "y")
    with pytest.raises(BadNameError, match="at most 6 characters"):
        check_names_fit("LSSTComCam", "DM-47447", "gainFixup", fringe, "OG590nmx")


def test_where_no_tag_fits_that_is_said():
    types = GRAPHS["dmtn222"].types
    with pytest.raises(BadNameError, match="No tag is short enough"):
        check_names_fit("L" * 30, "DM-1234567", "t", types)


def test_a_type_without_tests_has_no_verification_run():
    with pytest.raises(BadNameError, match="no tests of a dark_for_defects"):
        verification_name("LATISS", "DM-1", "t", "dark_for_defects", "20220915a")


def test_unknown_types_are_refused_naming_those_there_are():
    with pytest.raises(BadNameError, match=r"there are biasBootstrap, .*, fringe"):
        generation_name("LATISS", "DM-1", "t", "sky", "20220915a")


def existing(letters, stem="biasGen", day="20220915"):
    return [f"{FOLDER}/{stem}.{day}{letter}" for letter in letters]


@pytest.mark.parametrize(
    ("names", "letter"),
    [
        ([], "a"),
        (existing("a"), "b"),
        (existing("abc"), "d"),
        (existing("c"), "d"),
        (existing("az", day="20220914"), "a"),
        (existing("z", stem="darkGen"), "a"),
        (existing("z", stem="verifyBias"), "a"),
        (existing("z", stem="bias"), "a"),
        (["LATISS/raw/all", "anything", f"{FOLDER}/biasGen"], "a"),
    ],
)
def test_a_new_attempt_takes_the_next_letter(names, letter):
    assert next_attempt(names, "bias", DAY) == Rerun(DAY, letter)


def test_each_band_and_kind_counts_for_itself():
    names = existing("ab", stem="flatGen-r") + existing("a", stem="flatGen-g")
    assert next_attempt(names, "flat", DAY, band="r").letter == "c"
    assert next_attempt(names, "flat", DAY, band="g").letter == "b"
    verification = CollectionKind.VERIFICATION
    names = existing("a", stem="verifyFlat-r")
    assert next_attempt(names, "flat", DAY, band="r", kind=verification).letter == "b"


def test_after_z_there_is_a_sentence():
    names = existing(string.ascii_lowercase)
    with pytest.raises(ConflictError, match="from a to z at bias were used on 2022-09"):
        next_attempt(names, "bias", DAY)
