"""Run a pipeline to its end, whatever an earlier try left behind.

Success is judged by the datasets that exist against those that the graph expects.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from typing import Any

from lsst.daf.butler import Butler, DatasetRef, Quantum
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph
from lsst.utils.packages import Packages

from calibrations.butler.commands import pipeline_command
from calibrations.butler.errors import QuantaFailedError
from calibrations.butler.operations.graphs import (
    SavedGraph,
    date_overrides,
    load_or_build,
)
from calibrations.butler.operations.quanta import Progress, execute, open_pool
from calibrations.butler.operations.session import Session
from calibrations.butler.operations.stored import State, clear, examine
from calibrations.butler.records import (
    PipelineOutcome,
    PipelineRequest,
    QuantumFailure,
)

__all__ = ["run_pipeline", "run_request"]

NAMED = 3
"""Failures that a sentence names; the details have them all."""


def run_pipeline(session: Session, **request: Any) -> dict[str, Any]:
    """Build the graph or take it up, execute what is not done, and judge."""
    with session.writing():
        return asdict(run_request(session, PipelineRequest.load(request)))


def run_request(session: Session, request: PipelineRequest) -> PipelineOutcome:
    """Run a pipeline; the caller holds the writers' lock."""
    saved = load_or_build(session, request)
    overrides = {**request.overrides, **date_overrides(session, request)}
    command = pipeline_command(
        session.settings, request, overrides, is_resumed=saved.is_resumed
    )
    session.emit("commands", lines=[command])
    graph = saved.read()
    by_task = {label: len(quanta) for label, quanta in graph.quanta_by_task.items()}
    session.emit("graph", quanta=len(graph), by_task=by_task, resumed=saved.is_resumed)
    processes = min(request.processes or session.settings.processes, len(graph))
    root = session.settings.root
    with (
        open_pool(processes, root, str(saved.path)) as pool,
        session.butler(
            writeable=True, collections=request.inputs, run=request.run
        ) as butler,
    ):
        return _Execution(session, request, saved, graph, butler, pool).run()


class _Execution:
    """One try at one graph."""

    def __init__(
        self,
        session: Session,
        request: PipelineRequest,
        saved: SavedGraph,
        graph: PredictedQuantumGraph,
        butler: Butler,
        pool: ProcessPoolExecutor | None,
    ) -> None:
        self.session = session
        self.request = request
        self.saved = saved
        self.graph = graph
        self.butler = butler
        self.pool = pool
        self.quanta = graph.build_execution_quanta()
        self.progress = Progress(graph, session.emit, len(graph))

    def run(self) -> PipelineOutcome:
        self.graph.pipeline_graph.register_dataset_types(
            self.butler, include_packages=True
        )
        self._write_init_outputs()
        todo = self._find_todo()
        execute(
            self.butler,
            self.graph,
            self.session.settings.root,
            todo,
            self.progress,
            self.pool,
        )
        outcome = self._describe(len(todo))
        self._judge(outcome)
        self.session.emit("end", done=self.progress.done, total=self.progress.total)
        return outcome

    def _write_init_outputs(self) -> None:
        """Write configurations, versions and schemas, each if it is not there whole."""
        refs = [ref for label in self._labels() for ref in self._init_refs(label)]
        state = examine(self.butler, refs)
        bad = [ref for ref in refs if state[ref.id] is not State.GOOD]
        clear(self.butler, bad)
        self.graph.write_init_outputs(self.butler, skip_existing=True)
        self.graph.write_configs(self.butler)
        (packages,) = self._init_refs("")
        if packages in bad:
            # What is imported when differs between a first try and a resume; what is
            # installed does not.
            self.butler.put(Packages(self.saved.versions), packages)

    def _labels(self) -> list[str]:
        return ["", *(label for label, q in self.graph.quanta_by_task.items() if q)]

    def _init_refs(self, label: str) -> list[DatasetRef]:
        return list(self.graph.get_init_outputs(label).values())

    def _find_todo(self) -> list[uuid.UUID]:
        """Find quanta that are not done, and clear away what they left.

        A quantum whose log alone is missing died while it wrote it; it is done again,
        under the same UUIDs, so that no half of a log stays in the repository.
        """
        state = examine(self.butler, self._outputs(self.quanta.values()))
        todo = []
        leftovers: list[DatasetRef] = []
        for id_, quantum in self.quanta.items():
            if all(state[ref.id] is State.GOOD for ref in self._outputs([quantum])):
                self.progress.skip(id_)
                continue
            todo.append(id_)
            leftovers += self._outputs([quantum])
        if self.saved.is_resumed:
            self._tell_damaged(ref for ref in leftovers if _is_damage(state[ref.id]))
            clear(self.butler, leftovers)
        return todo

    def _tell_damaged(self, refs: Iterable[DatasetRef]) -> None:
        for ref in refs:
            self.session.emit(
                "message",
                message=f"{ref.datasetType.name} of {ref.dataId} is registered but its "
                f"file is not whole: it is made again.",
            )

    @staticmethod
    def _outputs(quanta: Iterable[Quantum]) -> list[DatasetRef]:
        return [ref for q in quanta for refs in q.outputs.values() for ref in refs]

    def _expected(self, quantum_id: uuid.UUID) -> list[DatasetRef]:
        """Datasets that must exist after a quantum: all but its log."""
        label = self.graph.quantum_only_xgraph.nodes[quantum_id]["task_label"]
        log = self.graph.pipeline_graph.tasks[label].log_output
        return [
            ref
            for ref in self._outputs([self.quanta[quantum_id]])
            if log is None or ref.datasetType.name != log.dataset_type_name
        ]

    def _describe(self, executed: int) -> PipelineOutcome:
        refs = self._outputs(self.quanta.values())
        state = examine(self.butler, refs)
        self.state = state
        exposures = {
            int(ref.dataId["exposure"])
            for quantum in self.quanta.values()
            for refs in quantum.inputs.values()
            for ref in refs
            if "exposure" in ref.dataId.dimensions
        }
        return PipelineOutcome(
            run=self.request.run,
            quanta=len(self.graph),
            executed=executed,
            skipped=len(self.graph) - executed,
            resumed=self.saved.is_resumed,
            datasets=dict(
                sorted(
                    Counter(
                        r.datasetType.name for r in refs if state[r.id] is State.GOOD
                    ).items()
                )
            ),
            fingerprint=self.saved.fingerprint,
            versions=self.saved.versions,
            input_exposures=sorted(exposures),
        )

    def _judge(self, outcome: PipelineOutcome) -> None:
        """Raise if a dataset that the graph expects does not exist."""
        failures = []
        for id_ in self.quanta:
            missing = [
                ref
                for ref in self._expected(id_)
                if self.state[ref.id] is not State.GOOD
            ]
            if missing:
                failures.append(self._describe_failure(id_, missing))
        if not failures:
            return
        raise QuantaFailedError(
            self._sentence(failures),
            failures=[asdict(f) for f in failures],
            outcome=asdict(outcome),
        )

    def _describe_failure(
        self, id_: uuid.UUID, missing: Sequence[DatasetRef]
    ) -> QuantumFailure:
        node = self.graph.quantum_only_xgraph.nodes[id_]
        result = self.progress.failures.get(id_)
        if result is not None:
            error, trace = result.error or "", result.traceback or ""
        else:
            names = ", ".join(sorted({ref.datasetType.name for ref in missing}))
            error, trace = f"did not write {names}", ""
        return QuantumFailure(
            task=node["task_label"],
            data_id=dict(node["data_id"].mapping),
            error=error,
            traceback=trace,
        )

    def _sentence(self, failures: Sequence[QuantumFailure]) -> str:
        """Say what failed first: what only lacked its input comes after."""
        own = [f for f in failures if f.traceback] or list(failures)
        named = "; ".join(f"{_name(f)}: {f.error}" for f in own[:NAMED])
        more = f"; and {len(own) - NAMED} more" if len(own) > NAMED else ""
        count = len(failures)
        return (
            f"{count} of {len(self.graph)} quanta of {self.request.run} did not write "
            f"what they should: {named}{more}. What is done is kept: correct the cause "
            f"and run it again."
        )


def _is_damage(state: State) -> bool:
    return state in (State.LOST, State.DAMAGED)


def _name(failure: QuantumFailure) -> str:
    where = ", ".join(
        f"{key} {value}"
        for key, value in failure.data_id.items()
        if key in ("exposure", "detector", "physical_filter")
    )
    return f"{failure.task} of {where}" if where else failure.task
