"""Read a quantum's inputs as they were written, tables with their meta."""

from typing import Any

from lsst.daf.butler import DatasetRef, DeferredDatasetHandle
from lsst.pipe.base import QuantumContext
from lsst.pipe.base.connections import DeferredDatasetRef

from calibrations.butler.operations.tables import KEEP_META

__all__ = ["read_dataset", "read_handle"]

TABLE = "ArrowAstropy"


def read_dataset(context: QuantumContext, ref: DatasetRef | DeferredDatasetRef) -> Any:
    """Read an input; of a connection that defers its loading as well."""
    if not isinstance(ref, DeferredDatasetRef):
        if ref.datasetType.storageClass_name != TABLE:
            return context.get(ref)
        ref = DeferredDatasetRef(ref)
    return read_handle(context.get(ref))


def read_handle(handle: DeferredDatasetHandle) -> Any:
    """Read what a handle stands for."""
    is_table = handle.ref.datasetType.storageClass_name == TABLE
    return handle.get(parameters=KEEP_META) if is_table else handle.get()
