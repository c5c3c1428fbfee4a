"""What a repository holds: exposures, collections, datasets, validity, metrics."""

import fnmatch
import json
import math
import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from typing import Any

from lsst.daf.butler import (
    Butler,
    ButlerUserError,
    CollectionType,
    DatasetRef,
    DatasetType,
    Timespan,
)

from calibrations.butler.operations.session import Session, name_types
from calibrations.butler.records import (
    CollectionInfo,
    DatasetInfo,
    Exposure,
    RunContents,
    ValidityRow,
)
from calibrations.domain.validity import parse_tai
from calibrations.domain.verified import read_tests, results_type
from taxicab.errors import InputError, NotFoundError

__all__ = [
    "collections",
    "dataset_infos",
    "find_datasets",
    "find_exposures",
    "find_runs",
    "list_datasets",
    "package_versions",
    "read_metrics",
    "read_validity",
    "refusing_bad_where",
    "select_exposures",
    "spell_time",
    "validity",
    "versions",
]


def select_exposures(session: Session, where: str) -> list[dict[str, Any]]:
    """List the exposures that match, with the number of detectors that have a raw."""
    with session.butler() as butler:
        return [asdict(e) for e in find_exposures(session, butler, where)]


def find_exposures(session: Session, butler: Butler, where: str) -> list[Exposure]:
    """List the exposures that match, in order of id."""
    with refusing_bad_where(where), butler.query() as query:
        query = query.where(instrument=session.settings.instrument)
        if where.strip():
            query = query.where(where)
        records = list(query.dimension_records("exposure"))
        raws = _count_raws(session, butler, query)
    return [
        Exposure(
            id=record.id,
            obs_id=record.obs_id,
            day_obs=record.day_obs,
            seq_num=record.seq_num,
            observation_type=record.observation_type or "",
            observation_reason=record.observation_reason or "",
            physical_filter=record.physical_filter,
            exposure_time_s=record.exposure_time or 0.0,
            dark_time_s=record.dark_time or 0.0,
            begin_tai=spell_time(record.timespan.begin) or "",
            n_detectors=raws[record.id],
        )
        for record in sorted(records, key=lambda r: r.id)
    ]


def _count_raws(session: Session, butler: Butler, query: Any) -> Counter[int]:
    """Count raws by exposure; none where raws were never ingested."""
    name, collection = (
        session.settings.raw_dataset_type,
        session.settings.raw_collection,
    )
    if not butler.registry.queryDatasetTypes([name]) or not butler.collections.query(
        f"{collection}*"
    ):
        return Counter()
    found = query.join_dataset_search(name, collection).data_ids(
        ["exposure", "detector"]
    )
    return Counter(int(d["exposure"]) for d in found)


@contextmanager
def refusing_bad_where(where: str) -> Iterator[None]:
    """Tell an expression that the Butler cannot read from other failures."""
    try:
        yield
    except (ButlerUserError, LookupError, ValueError, TypeError, RuntimeError) as error:
        if isinstance(error, NotFoundError):
            raise
        raise InputError(
            f"The Butler cannot read the expression “{where}”: {error}",
            where=where,
            complaint=str(error),
        ) from error


def collections(session: Session, patterns: Sequence[str]) -> list[dict[str, Any]]:
    """Describe the collections that match any glob."""
    with session.butler() as butler:
        known = butler.collections.query_info("*", include_summary=True)
        counts = {
            info.name: _count_datasets(butler, info.name, info.dataset_types)
            for info in known
            if info.type is not CollectionType.CHAINED
        }
        children = {info.name: info.children for info in known}
        return [
            asdict(
                CollectionInfo(
                    name=info.name,
                    type=info.type.name,
                    children=list(info.children),
                    n_datasets=_total(info.name, counts, children),
                )
            )
            for info in sorted(known, key=lambda i: i.name)
            if any(fnmatch.fnmatchcase(info.name, p) for p in patterns)
        ]


def find_runs(session: Session, collections: Sequence[str]) -> list[dict[str, Any]]:
    """List the runs that collections lead to, with the types that each may have."""
    with session.butler() as butler:
        session.require_collections(butler, collections)
        return [
            asdict(RunContents(name, info.name, sorted(info.dataset_types or ())))
            for name in collections
            for info in butler.collections.query_info(
                name, flatten_chains=True, include_summary=True
            )
            if info.type is CollectionType.RUN
        ]


def _total(name: str, counts: dict[str, int], children: dict[str, Any]) -> int:
    if name in counts:
        return counts[name]
    return sum(_total(child, counts, children) for child in children[name])


def _count_datasets(butler: Butler, name: str, types: Iterable[str] | None) -> int:
    total = 0
    for type_ in types or ():
        with butler.query() as query:
            total += query.datasets(type_, name, find_first=False).count(discard=True)
    return total


def list_datasets(
    session: Session,
    collections: Sequence[str],
    dataset_types: Sequence[str],
    find_first: bool = False,
) -> list[dict[str, Any]]:
    """List datasets and their files."""
    with session.butler() as butler:
        session.require_collections(butler, collections)
        types = list(butler.registry.queryDatasetTypes(list(dataset_types)))
        refs = find_datasets(butler, collections, types, find_first=find_first)
        return [asdict(d) for d in dataset_infos(butler, refs)]


def find_datasets(
    butler: Butler,
    collections: Sequence[str],
    types: Iterable[DatasetType],
    *,
    find_first: bool = False,
) -> list[DatasetRef]:
    """Find datasets in some collections, each once, by type and data id."""
    found: dict[Any, DatasetRef] = {}
    for type_ in types:
        refs = butler.query_datasets(
            type_,
            list(collections),
            find_first=find_first,
            explain=False,
            limit=None,
            with_dimension_records=True,
        )
        found.update({ref.id: ref for ref in refs})
    return sorted(found.values(), key=lambda r: (r.datasetType.name, r.dataId, r.run))


def dataset_infos(butler: Butler, refs: Sequence[DatasetRef]) -> list[DatasetInfo]:
    """Describe datasets with the absolute paths of their files."""
    uris = butler._datastore.getManyURIs(refs, predict=False, allow_missing=True)
    infos = []
    for ref in refs:
        uri = uris[ref].primaryURI if ref in uris else None
        infos.append(
            DatasetInfo(
                type=ref.datasetType.name,
                data_id=dict(ref.dataId.mapping),
                run=ref.run,
                uuid=str(ref.id),
                path="" if uri is None else uri.ospath if uri.isLocal else str(uri),
            )
        )
    return infos


def validity(session: Session, chain: str) -> list[dict[str, Any]]:
    """List what is certified in a chain, in the order of search."""
    with session.butler() as butler:
        session.require_collections(butler, [chain])
        return [asdict(row) for row in read_validity(butler, chain)]


def read_validity(butler: Butler, chain: str) -> list[ValidityRow]:
    """Read a chain's certified datasets with one query a dataset type."""
    order = _calibration_collections(butler, chain)
    types: dict[str, set[str]] = defaultdict(set)
    for info in order.values():
        for type_ in info.dataset_types or ():
            types[type_].add(info.name)
    rows = [
        row
        for name, where in types.items()
        for row in _read_ranges(butler, name, sorted(where))
    ]
    places = {name: place for place, name in enumerate(order)}
    return sorted(
        rows,
        key=lambda r: (
            places[r.collection],
            r.type,
            r.detector if r.detector is not None else -1,
            r.filter or "",
            r.begin or "",
        ),
    )


def _calibration_collections(butler: Butler, chain: str) -> dict[str, Any]:
    return {
        info.name: info
        for info in butler.collections.query_info(
            chain, flatten_chains=True, include_summary=True
        )
        if info.type is CollectionType.CALIBRATION
    }


def _read_ranges(
    butler: Butler, name: str, collections: list[str]
) -> Iterator[ValidityRow]:
    type_ = butler.get_dataset_type(name)
    with butler.query() as query:
        query = query.join_dataset_search(name, collections)
        rows = query.general(
            type_.dimensions.required,
            dataset_fields={name: {"dataset_id", "run", "collection", "timespan"}},
            find_first=False,
        )
        for row in rows:
            span: Timespan = row[f"{name}.timespan"]
            yield ValidityRow(
                type=name,
                detector=row.get("detector"),
                filter=row.get("physical_filter"),
                begin=spell_time(span.begin),
                end=spell_time(span.end),
                collection=row[f"{name}.collection"],
                uuid=str(row[f"{name}.dataset_id"]),
                run=row[f"{name}.run"],
            )


def spell_time(time: Any) -> str | None:
    """Spell a bound of a timespan in TAI; None where it is open."""
    if time is None or time is Timespan.EMPTY:
        return None
    tai = time.tai
    tai.precision = 9
    return parse_tai(str(tai.isot))


def read_metrics(
    session: Session, collection: str, dataset_type: str
) -> list[dict[str, Any]]:
    """Read the tables of a type as rows of plain values, NaN as None.

    Tests that a site's own ``cp_verify`` did not write are read from its Results.
    """
    with session.butler() as butler:
        session.require_collections(butler, [collection])
        refs = _find_tables(butler, collection, dataset_type)
        beside = results_type(dataset_type)
        if not refs and beside is not None:
            results, stage = beside
            found = _find_tables(butler, collection, results)
            rows = (row for ref in found for row in _rows(butler.get(ref)))
            if tests := list(read_tests(rows, stage)):
                return tests
        if not refs:
            info = butler.collections.get_info(collection, include_summary=True)
            present = sorted(info.dataset_types or ())
            raise NotFoundError(
                f"Collection {collection} has no {dataset_type}; it has "
                f"{name_types(present)}. Run the verification that writes it.",
                collection=collection,
                present=present,
            )
        return [row for ref in refs for row in _rows(butler.get(ref))]


def _find_tables(
    butler: Butler, collection: str, dataset_type: str
) -> list[DatasetRef]:
    types = list(butler.registry.queryDatasetTypes([dataset_type]))
    return find_datasets(butler, [collection], types)


def _rows(table: Any) -> Iterator[dict[str, Any]]:
    for row in table:
        yield {name: _plain(row[name]) for name in table.colnames}


def _plain(value: Any) -> Any:
    """Turn a cell into what JSON can say."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def versions(session: Session) -> dict[str, str]:
    """Tell the versions of what the data are processed with."""
    return package_versions()


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide what pixels come out."""
    wanted = {
        "astro-metadata-translator",
        "astropy",
        "numpy",
        "pyarrow",
        "scipy",
        "sqlalchemy",
        "taxicab-portal",
    }
    found = {"python": platform.python_version()}
    for package in metadata.distributions():
        name = package.metadata["Name"].lower().replace("_", "-")
        if name in wanted or name.startswith("lsst-"):
            found[name] = _spell_version(name, package)
    return dict(sorted(found.items()))


def _spell_version(name: str, package: metadata.Distribution) -> str:
    """Give a version, marked where it was not installed from published files.

    The portal itself is run from its checkout, as its version says.
    """
    origin = json.loads(package.read_text("direct_url.json") or "{}")
    if not origin or name == "taxicab-portal":
        return package.version
    is_editable = origin.get("dir_info", {}).get("editable", False)
    mark = "editable" if is_editable else "local"
    joint = "." if "+" in package.version else "+"
    return f"{package.version}{joint}{mark}"
