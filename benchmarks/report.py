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
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.report_data import PROFILE, make_verified
from benchmarks.timing import median_seconds, print_rows
from calibrations.domain.cameras import camera

INSTRUMENT = "LSSTCam"
FILTERS = ("u_24", "g_6", "r_57", "i_39", "z_20", "y_10")
REACH = 5.0
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
        told["failed"] += counts["failed"] + counts["warnings"]
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
    medians = median_seconds(cases, arguments.repeats)
    rows = []
    for name, seconds in medians.items():
        n_files, size_mb = measure_size(outputs[name])
        ratio = f"{seconds / medians['ours']:.1f}"
        rows.append((name, f"{seconds:.1f}", ratio, str(n_files), f"{size_mb:.0f}"))
    print_rows(("", "seconds", "ratio", "files", "MB"), rows)
    if theirs := medians.get("cpv_report.py"):
        met = "met" if theirs >= REACH * medians["ours"] else "MISSED"
        print(f"Reach {REACH:g} times: {met}.")


def _fresh(output: Path) -> Path:
    shutil.rmtree(output, ignore_errors=True)
    return output


if __name__ == "__main__":
    main()
