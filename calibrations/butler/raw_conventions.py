"""Older headers, and headers known to be wrong, put into today's words.

The camera's headers have changed since 2016, test stands had conventions of their own,
and for some nights the observatory has published what its headers should have said.
Everything that is added or replaced here is said in a sentence, for the file's record.
Sources are obs_lsst's translators; nothing of the middleware is used.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = [
    "CONTROLLERS",
    "PREFIXES",
    "Completed",
    "ObservationName",
    "complete_header",
]

CONTROLLERS = "OCHPQS"
"""Each later letter adds a thousand years to the day in exposure ids."""

INSTRUMENT_NAMES = {
    "comcam": "LSSTComCam",
    "lsstcomcam": "LSSTComCam",
    "comcamsim": "LSSTComCamSim",
    "lsstcomcamsim": "LSSTComCamSim",
    "lsstcam": "LSSTCam",
    "lsstcamsim": "LSSTCamSim",
    "latiss": "LATISS",
    "lsst_atiss": "LATISS",
    "lsst-ucdcam-itl": "LSST-UCDCam",
    "lsst-ucdcam-e2v": "LSST-UCDCam",
}
"""Spellings of INSTRUME over the years, lower case."""

PREFIXES = {"CC": "LSSTComCam", "MC": "LSSTCam", "AT": "LATISS"}
"""How observations of an instrument begin, for a header that calls it otherwise."""

UNSET_CLOCK = "2000"
"""Dates before this year are those of a clock that was not set."""

IMGTYPE_BY_GROUP_UNTIL = "2019-11-01"
"""Before, LATISS wrote an image's type into GROUPID, such as ``dark_0001_0002``."""

FILTER_ALIASES = {"ph_05": "ph_5", "NONE": "none", "None": "none"}


class ObservationName(NamedTuple):
    """The parts of a name such as CC_O_20241108_000266."""

    code: str
    controller: str
    day_obs: str
    seq_num: int

    @classmethod
    def find(cls, text: object) -> "ObservationName | None":
        """Read such a name where a text has one."""
        found = re.search(r"\b([A-Z]{2})_([A-Z])_(\d{8})_(\d{6})(?!\d)", str(text))
        if found is None:
            return None
        code, controller, day_obs, seq_num = found.groups()
        return cls(code, controller, day_obs, int(seq_num))

    def __str__(self) -> str:
        return f"{self.code}_{self.controller}_{self.day_obs}_{self.seq_num:06d}"


class Correction(NamedTuple):
    """What a keyword should have said in a range of one night."""

    instrument: str
    day_obs: int
    first: int
    last: int
    keyword: str
    value: str
    source: str


CORRECTIONS = (
    Correction("LSSTCam", 20250609, 76, 578, "FILTER", "z_20", "DM-52711"),
    Correction("LSSTCam", 20260315, 49, 109, "FILTER", "i_39", "obs_lsst 2026-04"),
)


@dataclass
class Completed:
    """A header in today's words, and what had to be done for that."""

    cards: dict[str, Any]
    instrument: str = ""
    exposure_id: int | None = None
    """Where it does not follow from day and sequence number."""

    problems: list[str] = field(default_factory=list)

    def has(self, keyword: str) -> bool:
        """Whether a keyword has a value."""
        value = self.cards.get(keyword)
        return value is not None and bool(str(value).strip())

    def take(self, keyword: str, value: Any, why: str) -> None:
        """Put in a value that the header does not have, and say where it is from."""
        self.cards[keyword] = value
        self.problems.append(f"{keyword} is missing; {value} is taken from {why}.")


def complete_header(header: Mapping[str, Any]) -> Completed:
    """Put an older header into today's words, or a wrong one right."""
    done = Completed(dict(header))
    name = ObservationName.find(header.get("OBSID")) or ObservationName.find(
        header.get("IMGNAME") or header.get("FILENAME")
    )
    _find_instrument(done, name)
    _set_clock(done)
    if name is not None:
        _take_from_name(done, name)
    _take_image_type(done)
    _correct(done)
    _clean_filters(done)
    return done


def _find_instrument(done: Completed, name: ObservationName | None) -> None:
    stand = str(done.cards.get("TSTAND") or "")
    given = str(done.cards.get("INSTRUME") or "").strip()
    if stand.startswith("BNL-TS3"):
        _take_bench(done, "LSST-TS3")
    elif given:
        known = PREFIXES.get(name.code) if name is not None else None
        done.instrument = INSTRUMENT_NAMES.get(given.lower(), given)
        if given == "LSST_CAMERA" and known is not None:
            done.problems.append(f"INSTRUME says {given}; {name} is {known}'s.")
            done.instrument = known
    elif done.cards.get("TESTTYPE") == "IMSIM":
        _take_simulation(done)
    elif stand == "TS8" or (done.has("REBNAME") and done.has("CONTNUM")):
        _take_bench(done, "LSST-TS8")


def _take_bench(done: Completed, instrument: str) -> None:
    """Take over a test stand's header: its sequence numbers begin anew with each test.

    Exposures are therefore numbered by the time, to a tenth of a second.
    """
    done.instrument = instrument
    digits = re.sub(r"\D", "", str(done.cards.get("DATE-OBS", ""))[:21])
    if digits:
        done.exposure_id = int(digits)
    if not done.has("OBSID") and done.has("FILENAME"):
        done.cards["OBSID"] = str(done.cards["FILENAME"]).rsplit(".", 1)[0]
    if not done.has("PROGRAM") and done.has("RUNNUM"):
        done.cards["PROGRAM"] = done.cards["RUNNUM"]
    if not done.has("RAFTBAY"):
        done.problems.append(
            f"A header of {instrument} does not say which detector this is; its serial "
            f"number is {done.cards.get('LSST_NUM')}."
        )


def _take_simulation(done: Completed) -> None:
    """Take over a header of imSim's first years, which numbers exposures by OBSID."""
    done.instrument = "LSSTCam-imSim"
    cards = done.cards
    if str(cards.get("OBSID", "")).strip().isdigit():
        done.exposure_id = int(cards["OBSID"])
        done.take("SEQNUM", done.exposure_id % 100_000, "OBSID")
    raft, _, slot = str(cards.get("CHIPID", "")).partition("_")
    if slot:
        cards |= {"RAFTBAY": raft, "CCDSLOT": slot}
    cards["SIMULATE PIXELS"] = 1
    cards.setdefault("PROGRAM", cards.get("RUNNUM"))
    # Throughputs have a version, which is part of the filter's name.
    packages = [k for k, v in cards.items() if k[:3] == "PKG" and v == "throughputs"]
    if packages:
        version = str(cards.get(f"VER{packages[0][3:]}", "")).strip()
        cards["FILTER"] = f"{cards.get('FILTER')}_sim_{version}"


def _set_clock(done: Completed) -> None:
    """Replace dates of a clock that was not set by that of the file."""
    cards = done.cards
    written = str(cards.get("DATE") or "")
    given = {key: str(cards.get(key) or "") for key in ("DATE-BEG", "DATE-OBS")}
    unset = {key: value for key, value in given.items() if "" < value < UNSET_CLOCK}
    if not unset or written < UNSET_CLOCK:
        return
    cards |= dict.fromkeys(unset, written)
    cards |= dict.fromkeys(("DATE-END", "MJD-BEG", "MJD-OBS", "MJD-END"))
    done.problems.append(
        f"{' and '.join(unset)} say {min(unset.values())}, when nothing was observed; "
        f"{written}, when the file was written, stands for it."
    )


def _take_from_name(done: Completed, name: ObservationName) -> None:
    """Fill in what identifies the exposure from its name, and compare the rest."""
    for keyword, value in (("DAYOBS", name.day_obs), ("SEQNUM", name.seq_num)):
        if not done.has(keyword):
            done.take(keyword, value, str(name))
    if not done.has("OBSID"):
        done.take("OBSID", str(name), "IMGNAME or FILENAME")
    if not done.has("CONTRLLR"):
        if name.controller in CONTROLLERS:
            done.take("CONTRLLR", name.controller, str(name))
        else:
            done.problems.append(
                f"CONTRLLR is missing and {name} has {name.controller}, which is none "
                f"of {CONTROLLERS}; O is taken."
            )
            done.cards["CONTRLLR"] = "O"
    given = [str(done.cards[key]).strip() for key in ("CONTRLLR", "DAYOBS", "SEQNUM")]
    said = [name.controller, name.day_obs, str(name.seq_num)]
    if given[2].isdigit():
        given[2] = str(int(given[2]))
    if given != said and name.controller in CONTROLLERS:
        done.problems.append(
            f"OBSID or FILENAME is {name}; CONTRLLR, DAYOBS and SEQNUM are "
            f"{', '.join(given)}, by which the exposure is numbered."
        )


def _take_image_type(done: Completed) -> None:
    cards = done.cards
    date = str(cards.get("DATE-BEG") or cards.get("DATE-OBS") or "")
    group = str(cards.get("GROUPID") or "")
    is_early = done.instrument == "LATISS" and date < IMGTYPE_BY_GROUP_UNTIL
    if is_early and group and not done.has("IMGTYPE") and not group.startswith("test"):
        done.take("IMGTYPE", group.split("_")[0].upper(), "GROUPID")


def _correct(done: Completed) -> None:
    """Apply the corrections that the observatory has published."""
    day, number = (str(done.cards.get(key, "")) for key in ("DAYOBS", "SEQNUM"))
    if not (day.isdigit() and number.isdigit()):
        return
    for one in CORRECTIONS:
        given = done.cards.get(one.keyword)
        if (
            done.instrument == one.instrument
            and int(day) == one.day_obs
            and one.first <= int(number) <= one.last
            and given != one.value
        ):
            done.cards[one.keyword] = one.value
            done.problems.append(
                f"{one.keyword} says {given}; {one.value} is right ({one.source})."
            )


def _clean_filters(done: Completed) -> None:
    """Give filters the names by which the Butler knows them."""
    cards = done.cards
    for keyword in ("FILTER", "FILTER1", "FILTER2"):
        value = str(cards.get(keyword) or "").strip()
        if value == "unspecified":
            cards[keyword] = None
        elif value in FILTER_ALIASES:
            cards[keyword] = FILTER_ALIASES[value]
    if not done.has("FILTER") and done.has("FILTER2"):
        done.problems.append(
            f"FILTER2 is {cards['FILTER2']}, which does not tell the filter alone."
        )
        cards["FILTER2"] = None
