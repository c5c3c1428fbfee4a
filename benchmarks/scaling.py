"""How the cost of a calibration grows with the detectors of a camera.

Run: ``.venv/bin/python -m benchmarks.scaling``. Three bias exposures of LSSTCam's 189
science detectors are simulated with the smallest amplifiers and ingested into a real
Butler repository. The project's own ``cpBias`` pipeline (a bias of each detector, and
one mosaic) is then run for 1, 9 and all of them as a worker runs it: a quantum graph is
built, then executed, in one process. Pixels are few, so what is seen is nearly all
middleware; its share is what is left of the whole when the task's own work on pixels is
taken off (reading raws counts as the middleware's). Seconds are those of the process on
all its processors.
"""

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lsst.daf.butler import Butler, DeferredDatasetHandle

from benchmarks.timing import print_rows
from calibrations.butler.ingest import ingest_raws
from calibrations.butler.operations import execution
from calibrations.butler.operations.session import Session
from calibrations.butler.records import ButlerSettings, PipelineRequest
from calibrations.butler.repositories import make_repository
from calibrations.pipelines.bias_dark import BiasCombineTask
from calibrations.simulation.observatory import simulate_observatory
from calibrations.simulation.plan import SMALLEST_SIZE, Night, ObservatoryPlan

INSTRUMENT = "LSSTCam"
INSTRUMENT_CLASS = "calibrations.butler.instruments.LsstCam"
COUNTS = (1, 9, 189)
N_EXPOSURES, DAY = 3, 20261109
MOST_GROWTH = 1.5
"""A detector among many may cost this many times one among nine."""

PIPELINE = "resource://calibrations/pipelines/cpBias.yaml"
CREATION_TIME = "2026-11-24T12:00:00"


class Clock:
    """Processor seconds of a function, over all its calls."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def watch(self, owner: object, name: str) -> Iterator[None]:
        """Count the seconds of a method while the block lasts."""
        original = getattr(owner, name)

        def timed(*args: object, **options: object) -> object:
            begin = time.process_time()
            try:
                return original(*args, **options)
            finally:
                self.seconds += time.process_time() - begin

        setattr(owner, name, timed)
        try:
            yield
        finally:
            setattr(owner, name, original)


def make_site(folder: Path) -> Path:
    """Simulate the exposures and ingest them; gives the repository."""
    plan = ObservatoryPlan(
        instrument=INSTRUMENT,
        physical_filter="r_57",
        seed=1,
        detectors=tuple(range(max(COUNTS))),
        size=SMALLEST_SIZE,
        nights=(Night(DAY, {"bias": N_EXPOSURES}),),
    )
    simulated = simulate_observatory(folder, plan)
    repository = make_repository(folder / "repository", INSTRUMENT)
    summary = ingest_raws(
        repository, [path for night in simulated.nights.values() for path in night]
    )
    if summary.bad_files:
        raise AssertionError(f"Not ingested: {summary.bad_files[0].reason}")
    return repository


def build_biases(repository: Path, n: int, run: str) -> tuple[float, float, float]:
    """Build the biases of n detectors: seconds of graph, execution and pixels."""
    where = f"instrument='{INSTRUMENT}' AND exposure.observation_type='bias'"
    settings = ButlerSettings(
        root=str(repository),
        instrument=INSTRUMENT,
        instrument_class=INSTRUMENT_CLASS,
    )
    request = PipelineRequest(
        pipeline=PIPELINE,
        inputs=[f"{INSTRUMENT}/raw/all"],
        run=run,
        where=f"{where} AND detector < {n}",
        work_folder=str(repository.parent / "work" / run),
        creation_time=CREATION_TIME,
    )
    session = Session(settings, lambda event, **values: None)
    graph, task, reading = Clock(), Clock(), Clock()
    begin = time.process_time()
    with (
        session.writing(),
        graph.watch(execution, "load_or_build"),
        task.watch(BiasCombineTask, "run"),
        reading.watch(DeferredDatasetHandle, "get"),
    ):
        execution.run_request(session, request)
    execution_s = time.process_time() - begin - graph.seconds
    with Butler.from_config(str(repository)) as butler:
        n_biases = len(butler.query_datasets("bias", collections=run))
    if n_biases != n:
        raise AssertionError(f"There are {n_biases} biases, not {n}.")
    return graph.seconds, execution_s, task.seconds - reading.seconds


def main() -> None:
    """Build the biases of so many detectors, in turn."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    logging.disable(logging.WARNING)
    runs: dict[int, list[tuple[float, float, float]]] = {n: [] for n in COUNTS}
    with tempfile.TemporaryDirectory(prefix="scaling-") as folder:
        repository = make_site(Path(folder))
        build_biases(repository, 1, "warm")
        for i in range(repeats):
            for n, seconds in runs.items():
                seconds.append(build_biases(repository, n, f"bias/{n}/{i}"))
    print(f"Biases of {N_EXPOSURES} exposures, medians of {repeats} runs")
    rows, each = [], {}
    for n, seconds in runs.items():
        graph_s, execution_s, pixels_s = map(
            statistics.median, zip(*seconds, strict=True)
        )
        each[n] = (graph_s + execution_s) / n
        share = 1 - pixels_s / (graph_s + execution_s)
        rows.append(
            (
                f"{n}",
                f"{graph_s:.2f}",
                f"{execution_s:.2f}",
                f"{each[n]:.3f}",
                f"{execution_s / n:.3f}",
                f"{share:.0%}",
            )
        )
    titles = ("detectors", "graph s", "execution s", "s each", "execution s each")
    print_rows((*titles, "middleware"), rows)
    nine, all_of_them = COUNTS[1:]
    is_linear = each[all_of_them] <= MOST_GROWTH * each[nine]
    print(f"Linear in detectors: {'met' if is_linear else 'MISSED'}")


if __name__ == "__main__":
    main()
