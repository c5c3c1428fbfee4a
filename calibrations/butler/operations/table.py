"""Operations by the name under which the client asks for them."""

from collections.abc import Callable, Mapping
from typing import Any

from calibrations.butler.operations import (
    certification,
    chains,
    companions,
    curated,
    execution,
    exports,
    imports,
    ingestion,
    queries,
    raws,
    self_review,
    tags,
)

__all__ = ["OPERATIONS"]

OPERATIONS: Mapping[str, Callable[..., Any]] = {
    operation.__name__: operation
    for operation in (
        certification.certify_calibration,
        certification.decertify_calibration,
        certification.remove_run,
        chains.define_chain,
        chains.prepend_chain,
        chains.remove_from_chain,
        companions.ingest_companions,
        curated.ingest_curated,
        execution.run_pipeline,
        exports.export_collection,
        imports.import_collection,
        ingestion.ingest_raws,
        queries.collections,
        queries.find_runs,
        queries.list_datasets,
        queries.read_metrics,
        queries.select_exposures,
        queries.validity,
        queries.versions,
        raws.read_headers,
        self_review.self_review,
        tags.tag_collection,
    )
}
