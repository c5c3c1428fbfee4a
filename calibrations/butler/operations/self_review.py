"""Self-review: whether the repository, asked as users ask, gives the new calibrations.

One exposure of the validity range is processed through the default chain, with no run
named; the output's header says what the Butler gave.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from astropy.io import fits
from lsst.daf.butler import Butler

from calibrations.butler.errors import EmptyGraphError, QuantaFailedError
from calibrations.butler.operations.execution import run_request
from calibrations.butler.operations.queries import (
    dataset_infos,
    find_datasets,
    find_exposures,
    read_validity,
)
from calibrations.butler.operations.session import Session
from calibrations.butler.records import (
    Exposure,
    PipelineRequest,
    SelfReview,
    ValidityRow,
)
from calibrations.domain.validity import ValidityRange, parse_tai

__all__ = ["self_review"]

PIPELINE = "selfReview"
UUID_CARD = "LSST CALIB UUID {type}"
RUN_CARD = "LSST CALIB RUN {type}"

BRIGHT = ("flat", "science")
EXERCISED_BY: Mapping[str, tuple[str, ...]] = {
    "bias": ("bias", "dark", *BRIGHT),
    "dark": ("dark", *BRIGHT),
    "flat": BRIGHT,
    "crosstalk": BRIGHT,
    "linearizer": BRIGHT,
    "cti": BRIGHT,
    "bfk": BRIGHT,
}
"""Types of exposure that are processed with each type of calibration; of any other
calibration, whatever is in force is noted for every exposure."""


def self_review(
    session: Session,
    chain: str,
    ticket_chain: str,
    run: str,
    begin_tai: str | None,
    end_tai: str | None,
    work_folder: str,
    creation_time: str = "",
) -> dict[str, Any]:
    """Process one exposure and compare what it was given with the ticket's chain."""
    validity = ValidityRange(
        parse_tai(begin_tai) if begin_tai else None,
        parse_tai(end_tai) if end_tai else None,
    )
    with session.writing():
        with session.butler() as butler:
            session.require_collections(butler, [chain, ticket_chain])
            expected = read_validity(butler, ticket_chain)
            exposure = _choose(session, butler, expected, validity)
            run = _unused(butler, run)
        if exposure is None:
            return asdict(_waiting(session, expected, validity))
        request = PipelineRequest(
            pipeline=PIPELINE,
            inputs=[session.settings.raw_collection, chain],
            run=run,
            where=f"instrument='{session.settings.instrument}' "
            f"AND exposure={exposure.id}",
            work_folder=os.path.join(work_folder, run.replace("/", "-")),
            creation_time=creation_time,
        )
        try:
            run_request(session, request)
        except (EmptyGraphError, QuantaFailedError) as error:
            return asdict(SelfReview("failed", exposure.id, [], error.message, run))
        with session.butler() as butler:
            due = _due(expected, exposure)
            given = list(_read_given(session, butler, run, due))
    return asdict(_compare(exposure, due, given, chain, run))


def _choose(
    session: Session,
    butler: Butler,
    expected: list[ValidityRow],
    validity: ValidityRange,
) -> Exposure | None:
    """Find the first exposure that all the ticket's types of calibration apply to."""
    types = {row.type for row in expected}
    filters = _filters(expected)
    for exposure in find_exposures(session, butler, ""):
        if not exposure.n_detectors or not validity.contains(exposure.begin_tai):
            continue
        if filters and exposure.physical_filter not in filters:
            continue
        kinds = (EXERCISED_BY.get(t, (exposure.observation_type,)) for t in types)
        if all(exposure.observation_type in kind for kind in kinds):
            return exposure
    return None


def _filters(expected: list[ValidityRow]) -> set[str]:
    """Tell the filters of the flats, or of what else is made by filter without one."""
    flats = {r.filter for r in expected if r.filter is not None and r.type == "flat"}
    return flats or {r.filter for r in expected if r.filter is not None}


def _due(expected: list[ValidityRow], exposure: Exposure) -> list[ValidityRow]:
    """Keep what an exposure in its filter must be given."""
    return [r for r in expected if r.filter in (None, exposure.physical_filter)]


def _waiting(
    session: Session, expected: list[ValidityRow], validity: ValidityRange
) -> SelfReview:
    types = " and ".join(sorted({row.type for row in expected})) or "calibrations"
    filters = sorted(_filters(expected))
    seen_in = f" in {' or '.join(filters)}" if filters else ""
    return SelfReview(
        "waiting",
        None,
        [],
        f"No exposure that {types} apply to{seen_in} was taken {validity} and is in "
        f"{session.settings.raw_collection} yet.",
    )


def _unused(butler: Butler, run: str) -> str:
    """Find a name for a run that is not there yet: an old answer proves nothing."""
    known = set(butler.collections.query("*"))
    number, name = 1, run
    while name in known:
        number += 1
        name = f"{run}.{number}"
    return name


def _read_given(
    session: Session, butler: Butler, run: str, expected: list[ValidityRow]
) -> Iterator[dict[str, str]]:
    """Read from each output's header which calibrations it was given."""
    type_ = butler.get_dataset_type(session.settings.self_review_dataset_type)
    refs = find_datasets(butler, [run], [type_])
    for info in dataset_infos(butler, refs):
        header = fits.getheader(Path(info.path), 0)
        for calibration in sorted({row.type for row in expected}):
            name = calibration.upper()
            yield {
                "type": calibration,
                "detector": str(info.data_id.get("detector", "")),
                "uuid": str(header.get(UUID_CARD.format(type=name), "")),
                "run": str(header.get(RUN_CARD.format(type=name), "")),
            }


def _compare(
    exposure: Exposure,
    expected: list[ValidityRow],
    given: list[dict[str, str]],
    chain: str,
    run: str,
) -> SelfReview:
    new = {(r.type, str(r.detector), r.uuid, r.run) for r in expected}
    wrong = [
        g for g in given if (g["type"], g["detector"], g["uuid"], g["run"]) not in new
    ]
    review = SelfReview("passed", exposure.id, given, "", run)
    if not given:
        reason = f"Exposure {exposure.id} gave no output to look at."
        return replace(review, status="failed", reason=reason)
    if wrong:
        found = sorted({f"{g['type']} from {g['run'] or 'no run'}" for g in wrong})
        reason = (
            f"Exposure {exposure.id}, processed through {chain}, was not given the new "
            f"calibrations: {', '.join(found)}. Check the order of the chain."
        )
        return replace(review, status="failed", reason=reason)
    types = ", ".join(sorted({g["type"] for g in given}))
    detectors = len({g["detector"] for g in given})
    reason = (
        f"Exposure {exposure.id}, processed through {chain}, was given the new {types} "
        f"in all {detectors} detectors."
    )
    return replace(review, reason=reason)
