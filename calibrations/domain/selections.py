"""What a calibration's inputs must be: pure functions of plain data, no Django.

DMTN-222 §3.1: ``observation_type`` and ``observation_reason`` match the type, except
for fringe and crosstalk, which are made from science exposures; a daily set has of the
order of 15 to 20 frames of a type, a dense photon transfer curve about 100 pairs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calibrations.domain.specifications import SPECIFICATIONS

__all__ = [
    "RULES",
    "SelectionProblem",
    "SelectionRule",
    "find_problems",
    "night_begin_tai",
    "rule_for",
]

Exposure = Mapping[str, Any]
"""One exposure as the gateway describes it."""


@dataclass(frozen=True)
class SelectionRule:
    """What the exposures of one calibration type are."""

    observation_type: str
    reasons: tuple[str, ...]
    """Accepted observation reasons; empty: any."""

    n_needed: int
    is_per_filter: bool = False
    is_paired: bool = False
    """Each level of light is taken twice."""


RULES: Mapping[str, SelectionRule] = {
    str(type_): SelectionRule(
        one.observation_type,
        one.observation_reasons,
        one.minimum_inputs,
        one.is_per_filter,
        one.is_paired,
    )
    for type_, one in SPECIFICATIONS.items()
}

PAIR_TOLERANCE_S = 5e-3
"""Exposures of a pair agree in exposure time to this (cp_pipe pairs by TIME)."""


@dataclass(frozen=True)
class SelectionProblem:
    """One thing that does not fit, in words."""

    code: str
    sentence: str


def rule_for(calib_type: str) -> SelectionRule:
    """Return the rule of a type, or raise `LookupError` naming those there are."""
    try:
        return RULES[calib_type]
    except KeyError:
        raise LookupError(
            f"No rule says what a {calib_type!r} is made from; there are rules for "
            f"{', '.join(RULES)}."
        ) from None


def find_problems(
    calib_type: str,
    exposures: Sequence[Exposure],
    *,
    physical_filter: str = "",
    is_construction: bool = True,
) -> list[SelectionProblem]:
    """Name everything about a selection that does not fit its type.

    Parameters
    ----------
    physical_filter
        The filter that was asked for, for the types made for one.
    is_construction
        Whether a calibration is combined from these: only then does their number
        count.
    """
    rule = rule_for(calib_type)
    if not exposures:
        return [
            SelectionProblem(
                "empty",
                "No exposure with raw data matches: check the nights, the instrument "
                "and the spelling of the expression.",
            )
        ]
    found = [
        _differing("observation_type", calib_type, exposures, (rule.observation_type,)),
        _differing("observation_reason", calib_type, exposures, rule.reasons),
        _filters(calib_type, exposures, physical_filter)
        if rule.is_per_filter
        else None,
        _count(calib_type, exposures, rule) if is_construction else None,
        _unpaired(calib_type, exposures) if rule.is_paired else None,
        _incomplete(exposures),
    ]
    return [problem for problem in found if problem is not None]


def _differing(
    field: str,
    calib_type: str,
    exposures: Sequence[Exposure],
    accepted: Sequence[str],
) -> SelectionProblem | None:
    """Name the exposures whose field has another value than the type takes."""
    wrong = [e for e in exposures if str(e[field]).lower() not in accepted]
    if not accepted or not wrong:
        return None
    counts = Counter(str(e[field]) for e in wrong)
    values = ", ".join(f"{value!r} ({n})" for value, n in sorted(counts.items()))
    names = " or ".join(repr(value) for value in accepted)
    return SelectionProblem(
        field,
        f"{len(wrong)} of {len(exposures)} exposures have another {field} than a "
        f"{calib_type} takes ({names}): {values}; exposures {_ids(wrong)}.",
    )


def _filters(
    calib_type: str, exposures: Sequence[Exposure], asked: str
) -> SelectionProblem | None:
    found = sorted({str(e["physical_filter"]) for e in exposures})
    if found == [asked]:
        return None
    return SelectionProblem(
        "physical_filter",
        f"A {calib_type} is made for one filter, here {asked or 'not named'}; the "
        f"exposures have {', '.join(found)}.",
    )


def _count(
    calib_type: str, exposures: Sequence[Exposure], rule: SelectionRule
) -> SelectionProblem | None:
    n, needed = len(exposures), rule.n_needed
    if n >= needed:
        return None
    if rule.is_paired:
        sentence = (
            f"{n} exposures make {n // 2} pairs, a {calib_type} takes at least "
            f"{needed // 2} pairs."
        )
    else:
        sentence = f"{n} exposures were found, a {calib_type} takes at least {needed}."
    return SelectionProblem("count", sentence)


def _unpaired(
    calib_type: str, exposures: Sequence[Exposure]
) -> SelectionProblem | None:
    """Name exposures that have no partner of the same exposure time.

    Without a photodiode two levels of light are told apart by the time alone; pipelines
    may pair otherwise, so that this is a thing to answer for, not to refuse.
    """
    ordered = sorted(exposures, key=lambda e: (_time_s(e), int(e["id"])))
    alone: list[Exposure] = []
    while ordered:
        first, *rest = ordered
        if rest and _time_s(rest[0]) - _time_s(first) <= PAIR_TOLERANCE_S:
            ordered = rest[1:]
        else:
            alone.append(first)
            ordered = rest
    if not alone:
        return None
    count = "an odd number, " if len(exposures) % 2 else ""
    return SelectionProblem(
        "pairs",
        f"A {calib_type} is made from pairs of one exposure time. Of "
        f"{len(exposures)} exposures, {count}{len(alone)} have no partner: "
        f"{_ids(alone)}.",
    )


def _time_s(exposure: Exposure) -> float:
    return float(exposure.get("exposure_time_s") or 0.0)


def _incomplete(exposures: Sequence[Exposure]) -> SelectionProblem | None:
    most = max(int(e["n_detectors"]) for e in exposures)
    partial = [e for e in exposures if int(e["n_detectors"]) < most]
    if not partial:
        return None
    return SelectionProblem(
        "incomplete",
        f"{len(partial)} exposures have raw data of fewer detectors than the others "
        f"({most}): {_ids(partial)}.",
    )


def _ids(exposures: Sequence[Exposure], limit: int = 6) -> str:
    ids = [str(e["id"]) for e in exposures[:limit]]
    rest = len(exposures) - limit
    return ", ".join(ids) + (f" and {rest} more" if rest > 0 else "")


def night_begin_tai(day_obs: int) -> str:
    """Return when a night begins: day_obs rolls over at noon, TAI."""
    text = f"{day_obs:08d}"
    return f"{text[:4]}-{text[4:6]}-{text[6:]}T12:00:00"
