"""Certification, and the removal of runs that nothing certified links to."""

from collections.abc import Iterable, Sequence
from typing import Any

from astropy.time import Time
from lsst.daf.butler import Butler, CollectionType, DatasetRef, Timespan
from lsst.resources import ResourcePath

from calibrations.butler.errors import OverlapError, RunInUseError
from calibrations.butler.operations.queries import find_datasets, spell_time
from calibrations.butler.operations.session import Session, name_types
from calibrations.domain.names import BadNameError, parse_name
from calibrations.domain.validity import ValidityRange, parse_tai
from taxicab.errors import InputError, NotFoundError

__all__ = [
    "certify_calibration",
    "certify_missing",
    "decertify_calibration",
    "make_timespan",
    "remove_run",
]

MANY = 12
"""Conflicts that a sentence names; the details have them all."""


def certify_calibration(
    session: Session,
    run: str,
    dataset_type: str,
    collection: str,
    begin_tai: str | None,
    end_tai: str | None,
    chain: str | None = None,
) -> int:
    """Certify what a run holds of a type; done already is done."""
    validity = ValidityRange(
        parse_tai(begin_tai) if begin_tai else None,
        parse_tai(end_tai) if end_tai else None,
    )
    with session.writing(), session.butler(writeable=True) as butler:
        refs = _find_calibrations(session, butler, run, dataset_type)
        if chain is not None and chain in butler.collections.query("*"):
            _refuse_overlaps(butler, refs, validity, _siblings(butler, chain))
        butler.collections.register(collection, CollectionType.CALIBRATION)
        certify_missing(butler, collection, refs, validity)
    return len(refs)


def decertify_calibration(
    session: Session,
    collection: str,
    dataset_type: str,
    begin_tai: str | None,
    end_tai: str | None,
) -> int:
    """Take a range back; return how many ranges the collection still has."""
    validity = ValidityRange(
        parse_tai(begin_tai) if begin_tai else None,
        parse_tai(end_tai) if end_tai else None,
    )
    with session.writing(), session.butler(writeable=True) as butler:
        if collection not in butler.collections.query("*"):
            return 0
        butler.registry.decertify(collection, dataset_type, make_timespan(validity))
        return sum(1 for _ in _ranges(butler, [dataset_type], [collection]))


def certify_missing(
    butler: Butler,
    collection: str,
    refs: Sequence[DatasetRef],
    validity: ValidityRange,
) -> int:
    """Certify the datasets that are not yet, refusing overlaps; return how many."""
    present = {
        (ref.id, span) for ref, span, _ in _ranges(butler, _names(refs), [collection])
    }
    missing = [ref for ref in refs if (ref.id, validity) not in present]
    if missing:
        _refuse_overlaps(butler, missing, validity, [collection])
        butler.registry.certify(collection, missing, make_timespan(validity))
    return len(missing)


def make_timespan(validity: ValidityRange) -> Timespan:
    """Turn our range into the Butler's."""
    begin, end = (
        None if text is None else Time(text, format="isot", scale="tai")
        for text in (validity.begin, validity.end)
    )
    return Timespan(begin, end)


def _find_calibrations(
    session: Session, butler: Butler, run: str, dataset_type: str
) -> list[DatasetRef]:
    session.require_collections(butler, [run])
    info = butler.collections.get_info(run, include_summary=True)
    if info.type is CollectionType.CHAINED and info.children:
        # A batch system names a chain over its run; certification reads the newest.
        info = butler.collections.get_info(info.children[0], include_summary=True)
    present = sorted(info.dataset_types or ())
    if dataset_type not in present:
        raise NotFoundError(
            f"Run {run} holds no {dataset_type}; it holds {name_types(present)}. "
            f"Generate it first.",
            run=run,
            present=present,
        )
    type_ = butler.get_dataset_type(dataset_type)
    if not type_.isCalibration():
        raise InputError(f"{dataset_type} is not a calibration and has no validity.")
    return find_datasets(butler, [info.name], [type_])


def _refuse_overlaps(
    butler: Butler,
    refs: Sequence[DatasetRef],
    validity: ValidityRange,
    collections: Sequence[str],
) -> None:
    """Refuse a second calibration of one data id in one range, naming the first."""
    wanted = {(ref.datasetType.name, ref.dataId): ref for ref in refs}
    conflicts = []
    for ref, span, collection in _ranges(butler, _names(refs), collections):
        mine = wanted.get((ref.datasetType.name, ref.dataId))
        if mine is None or not span.overlaps(validity):
            continue
        if mine.id == ref.id and span == validity:
            continue
        conflicts.append(_describe_conflict(ref, span, collection))
    if not conflicts:
        return
    sentences = sorted({c["sentence"] for c in conflicts})
    more = f" and {len(sentences) - MANY} more" if len(sentences) > MANY else ""
    raise OverlapError(
        f"A validity {validity} overlaps with {'; '.join(sentences[:MANY])}{more}. "
        f"Choose a range outside of these, or another collection.",
        conflicts=conflicts,
    )


def _describe_conflict(
    ref: DatasetRef, span: ValidityRange, collection: str
) -> dict[str, Any]:
    ticket = _ticket(collection)
    return {
        "collection": collection,
        "ticket": ticket,
        "begin": span.begin,
        "end": span.end,
        "data_id": dict(ref.dataId.mapping),
        "uuid": str(ref.id),
        "run": ref.run,
        "sentence": f"{ref.datasetType.name} valid {span} in {collection}"
        + (f" ({ticket})" if ticket else ""),
    }


def _ranges(
    butler: Butler, types: Iterable[str], collections: Sequence[str]
) -> Iterable[tuple[DatasetRef, ValidityRange, str]]:
    known = set(butler.collections.query("*"))
    present = [name for name in collections if name in known]
    if not present:
        return
    for type_ in types:
        for association in butler.registry.queryDatasetAssociations(
            type_, present, collectionTypes={CollectionType.CALIBRATION}
        ):
            span = association.timespan
            assert span is not None, "CALIBRATION collections have ranges"
            yield (
                association.ref,
                ValidityRange(spell_time(span.begin), spell_time(span.end)),
                association.collection,
            )


def _siblings(butler: Butler, chain: str) -> list[str]:
    return [
        info.name
        for info in butler.collections.query_info(chain, flatten_chains=True)
        if info.type is CollectionType.CALIBRATION
    ]


def _names(refs: Iterable[DatasetRef]) -> list[str]:
    return sorted({ref.datasetType.name for ref in refs})


def _ticket(collection: str) -> str | None:
    try:
        return parse_name(collection).ticket
    except BadNameError:
        return None


def remove_run(session: Session, run: str) -> int:
    """Remove a run, unless something links to it.

    The Butler itself refuses for chains alone: it would delete the files of a
    certified run and leave an empty CALIBRATION collection behind.
    """
    with session.writing(), session.butler(writeable=True) as butler:
        if run not in butler.collections.query("*"):
            return 0
        info = butler.collections.get_info(
            run, include_summary=True, include_parents=True
        )
        if info.type is not CollectionType.RUN:
            raise InputError(f"{run} is a {info.type.name} collection, not a RUN.")
        links = _links(butler, run, info.dataset_types or ())
        links |= {(parent, "chains it") for parent in info.parents or ()}
        if links:
            named = ", ".join(f"{name} {how}" for name, how in sorted(links))
            raise RunInUseError(
                f"Run {run} cannot be removed, its datasets are in use: {named}. "
                f"Decertify or unchain these first if nobody needs them.",
                collections=sorted(name for name, _ in links),
            )
        count = len(butler.query_all_datasets(run, find_first=False, limit=None))
        butler.removeRuns([run])
        _sweep(butler, run)
    return count


def _sweep(butler: Butler, run: str) -> None:
    """Remove files of a run that a killed process had not registered yet."""
    if butler.collections.query(f"{run}/*"):
        return  # their files may lie below this run's
    for root in butler.get_datastore_roots().values():
        folder = root and root.join(run, forceDirectory=True)
        if folder and folder.exists():
            for uri in ResourcePath.findFileResources([folder]):
                uri.remove()


def _links(butler: Butler, run: str, types: Iterable[str]) -> set[tuple[str, str]]:
    kinds = {
        CollectionType.CALIBRATION: "certifies them",
        CollectionType.TAGGED: "tags them",
    }
    return {
        (association.collection, how)
        for kind, how in kinds.items()
        for type_ in types
        for association in butler.registry.queryDatasetAssociations(
            type_, collections="*", collectionTypes={kind}
        )
        if association.ref.run == run
    }
