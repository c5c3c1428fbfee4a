"""A report of 205 detectors and 20 exposures, against Rubin's cpv_report.py.

Run: ``.venv/bin/python -m benchmarks.report``. The repository is made first: LSSTCam's
verified biases, darks and flats in six filters, 64,320 rows of amplifiers for each
test, tables only. Timed is the whole command, as somebody types it, from its start to
its end. With ``--cpv-verify PATH`` a copy of ``cp_verify`` that you have reports the
same collections in turn; of that only ``report.py`` is run, which needs nothing but
packages from PyPI. Images and their tiles are outside: there are none. Before anything
is timed the counts of our report are compared with the tables.
"""

import argparse
import contextlib
import ctypes
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.report_data import PROFILE, make_verified
from benchmarks.timing import print_rows
from calibrations.domain.cameras import camera

INSTRUMENT = "LSSTCam"
FILTERS = ("u_24", "g_6", "r_57", "i_39", "z_20", "y_10")
REACH = 5.0
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
PROJECT = Path(__file__).resolve().parents[1]


def run_ours(repository: Path, runs: list[str], output: Path) -> None:
    """Report as a person would, with a database that is not there."""
    words = [sys.executable, str(PROJECT / "manage.py"), "report", "-v", "0"]
    nowhere = {"TAXICAB_DATABASE_URL": "postgresql://nobody:x@127.0.0.1:1/no"}
    _run([*words, *_flags(repository, runs, output)], nowhere)


def run_theirs(copy: Path, repository: Path, runs: list[str], output: Path) -> None:
    """Run the report module of a copy of cp_verify by itself."""
    modules = copy / "python" / "lsst" / "cp" / "verify"
    output.mkdir()
    words = [sys.executable, "-c", "import report; report.main()"]
    environment = {"PYTHONPATH": str(modules), "CP_VERIFY_DIR": str(copy)}
    _run([*words, *_flags(repository, runs, output)], environment)


def _flags(repository: Path, runs: list[str], output: Path) -> list[str]:
    chosen = [word for run in runs for word in ("-c", run)]
    return ["-r", str(repository), "-O", str(output), *chosen]


def _run(words: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        words,
        env={**os.environ, **environment},
        cwd=tempfile.gettempdir(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words[:4])} ended badly:\n{done.stderr[-2000:]}")


def check_counts(repository: Path, output: Path) -> int:
    """Compare every count of our report with the tables; gives the results."""
    told = {"results": 0, "failed": 0}
    for part in output.glob("parts/*/part.json"):
        counts = json.loads(part.read_text())["counts"]
        told["results"] += counts["results"]
        told["failed"] += sum(
            counts[name] for name in ("failed", "warnings", "unmeasured")
        )
    true = {"results": 0, "failed": 0}
    for path in repository.rglob("verify*Tests*.parq"):
        passed = pq.read_table(path, columns=["passed"])["passed"]
        true["results"] += len(passed)
        true["failed"] += len(passed) - pc.sum(passed).as_py()
    if told != true:
        raise SystemExit(f"The report says {told}, and the tables {true}.")
    return told["results"]


def measure_size(folder: Path) -> tuple[int, float]:
    """Count the files of a folder and their MB."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files) / 1e6


def main() -> None:
    """Make the repository, compare, race."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--detectors", type=int, default=205)
    parser.add_argument("--exposures", type=int, default=20)
    parser.add_argument("--profile", type=int, default=PROFILE)
    parser.add_argument("--filters", nargs="*", default=list(FILTERS))
    parser.add_argument(
        "--without-tests",
        action="store_true",
        help="tables as cp_verify alone leaves them",
    )
    parser.add_argument(
        "--cpv-verify", type=Path, help="a checkout of cp_verify, to race its report"
    )
    parser.add_argument("--keep", type=Path, help="keep repository and reports here")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="report-"))
    try:
        _race(folder, arguments)
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder)


def _race(folder: Path, arguments: argparse.Namespace) -> None:
    repository = folder / "repository"
    runs = make_verified(
        repository,
        INSTRUMENT,
        n_detectors=arguments.detectors,
        n_exposures=arguments.exposures,
        filters=arguments.filters,
        profile=arguments.profile,
        with_tests=not arguments.without_tests,
    )
    outputs = {"ours": folder / "ours", "cpv_report.py": folder / "theirs"}
    cases: dict[str, Callable[[], None]] = {
        "ours": lambda: run_ours(repository, runs, _fresh(outputs["ours"]))
    }
    if copy := arguments.cpv_verify:
        cases["cpv_report.py"] = lambda: run_theirs(
            copy.absolute(), repository, runs, _fresh(outputs["cpv_report.py"])
        )
    cases["ours"]()
    if not arguments.without_tests:
        n_results = check_counts(repository, outputs["ours"])
        print(f"{n_results:,} results, as the tables have them.")
    n = sum(len(d.amplifiers) for d in camera(INSTRUMENT).detectors)
    print(f"{len(runs)} runs; whole camera × exposures: {n * arguments.exposures:,}.")
    medians = measure(cases, arguments.repeats)
    ours = medians["ours"]
    rows = []
    for name, (wall_s, processor_s) in medians.items():
        n_files, size_mb = measure_size(outputs[name])
        figures = (wall_s, wall_s / ours[0], processor_s, processor_s / ours[1])
        sizes = (str(n_files), f"{size_mb:.0f}")
        rows.append((name, *(f"{figure:.1f}" for figure in figures), *sizes))
    titles = ("", "seconds", "ratio", "processor seconds", "ratio", "files", "MB")
    print_rows(titles, rows)
    if theirs := medians.get("cpv_report.py"):
        met = "met" if theirs[0] >= REACH * ours[0] else "MISSED"
        print(f"Reach {REACH:g} times: {met}.")


def measure(
    cases: dict[str, Callable[[], None]], repeats: int
) -> dict[str, tuple[float, float]]:
    """Run the cases in turn; medians of seconds and of processor seconds."""
    # What a command leaves running becomes ours, so that its processor time counts.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, run in cases.items():
            begin, before = time.perf_counter(), _children_s()
            run()
            wall_s = time.perf_counter() - begin
            taken[name].append((wall_s, _children_s() - before))
    return {
        name: (median(w for w, _ in times), median(p for _, p in times))
        for name, times in taken.items()
    }


def _children_s() -> float:
    """Wait for all children; processor seconds of all that there were."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fresh(output: Path) -> Path:
    shutil.rmtree(output, ignore_errors=True)
    return output


if __name__ == "__main__":
    main()
