"""Curated calibrations: from the observatory's files into a ticket's collections."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lsst.daf.butler import Butler, CollectionType, DatasetRef

from calibrations.butler.camera_policy import load_camera
from calibrations.butler.curated_files import (
    CuratedFile,
    camera_table,
    read_curated,
)
from calibrations.butler.operations.certification import make_timespan
from calibrations.butler.operations.queries import spell_time
from calibrations.butler.operations.session import Session
from calibrations.butler.operations.tables import (
    GivenTable,
    put_tables,
    register_runs,
    register_table_type,
)
from calibrations.butler.records import CuratedOutcome
from calibrations.domain.cameras import camera
from calibrations.domain.names import curated_name, default_chain, ticket_chain
from calibrations.domain.validity import ValidityRange
from taxicab.errors import InputError

__all__ = ["ingest_curated"]

ALWAYS = "19700101T000000"
"""In the name of the RUN of a camera, which is valid without end on either side."""

BEGINNING_TAI = "1970-01-01T00:00:00"
"""The Butler's first instant, by which files say that they have always been valid."""

Wanted = dict[str, ValidityRange]
"""Range of each dataset, by id."""


def ingest_curated(
    session: Session,
    ticket: str,
    folder: str | None = None,
    camera_folder: str | None = None,
) -> dict[str, Any]:
    """Put curated calibrations into RUNs of a ticket and certify them.

    They come into the ticket's chain behind what the ticket has built, and never into
    the instrument's default chain.
    """
    instrument = session.settings.instrument
    if folder is None and camera_folder is None:
        raise InputError("Name a folder of calibrations, of a camera, or both.")
    model = load_camera(camera_folder, instrument) if camera_folder else None
    files, bad, unused = (
        read_curated(folder, model or camera(instrument)) if folder else ([], [], [])
    )
    with session.writing(), session.butler(writeable=True) as butler:
        given, ranges = _prepare(butler, instrument, ticket, files)
        if model is not None:
            table = camera_table(model)
            type_ = register_table_type(
                butler, "camera", ("instrument",), is_calibration=True
            )
            run = curated_name(instrument, ticket, ALWAYS)
            data_id = {"instrument": instrument}
            given.append(GivenTable(type_, data_id, run, table, str(camera_folder)))
            ranges.append(ValidityRange(None, None))
        register_runs(butler, (one.run for one in given))
        collection = curated_name(instrument, ticket)
        butler.collections.register(collection, CollectionType.CALIBRATION)
        session.emit("progress", done=0, total=len(given), what="taking in tables")
        by_path = {one.path: span for one, span in zip(given, ranges, strict=True)}
        with butler.transaction():
            refs, new, refused = put_tables(butler, given)
            left = [by_path[one.path] for one in given if one.path not in refused]
            wanted = {str(r.id): span for r, span in zip(refs, left, strict=True)}
            certified = _certify(butler, collection, refs, wanted)
        _chain(butler, instrument, ticket, collection)
        session.emit(
            "progress", done=len(given), total=len(given), what="taking in tables"
        )
    return asdict(
        CuratedOutcome(
            collection=collection,
            ingested=new,
            present=len(refs) - new,
            certified=certified,
            datasets=_count(refs),
            bad_files={one.path: one.reason for one in bad} | refused,
            unused=unused,
        )
    )


def _prepare(
    butler: Butler, instrument: str, ticket: str, files: Sequence[CuratedFile]
) -> tuple[list[GivenTable], list[ValidityRange]]:
    types = {
        name: register_table_type(
            butler, name, ("instrument", "detector"), is_calibration=True
        )
        for name in sorted({one.dataset_type for one in files})
    }
    given = [
        GivenTable(
            types[one.dataset_type],
            {"instrument": instrument, "detector": one.detector},
            curated_name(instrument, ticket, one.label),
            one.table,
            str(one.path),
        )
        for one in files
    ]
    ranges = [
        ValidityRange(
            None if one.begin_tai == BEGINNING_TAI else one.begin_tai, one.end_tai
        )
        for one in files
    ]
    return given, ranges


def _certify(
    butler: Butler, collection: str, refs: Sequence[DatasetRef], wanted: Wanted
) -> int:
    """Certify each dataset for its range; return how many ranges are new.

    A file that came later ends the range of the one before it, which was open.
    """
    there: dict[str, list[ValidityRange]] = defaultdict(list)
    for name in sorted({ref.datasetType.name for ref in refs}):
        for association in butler.registry.queryDatasetAssociations(
            name, [collection], collectionTypes={CollectionType.CALIBRATION}
        ):
            span = association.timespan
            there[str(association.ref.id)].append(
                ValidityRange(spell_time(span.begin), spell_time(span.end))
            )
    changed = [ref for ref in refs if there[str(ref.id)] != [wanted[str(ref.id)]]]
    for ref in changed:
        for span in there[str(ref.id)]:
            butler.registry.decertify(
                collection,
                ref.datasetType.name,
                make_timespan(span),
                dataIds=[ref.dataId],
            )
    by_range: dict[ValidityRange, list[DatasetRef]] = defaultdict(list)
    for ref in changed:
        by_range[wanted[str(ref.id)]].append(ref)
    for span, group in by_range.items():
        butler.registry.certify(collection, group, make_timespan(span))
    return len(changed)


def _chain(butler: Butler, instrument: str, ticket: str, collection: str) -> None:
    """Put the collection last into the ticket's chain, where it is not yet."""
    chain = ticket_chain(instrument, ticket)
    assert chain != default_chain(instrument)
    butler.collections.register(chain, CollectionType.CHAINED)
    if collection not in butler.collections.get_info(chain).children:
        butler.collections.extend_chain(chain, collection)


def _count(refs: Sequence[DatasetRef]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for ref in refs:
        counts[ref.datasetType.name] += 1
    return dict(counts)
