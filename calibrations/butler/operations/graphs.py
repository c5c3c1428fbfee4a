"""A pipeline's graph: built once, kept in the work folder, and taken up again from it.

The graph holds the UUID of every dataset that will be written, so a run that was
killed and resumed ends with the datasets of an unbroken one.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler, CollectionType
from lsst.pipe.base import Pipeline
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph
from lsst.pipe.base.quantum_graph_builder import QuantumGraphBuilderError
from lsst.pipe.base.separable_pipeline_executor import SeparablePipelineExecutor

from calibrations.butler.camera_policy import policy_digest
from calibrations.butler.errors import EmptyGraphError, RunChangedError
from calibrations.butler.instrument_classes import choose_instrument_class
from calibrations.butler.operations.companions import (
    COMPANION_FOLDERS,
    companion_run,
)
from calibrations.butler.operations.queries import (
    find_exposures,
    package_versions,
)
from calibrations.butler.operations.session import Session, nearest
from calibrations.butler.records import PipelineRequest
from taxicab.errors import InputError, MiddlewareError, NotFoundError

__all__ = ["GRAPH_NAME", "SavedGraph", "date_overrides", "load_or_build"]

GRAPH_NAME = "graph.qg"
REQUEST_NAME = "request.json"
"""Written last: a folder without it has not begun."""

DATE_FIELD = "creationTime"
"""Configuration of tasks that write a date into their products."""


@dataclass(frozen=True)
class SavedGraph:
    """A graph and how it came to be."""

    path: Path
    fingerprint: str
    versions: dict[str, str]
    is_resumed: bool

    def read(self) -> PredictedQuantumGraph:
        """Read the graph, ready for execution."""
        return PredictedQuantumGraph.read_execution_quanta(str(self.path))


def load_or_build(session: Session, request: PipelineRequest) -> SavedGraph:
    """Take up the graph of an earlier try, or build and save one."""
    folder = Path(request.work_folder)
    folder.mkdir(parents=True, exist_ok=True)
    identity = _identify(session, request)
    fingerprint = _digest(identity)
    versions = identity["versions"]
    saved = _read_request(folder)
    if saved is not None:
        _refuse_change(saved, request, identity, fingerprint)
        return SavedGraph(folder / GRAPH_NAME, fingerprint, versions, is_resumed=True)
    _refuse_foreign_run(session, request)
    _build(session, request, folder / GRAPH_NAME)
    _write_whole(
        folder / REQUEST_NAME,
        json.dumps(
            {"run": request.run, "fingerprint": fingerprint, "identity": identity},
            indent=1,
        ),
    )
    return SavedGraph(folder / GRAPH_NAME, fingerprint, versions, is_resumed=False)


def make_pipeline(session: Session, request: PipelineRequest) -> Pipeline:
    """Read the pipeline and apply the request's configuration."""
    address = session.settings.pipelines.get(request.pipeline, request.pipeline)
    try:
        pipeline = Pipeline.from_uri(os.path.expandvars(address))
    except FileNotFoundError:
        known = nearest(request.pipeline, session.settings.pipelines, "configured")
        raise NotFoundError(f"There is no pipeline at {address}{known}.") from None
    if instrument := choose_instrument_class(session.settings, address):
        pipeline.addInstrument(instrument)
    for name, value in sorted(request.overrides.items()):
        label, _, key = name.partition(":")
        try:
            pipeline.addConfigOverride(label, key, value)
        except LookupError:
            labels = ", ".join(pipeline.task_labels)
            raise InputError(
                f"{address} has no task {label!r} to configure; it has {labels}."
            ) from None
    return pipeline


def date_overrides(session: Session, request: PipelineRequest) -> dict[str, str]:
    """Find the tasks that write a date, and give them the request's."""
    if not request.creation_time:
        return {}
    tasks = make_pipeline(session, request).to_graph().tasks
    return {
        f"{label}:{DATE_FIELD}": request.creation_time
        for label, node in tasks.items()
        if hasattr(node.config, DATE_FIELD)
    }


def _identify(session: Session, request: PipelineRequest) -> dict[str, Any]:
    """Everything that makes two requests the same run, as far as one can tell.

    The products' date is left out: it is kept in the graph, and a resume keeps it.
    """
    identity = {
        "pipeline": str(make_pipeline(session, request)),
        "inputs": list(request.inputs),
        "where": request.where,
        "versions": package_versions(),
    }
    # Gains of another camera make other products.
    if digest := policy_digest(session.settings.instrument):
        identity["camera"] = digest
    return identity


def _digest(identity: dict[str, Any]) -> str:
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _read_request(folder: Path) -> dict[str, Any] | None:
    try:
        saved: dict[str, Any] = json.loads((folder / REQUEST_NAME).read_text())
    except FileNotFoundError:
        return None
    return saved


def _refuse_change(
    saved: dict[str, Any],
    request: PipelineRequest,
    identity: dict[str, Any],
    fingerprint: str,
) -> None:
    if saved["run"] != request.run:
        raise RunChangedError(
            f"{request.work_folder} keeps the graph of run {saved['run']}, not of "
            f"{request.run}. Give each run a work folder of its own."
        )
    if saved["fingerprint"] == fingerprint:
        return
    changed = [k for k, v in identity.items() if saved["identity"].get(k) != v]
    raise RunChangedError(
        f"Run {request.run} was begun with other {', '.join(changed)}. It can be "
        f"continued only as it was begun: start a new attempt, which takes the next "
        f"letter.",
        changed=changed,
        before={k: saved["identity"].get(k) for k in changed},
        after={k: identity[k] for k in changed},
    )


def _refuse_foreign_run(session: Session, request: PipelineRequest) -> None:
    """Refuse a run that has datasets of which no graph was kept."""
    with session.butler() as butler:
        if request.run not in butler.collections.query("*"):
            return
        info = butler.collections.get_info(request.run, include_summary=True)
        if info.type is not CollectionType.RUN:
            raise InputError(f"{request.run} is a {info.type.name} collection, no RUN.")
        if not butler.query_all_datasets(request.run, find_first=False, limit=1):
            return
    raise RunChangedError(
        f"Run {request.run} has datasets already, and {request.work_folder} does not "
        f"keep the graph they came from. Remove the run and ask again: that is a new "
        f"attempt, with the next letter."
    )


def _build(session: Session, request: PipelineRequest, path: Path) -> None:
    pipeline = make_pipeline(session, request)
    for name, value in date_overrides(session, request).items():
        pipeline.addConfigOverride(*name.split(":"), value)
    with session.butler() as butler:
        session.require_collections(butler, request.inputs)
        if request.where.strip():
            # Refuses an expression before the builder wraps it in its own words.
            find_exposures(session, butler, request.where)
        inputs = [*request.inputs, *_companion_runs(session, butler, pipeline)]
    with session.butler(writeable=True, collections=inputs, run=request.run) as butler:
        executor = SeparablePipelineExecutor(butler)
        with _naming_missing_inputs(request):
            builder = executor.make_quantum_graph_builder(pipeline, request.where)
            components = builder.finish(
                metadata={"data_query": request.where}, attach_datastore_records=False
            )
        if not len(components.assemble()):
            raise _explain_empty(session, butler, request)
        part = path.with_name(f"part-{path.name}")
        components.write(str(part))
        part.replace(path)


def _companion_runs(session: Session, butler: Butler, pipeline: Pipeline) -> list[str]:
    """List the runs of what accompanies exposures and the pipeline reads.

    They hold no calibrations, and are in no chain of these.
    """
    read = {
        edge.parent_dataset_type_name
        for task in pipeline.to_graph().tasks.values()
        for edge in task.prerequisite_inputs.values()
    }
    runs = {
        companion_run(session.settings.instrument, name)
        for name in read.intersection(COMPANION_FOLDERS)
    }
    return sorted(runs.intersection(butler.collections.query("*")))


@contextmanager
def _naming_missing_inputs(request: PipelineRequest) -> Iterator[None]:
    """Turn the builder's complaint about what it cannot find into a sentence."""
    inputs = ", ".join(request.inputs)
    try:
        with refusing_bad_builder():
            yield
    except FileNotFoundError as error:
        raise EmptyGraphError(
            f"{request.pipeline} in {request.run} lacks an input that it cannot do "
            f"without: {error} Searched, in this order: {inputs}. Certify the "
            f"calibrations it needs, or add the collection that holds them.",
            inputs=list(request.inputs),
        ) from error


@contextmanager
def refusing_bad_builder() -> Iterator[None]:
    """Give the builder's own failures a kind of ours."""
    try:
        yield
    except QuantumGraphBuilderError as error:
        raise MiddlewareError(f"The graph cannot be built: {error}") from error


def _explain_empty(
    session: Session, butler: Butler, request: PipelineRequest
) -> EmptyGraphError:
    """Say what was asked, what exists, and what to do."""
    settings = session.settings
    exposures = (
        find_exposures(session, butler, request.where) if request.where.strip() else []
    )
    with_raws = [e for e in exposures if e.n_detectors]
    asked = f"{request.pipeline} finds nothing to process where “{request.where}”"
    exists = (
        f"{len(exposures)} exposures of {settings.instrument} match, {len(with_raws)} "
        f"of them with raws in {settings.raw_collection}"
    )
    if not exposures:
        todo = "Check the days, types and filters in the expression"
    elif not with_raws:
        todo = "Ingest the raws of these exposures"
    else:
        todo = (
            "Check that the pipeline is the instrument's, and that its other inputs "
            "are in these collections"
        )
    return EmptyGraphError(
        f"{asked}. {exists}; searched were {', '.join(request.inputs)}. {todo}.",
        exposures=len(exposures),
        exposures_with_raws=len(with_raws),
        inputs=list(request.inputs),
    )


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is either there in full or not at all."""
    part = path.with_name(f"part-{path.name}")
    with part.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
