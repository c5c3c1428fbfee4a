"""Quanta write files alone; what they wrote is registered in batches.

A full Butler registers every dataset as it is put, which takes a small dataset longer
than its file. Quanta are given a quantum-backed Butler instead, which knows the graph's
datasets and keeps the datastore's records to itself; this side registers them, many in
one transaction. A process that is killed loses what it had not registered yet: those
quanta are not done, and a resume clears their files and executes them again.
"""

import time
import uuid
from collections.abc import Iterable, Mapping

from lsst.daf.butler import Butler, DatasetRef, Quantum, QuantumBackedButler
from lsst.daf.butler.datastore.record_data import DatastoreRecordData
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph

__all__ = ["QuantaButler", "Records", "Registrar", "open_quanta_butler"]

Records = Mapping[str, DatastoreRecordData]
"""By the name of the datastore."""

GATHER_S = 2.0
"""What a kill may lose: seconds of work that was done and not yet registered."""


class QuantaButler(QuantumBackedButler):
    """One for all quanta that a process executes."""

    def close(self) -> None:
        """Stay open: the executor closes its Butler after each quantum."""

    def end(self) -> None:
        """Close it for good."""
        super().close()

    def records_of(self, refs: Iterable[DatasetRef]) -> Records:
        """Give the datastore's records of what was put."""
        records: Records = self._datastore.export_records(refs)
        return records


def open_quanta_butler(
    root: str, graph: PredictedQuantumGraph, butler: Butler
) -> QuantaButler:
    """Open what reads the graph's inputs and writes its outputs.

    Where the inputs are that ``butler`` holds is taken from it, once; where a quantum
    before has put its outputs follows from their names.
    """
    quanta = graph.build_execution_quanta().values()
    outputs = {ref.id: ref for quantum in quanta for ref in _outputs(quantum)}
    inputs = {
        ref.id: ref
        for quantum in quanta
        for refs in (*quantum.inputs.values(), quantum.initInputs.values())
        for ref in refs
    }
    known = {**inputs, **outputs}
    return QuantaButler.from_predicted(
        root,
        predicted_inputs=known,
        predicted_outputs=outputs,
        dimensions=butler.dimensions,
        datastore_records=butler._datastore.export_records(known.values()),
        dataset_types={
            node.name: node.dataset_type
            for node in graph.pipeline_graph.dataset_types.values()
        },
    )


class Registrar:
    """Registers what quanta wrote, soon after they ended."""

    def __init__(self, butler: Butler, quanta: Mapping[uuid.UUID, Quantum]) -> None:
        self.butler = butler
        self._quanta = quanta
        self._waiting: list[Records] = []
        self._refs: list[DatasetRef] = []
        self._registered = time.monotonic()

    def take(self, quantum_id: uuid.UUID, records: Records) -> None:
        """Take the records of one quantum, and register if that is due."""
        there = {id_ for data in records.values() for id_ in data.records}
        refs = _outputs(self._quanta[quantum_id])
        self._refs += [ref for ref in refs if ref.id in there]
        self._waiting.append(records)
        if time.monotonic() - self._registered > GATHER_S:
            self.register()

    def register(self) -> None:
        """Register what waits, all of it or nothing; again is harmless."""
        if not self._waiting:
            return
        known = self.butler._datastore.knows_these(self._refs)
        new = {ref.id: ref for ref in self._refs if not known[ref]}
        joined = DatastoreRecordData.merge_mappings(*self._waiting)
        records = {name: data.subset(set(new)) for name, data in joined.items()}
        with self.butler.transaction():
            for refs in _by_type(new.values()):
                self.butler.registry._importDatasets(refs)
            self.butler._datastore.import_records(records)
        self._waiting, self._refs = [], []
        self._registered = time.monotonic()


def _outputs(quantum: Quantum) -> list[DatasetRef]:
    return [ref for refs in quantum.outputs.values() for ref in refs]


def _by_type(refs: Iterable[DatasetRef]) -> Iterable[list[DatasetRef]]:
    groups: dict[str, list[DatasetRef]] = {}
    for ref in refs:
        groups.setdefault(ref.datasetType.name, []).append(ref)
    return groups.values()
