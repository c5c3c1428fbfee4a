"""The validity range that the tests suggest, and the exposure that ends it."""

from dataclasses import dataclass
from typing import Any

from calibrations.domain.selections import night_begin_tai
from calibrations.domain.spans import Outcome, Span, common_span, find_spans
from calibrations.domain.validity import parse_tai
from calibrations.models import Generation, StepStatus, Verification

__all__ = ["Suggestion", "suggest_validity"]

ANYWHERE = -2
"""In place of a detector; -1 is a whole exposure."""


@dataclass(frozen=True)
class Suggestion:
    """A validity range, half-open in TAI, and what speaks for it."""

    begin_tai: str
    end_tai: str
    """Empty: open, for nothing that was tested ends it."""
    spans: tuple[Span, ...]
    """One a test, of the latest verification."""
    common: Span | None
    verification: Verification | None
    sentence: str


def suggest_validity(generation: Generation) -> Suggestion:
    """Suggest where a calibration begins and ends to hold.

    Begin: the beginning of the night of the earliest exposure that it was made from, or
    that it holds for; later only where an exposure before that fails. End: the begin of
    the first exposure that fails, and open where none does (DMTN-222 §3.3).
    """
    verification = (
        generation.verifications.filter(status=StepStatus.SUCCEEDED)
        .order_by("-pk")
        .first()
    )
    exposures = _exposures(generation, verification)
    construction = set(generation.selection.exposure_ids)
    spans: list[Span] = []
    if verification is not None:
        begins = {number: str(one["begin_tai"]) for number, one in exposures.items()}
        spans = find_spans(_outcomes(verification), begins, construction)
    common = common_span(spans)
    return Suggestion(
        begin_tai=_begin(generation, exposures, common),
        end_tai=(common.end_tai or "") if common else "",
        spans=tuple(spans),
        common=common,
        verification=verification,
        sentence=_sentence(common, exposures),
    )


def _exposures(
    generation: Generation, verification: Verification | None
) -> dict[int, dict[str, Any]]:
    """List the exposures that were tested, by id."""
    selections = [generation.selection]
    if verification is not None:
        selections += verification.selections.all()
    return {int(one["id"]): one for s in selections for one in s.exposures}


def _outcomes(verification: Verification) -> list[Outcome]:
    """Read what counts: advice does not, nor what tests the calibration itself.

    Of millions of results only the failures are read one by one; that an exposure was
    tested at all is one outcome of no place.
    """
    rows = verification.results.filter(is_advisory=False).exclude(exposure=0)
    tested = rows.order_by().values_list("exposure", "test").distinct()
    failed = rows.filter(passed=False).values_list(
        "exposure", "detector", "amplifier", "test"
    )
    return [
        *(Outcome(exposure, ANYWHERE, "", test, True) for exposure, test in tested),
        *(Outcome(*row, passed=False) for row in failed.iterator(chunk_size=5000)),
    ]


def _begin(
    generation: Generation,
    exposures: dict[int, dict[str, Any]],
    common: Span | None,
) -> str:
    if common is not None and common.begin_tai is not None:
        return common.begin_tai
    days = [int(one["day_obs"]) for one in generation.selection.exposures]
    if common is not None:
        days += [
            int(one["day_obs"])
            for one in exposures.values()
            if common.first_tai <= parse_tai(str(one["begin_tai"])) <= common.last_tai
        ]
    return night_begin_tai(min(days)) if days else ""


def _sentence(common: Span | None, exposures: dict[int, dict[str, Any]]) -> str:
    if common is None:
        return (
            "It was tested on no other exposures than its own: how long it holds is "
            "not known. Verify it on later nights to find out."
        )
    days = sorted({str(one["day_obs"]) for one in exposures.values()})
    tested = f"Tested on {common.n_exposures} exposures besides its own"
    tested += f", of {days[0]} to {days[-1]}" if len(days) > 1 else ""
    parts = [f"{tested}."]
    if common.ended_by is not None:
        parts.append(
            f"Exposure {common.ended_by} of {common.end_tai} TAI is the first beyond a "
            f"limit ({common.test}): it ends the range."
        )
    else:
        parts.append("None ends the range: the end stays open.")
    if common.begun_after is not None:
        parts.append(
            f"Exposure {common.begun_after} before is beyond a limit: the range begins "
            "after it."
        )
    return " ".join(parts)
