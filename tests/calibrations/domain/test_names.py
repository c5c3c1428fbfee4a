import datetime
import string

import pytest

from calibrations.domain.names import (
    BadNameError,
    CollectionKind,
    Rerun,
    certified_name,
    check_tag,
    check_ticket,
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
        f"{FOLDER}/ptcGen.20220915a",
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


@pytest.mark.parametrize("tag", ["", "a b", "a-b", "a/b", "ä", "a."])
def test_tags_are_refused(tag):
    with pytest.raises(InputError):
        check_tag(tag)


def test_a_name_that_the_butler_cannot_keep_is_refused():
    with pytest.raises(BadNameError, match="Choose a shorter tag"):
        generation_name("LSSTComCam", "DM-12345", "t" * 40, "bias", "20220915a")


def test_unknown_types_are_refused_naming_those_there_are():
    with pytest.raises(BadNameError, match="there are bias, dark, flat"):
        generation_name("LATISS", "DM-1", "t", "fringe", "20220915a")


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
