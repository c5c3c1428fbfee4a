"""Companions of exposures: photodiode readings and shutter profiles."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lsst.daf.butler import Butler

from calibrations.butler.companion_files import (
    COMPANION_NAMES,
    Companion,
    read_companion,
)
from calibrations.butler.operations.session import Session
from calibrations.butler.operations.tables import (
    GivenTable,
    put_tables,
    register_runs,
    register_table_type,
)
from calibrations.butler.raw_files import find_files
from calibrations.butler.records import CompanionOutcome
from taxicab.errors import NotFoundError, TaxicabError

__all__ = ["COMPANION_FOLDERS", "companion_run", "ingest_companions"]

COMPANION_FOLDERS = {
    "photodiode": "photodiode",
    "shutterMotionProfileOpen": "shutterMotion",
    "shutterMotionProfileClose": "shutterMotion",
}
"""Last part of the RUN of each type, as obs_lsst names it."""


def companion_run(instrument: str, dataset_type: str) -> str:
    """Name the RUN of companions of one kind."""
    return f"{instrument}/calib/{COMPANION_FOLDERS[dataset_type]}"


def ingest_companions(session: Session, paths: Sequence[str]) -> dict[str, Any]:
    """Take in readings and profiles, each with the exposure it belongs to."""
    files, missing = find_files(paths, COMPANION_NAMES)
    left_out = {bad.path: bad.reason for bad in missing}
    companions: list[Companion] = []
    for number, path in enumerate(files, start=1):
        try:
            companions.append(read_companion(path))
        except TaxicabError as error:
            left_out[str(path)] = str(error)
        session.emit("progress", done=number, total=len(files), what="reading files")
    with session.writing(), session.butler(writeable=True) as butler:
        given = []
        for companion in companions:
            try:
                given.append(_match(session, butler, companion))
            except TaxicabError as error:
                left_out[str(companion.path)] = str(error)
        register_runs(butler, (one.run for one in given))
        with butler.transaction():
            refs, new, refused = put_tables(butler, given)
    counts: dict[str, int] = {}
    for ref in refs:
        counts[ref.datasetType.name] = counts.get(ref.datasetType.name, 0) + 1
    return asdict(CompanionOutcome(new, len(refs) - new, counts, left_out | refused))


def _match(session: Session, butler: Butler, companion: Companion) -> GivenTable:
    """Find the one exposure that a companion is of."""
    instrument = companion.instrument or _only_instrument(session, butler)
    conditions = {
        "exposure.group": companion.group,
        "exposure.obs_id": companion.obs_id,
        "exposure.day_obs": companion.day_obs,
        "exposure.seq_num": companion.seq_num,
    }
    bind = {
        name.split(".")[1] + "_": value
        for name, value in conditions.items()
        if value is not None
    }
    where = " AND ".join(
        f"{name} = {name.split('.')[1]}_"
        for name, value in conditions.items()
        if value is not None
    )
    found = butler.query_dimension_records(
        "exposure",
        instrument=instrument,
        where=where,
        bind=bind,
        explain=False,
        limit=None,
    )
    if len(found) != 1:
        ids = ", ".join(f"{record.id} ({record.obs_id})" for record in found)
        raise NotFoundError(
            f"{companion.path} is of {companion.whose}: "
            + (f"exposures {ids} are that." if found else "no exposure is that.")
            + (" Ingest the raws first." if not found else "")
        )
    type_ = register_table_type(
        butler,
        companion.dataset_type,
        ("instrument", "exposure"),
        is_calibration=False,
    )
    return GivenTable(
        type_,
        {"instrument": instrument, "exposure": found[0].id},
        companion_run(instrument, companion.dataset_type),
        companion.table,
        str(companion.path),
    )


def _only_instrument(session: Session, butler: Butler) -> str:
    """Give the instrument of a file that names none."""
    names = [
        record.name
        for record in butler.query_dimension_records(
            "instrument", explain=False, limit=None
        )
    ]
    if session.settings.instrument in names:
        return session.settings.instrument
    if len(names) == 1:
        return str(names[0])
    raise NotFoundError(
        f"The file does not name its camera, and the repository has "
        f"{', '.join(sorted(names)) or 'none'}. Name it with --instrument."
    )
