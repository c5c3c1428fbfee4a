"""Execute the quanta of a graph, in this process or in a few beside it."""

import functools
import logging
import multiprocessing
import os
import signal
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import networkx
from lsst.daf.butler import Butler
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph
from lsst.pipe.base.single_quantum_executor import SingleQuantumExecutor
from lsst.utils.threads import disable_implicit_threading

from calibrations.butler.lifetime import die_with_parent, raise_if_terminated
from calibrations.butler.operations.backed import (
    QuantaButler,
    Records,
    Registrar,
    open_quanta_butler,
)

__all__ = ["Progress", "Result", "execute", "open_pool"]


@dataclass(frozen=True)
class Result:
    """How one quantum ended."""

    quantum: uuid.UUID
    error: str | None
    """Class of the exception and its message."""
    traceback: str | None
    seconds: float
    records: Records = field(default_factory=dict)
    """Of the datasets that it wrote, a failed one's too."""


@dataclass
class Progress:
    """Count quanta and tell about each."""

    graph: PredictedQuantumGraph
    emit: Callable[..., None]
    total: int
    done: int = 0
    failed: int = 0
    blocked: int = 0
    failures: dict[uuid.UUID, Result] = field(default_factory=dict)

    def tell(self, quantum: uuid.UUID, state: str, **more: Any) -> None:
        """Send an event about a quantum, with the counts so far."""
        node = self.graph.quantum_only_xgraph.nodes[quantum]
        self.emit(
            "quantum",
            quantum=str(quantum),
            state=state,
            task=node["task_label"],
            data_id=dict(node["data_id"].mapping),
            done=self.done,
            failed=self.failed,
            blocked=self.blocked,
            total=self.total,
            **more,
        )

    def skip(self, quantum: uuid.UUID) -> None:
        """Count a quantum that an earlier try had done."""
        self.done += 1
        self.tell(quantum, "skipped")

    def end(self, result: Result) -> bool:
        """Count a quantum that ended; tell whether it was well."""
        if result.error is None:
            self.done += 1
            self.tell(result.quantum, "done", seconds=round(result.seconds, 3))
            return True
        self.failed += 1
        self.failures[result.quantum] = result
        self.tell(
            result.quantum, "failed", error=result.error, traceback=result.traceback
        )
        return False

    def block(self, quantum: uuid.UUID, by: uuid.UUID) -> None:
        """Count a quantum that cannot run since another one failed."""
        self.blocked += 1
        self.tell(quantum, "blocked", by=str(by))


Run = Callable[[list[uuid.UUID]], Iterable[Result]]
"""Given quanta that are ready, yields their results as they come."""


def execute(
    butler: Butler,
    graph: PredictedQuantumGraph,
    root: str,
    todo: Iterable[uuid.UUID],
    progress: Progress,
    pool: ProcessPoolExecutor | None,
) -> None:
    """Run quanta so that each comes after those it needs."""
    order = graph.quantum_only_xgraph
    wanted = set(todo)
    ordered = [q for q in networkx.topological_sort(order) if q in wanted]
    registrar = Registrar(butler, graph.build_execution_quanta())
    with _open_run(butler, graph, root, pool) as run:
        try:
            _walk(order, ordered, progress, registrar, run)
        finally:
            # What was done before a cancel is kept.
            registrar.register()


@contextmanager
def open_pool(
    processes: int, root: str, graph_path: str
) -> Iterator[ProcessPoolExecutor | None]:
    """Fork processes for quanta; none where one process is enough.

    To be called while no Butler is open: a fork would share its connection. Forks have
    the middleware imported already, which a fresh process takes seconds for.
    """
    if processes <= 1:
        yield None
        return
    pool = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("fork"),
        initializer=_begin_worker,
        initargs=(os.getpid(), root, graph_path),
    )
    try:
        # The first task has all processes forked, here and now.
        pool.submit(os.getpid).result()
        yield pool
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _walk(
    order: networkx.DiGraph,
    todo: list[uuid.UUID],
    progress: Progress,
    registrar: Registrar,
    run: Run,
) -> None:
    """Hand out what is ready, until nothing is.

    ``run`` is given what became ready, and yields results as they come; it is asked
    again as long as something is ready or under way.
    """
    wanted = set(todo)
    waiting = {q: wanted.intersection(order.predecessors(q)) for q in todo}
    blocked: set[uuid.UUID] = set()
    ready = [q for q in todo if not waiting[q]]
    for quantum in todo:
        progress.tell(quantum, "planned")
    while ready:
        batch, ready = ready, []
        for result in run(batch):
            registrar.take(result.quantum, result.records)
            raise_if_terminated()
            if progress.end(result):
                for follower in order.successors(result.quantum):
                    if follower in waiting:
                        waiting[follower].discard(result.quantum)
                        if not waiting[follower] and follower not in blocked:
                            ready.append(follower)
                continue
            for follower in networkx.descendants(order, result.quantum):
                if follower in waiting and follower not in blocked:
                    blocked.add(follower)
                    progress.block(follower, result.quantum)


@contextmanager
def _open_run(
    butler: Butler,
    graph: PredictedQuantumGraph,
    root: str,
    pool: ProcessPoolExecutor | None,
) -> Iterator[Run]:
    """Open what runs quanta: the pool, or a Butler in this process."""
    if pool is not None:
        yield _Pooled(pool).run
        return
    quanta_butler = open_quanta_butler(root, graph, butler)
    runner = _Runner(quanta_butler, graph)
    try:
        yield lambda ready: (runner.run(quantum) for quantum in ready)
    finally:
        quanta_butler.end()


class _Runner:
    """Runs a quantum with a Butler of its own process."""

    def __init__(self, butler: QuantaButler, graph: PredictedQuantumGraph) -> None:
        self.butler = butler
        self.graph = graph

    def run(self, quantum_id: uuid.UUID) -> Result:
        """Run one quantum; its failure is a result."""
        started = time.monotonic()
        error = trace = None
        quantum = self.graph.build_execution_quanta([quantum_id])[quantum_id]
        label = self.graph.quantum_only_xgraph.nodes[quantum_id]["task_label"]
        node = self.graph.pipeline_graph.tasks[label]
        # One for each: in every log it lists the quanta that it executed before.
        executor = SingleQuantumExecutor(
            limited_butler_factory=lambda quantum: self.butler,
            # What an earlier try left was examined and cleared before.
            assume_no_existing_outputs=True,
        )
        try:
            executor.execute(node, quantum, quantum_id=quantum_id)
        except Exception as caught:  # whatever a task raises is its failure
            error = f"{type(caught).__name__}: {caught}"
            trace = traceback.format_exc()
        records = self.butler.records_of(
            ref for refs in quantum.outputs.values() for ref in refs
        )
        seconds = time.monotonic() - started
        return Result(quantum_id, error, trace, seconds, records)


_open_worker: Callable[[], _Runner] | None = None
"""Of a pool's process: makes its runner with the first quantum, and keeps it."""


def _begin_worker(parent: int, root: str, graph_path: str) -> None:
    global _open_worker
    die_with_parent(parent)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Events are the parent's to send.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)
    disable_implicit_threading()

    @functools.cache
    def open_worker() -> _Runner:
        graph = PredictedQuantumGraph.read_execution_quanta(graph_path)
        with Butler.from_config(root, writeable=False) as butler:
            return _Runner(open_quanta_butler(root, graph, butler), graph)

    _open_worker = open_worker


def _run_in_worker(quantum: uuid.UUID) -> Result:
    assert _open_worker is not None, "the initializer made it"
    return _open_worker().run(quantum)


class _Pooled:
    """Runs quanta in a pool; yields each as soon as it ends."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self.pool = pool

    def run(self, ready: list[uuid.UUID]) -> Iterator[Result]:
        """Run what is ready, side by side."""
        under_way: dict[Future[Result], uuid.UUID] = {}
        for quantum in ready:
            under_way[self._submit(quantum)] = quantum
        while under_way:
            ended, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in ended:
                yield self._collect(future, under_way.pop(future))

    def _submit(self, quantum: uuid.UUID) -> Future[Result]:
        try:
            return self.pool.submit(_run_in_worker, quantum)
        except BrokenProcessPool as error:
            future: Future[Result] = Future()
            future.set_exception(error)
            return future

    def _collect(self, future: Future[Result], quantum: uuid.UUID) -> Result:
        try:
            return future.result()
        except BrokenProcessPool:
            error = (
                "The process that ran it was killed, perhaps for want of memory. "
                "Running again continues."
            )
            return Result(quantum, error, None, 0.0)
