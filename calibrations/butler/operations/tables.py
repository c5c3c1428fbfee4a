"""Tables that come from files: put once, and recognised when they come again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from astropy.table import Table
from lsst.daf.butler import (
    Butler,
    CollectionType,
    DataCoordinate,
    DatasetIdGenEnum,
    DatasetRef,
    DatasetType,
)
from lsst.daf.butler.registry import ConflictingDefinitionError

from taxicab.errors import ConflictError

__all__ = [
    "KEEP_META",
    "SOURCE_DIGEST",
    "GivenTable",
    "put_tables",
    "register_runs",
    "register_table_type",
]

STORAGE_CLASS = "ArrowAstropy"

KEEP_META = {"strip_astropy_meta_yaml": False}
"""Without it the Butler leaves out a table's meta when it reads."""

SOURCE_DIGEST = "SOURCE_SHA256"
"""Key of a table's meta: digest of the file it was read from."""


@dataclass(frozen=True)
class GivenTable:
    """A table for the repository."""

    dataset_type: DatasetType
    data_id: Mapping[str, Any]
    run: str
    table: Table
    path: str
    """Where it was read from."""


def register_table_type(
    butler: Butler, name: str, dimensions: Iterable[str], *, is_calibration: bool
) -> DatasetType:
    """Register a type of tables.

    Raises
    ------
    ConflictError
        If the repository keeps that type in another form, such as obs_lsst's.
    """
    made = DatasetType(
        name,
        tuple(dimensions),
        STORAGE_CLASS,
        universe=butler.dimensions,
        isCalibration=is_calibration,
    )
    try:
        butler.registry.registerDatasetType(made)
    except ConflictingDefinitionError as error:
        there = butler.get_dataset_type(name)
        raise ConflictError(
            f"This repository keeps {name} as {there.storageClass_name} "
            f"({', '.join(there.dimensions.names)}); as {STORAGE_CLASS} it cannot be "
            f"put there. Use the site's own command (butler write-curated-calibrations "
            f"or ingest-photodiode)."
        ) from error
    return made


def put_tables(
    butler: Butler, given: Iterable[GivenTable]
) -> tuple[list[DatasetRef], int, dict[str, str]]:
    """Put what is not there yet; the caller opens the transaction.

    Returns
    -------
    tuple
        References of all good tables in the order given; how many of them are new; and
        why a table was left out, by path: the repository has another content for it.
    """
    refs: dict[str, tuple[DatasetRef, GivenTable]] = {}
    refused: dict[str, str] = {}
    for one in given:
        data_id = butler.registry.expandDataId(
            DataCoordinate.standardize(
                one.data_id,
                universe=butler.dimensions,
                dimensions=one.dataset_type.dimensions,
            )
        )
        mode = DatasetIdGenEnum.DATAID_TYPE_RUN
        ref = DatasetRef(
            one.dataset_type, data_id, run=one.run, id_generation_mode=mode
        )
        if str(ref.id) in refs:
            other = refs[str(ref.id)][1].path
            refused[one.path] = f"{one.path} is of the same exposure as {other}."
            continue
        refs[str(ref.id)] = ref, one
    stored = butler.stored_many([ref for ref, _ in refs.values()])
    good: list[DatasetRef] = []
    new = 0
    for ref, one in refs.values():
        if not stored[ref]:
            good.append(butler.put(one.table, ref))
            new += 1
        elif _is_same(butler.get(ref, parameters=KEEP_META), one.table):
            good.append(ref)
        else:
            refused[one.path] = (
                f"{one.path} is not what was taken in from a file of this place "
                f"before: {one.run} holds another content. A run does not change; use "
                f"another ticket."
            )
    return good, new, refused


def _is_same(there: Table, table: Table) -> bool:
    return bool(there.meta.get(SOURCE_DIGEST) == table.meta.get(SOURCE_DIGEST))


def register_runs(butler: Butler, runs: Iterable[str]) -> None:
    """Register RUN collections; the Butler does not do that within a transaction."""
    for run in sorted(set(runs)):
        butler.collections.register(run, CollectionType.RUN)
