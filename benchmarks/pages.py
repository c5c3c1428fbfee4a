"""Server time of the review room's pages, with a report of a whole camera loaded.

Run: ``.venv/bin/python -m benchmarks.pages``. The report has LSSTCam's 205 detectors
and 20 exposures, about 65,000 amplifier rows a test, and one before it to compare with
(``benchmarks/pages_data.py``). Timed is everything from the request to its answer in
one process: middleware, sessions, database, templates. On a machine that others use
the processor's milliseconds are what holds. ``--keep FOLDER`` leaves the
data there, to be looked at with ``TAXICAB_DATA=FOLDER`` and measured again.
"""

import argparse
import gzip
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.timing import print_rows

if TYPE_CHECKING:
    from benchmarks.pages_data import Made

TARGET_MS = 150


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the report, ask for every page, print the table; 1 when one is too slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--exposures", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="leave the data in this folder")
    asked = parser.parse_args(arguments)
    if asked.keep:
        return _run(asked.keep.resolve(), asked.repeats, asked.exposures)
    with tempfile.TemporaryDirectory() as folder:
        return _run(Path(folder), asked.repeats, asked.exposures)


def _run(folder: Path, repeats: int, n_exposures: int) -> int:
    made = _prepare(folder, n_exposures)
    rows, is_slow = [], False
    for name, address in _addresses(made).items():
        times, busy, size = _time_page(made, address, repeats)
        p95 = 1000 * _percentile(times, 0.95)
        is_slow |= p95 > TARGET_MS
        rows.append(
            (
                name,
                f"{1000 * statistics.median(times):.0f}",
                f"{p95:.0f}",
                f"{1000 * _percentile(busy, 0.95):.0f}",
                f"{size / 1024:.0f}",
            )
        )
    print_rows(
        ("page", "median ms", "p95 ms", "p95 processor ms", "kB, compressed"), rows
    )
    print(f"target: p95 under {TARGET_MS} ms {'missed' if is_slow else 'met'}")
    return int(is_slow)


def _prepare(folder: Path, n_exposures: int) -> "Made":
    """Open a portal on an empty folder and fill it."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "TAXICAB_DATA": str(folder),
        "TAXICAB_SECRET_KEY": "only-for-a-benchmark-in-a-folder-of-its-own-0123456789",
        "TAXICAB_ALLOWED_HOSTS": "testserver",
        "TAXICAB_INSECURE_HTTP": "1",
        "DJANGO_SETTINGS_MODULE": "taxicab.settings",
    }
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    # Nobody collected static files here: pages name them as they are.
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {
            "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        },
    }
    call_command("migrate", verbosity=0)
    from benchmarks.pages_data import make_report_rows

    start = time.perf_counter()
    made = make_report_rows(n_exposures=n_exposures)
    print(f"two reports ready in {time.perf_counter() - start:.0f} s")
    return made


def _addresses(made: "Made") -> dict[str, str]:
    """Every page of the review room that shows the report."""
    report = f"/reports/{made.report.ticket.key}/{made.report.version}"
    place = "?test=bias/AMP.NOISE"
    row = "clusters/bias/AMP/NOISE/?detector=94&amplifier=C05"
    return {
        "hailing ticket": f"/taxicab/{made.taxicab.key}/",
        "list of reports": "/reports/",
        "verdict": f"{report}/",
        "verdict, all clusters": f"{report}/?rows=all",
        "a row, opened": f"{report}/{row}",
        "the worst exposure, opened": f"{report}/{row.split('?')[0]}"
        f"?exposure={2026110800004}",
        "type": f"{report}/types/bias/",
        "provenance": f"{report}/provenance/",
        "focal plane": f"{report}/plane/{place}",
        "focal plane, numbers": f"{report}/plane/values.json{place}",
        "focal plane, verdict": f"{report}/plane/values.json?test=bias/",
        "focal plane, geometry": "/reports/cameras/LSSTCam/plane.svg",
        "focal plane, picture": f"{report}/plane/plane.svg{place}",
        "detector": f"{report}/detectors/R22_S11/{place}",
        "amplifier": f"{report}/detectors/R22_S11/C05/{place}",
        "figures": f"{report}/figures/",
    }


def _time_page(
    made: "Made", address: str, repeats: int
) -> tuple[list[float], list[float], int]:
    """Give seconds by the clock, seconds of the processor, and compressed bytes."""
    from django.test import Client

    client = Client()
    client.force_login(made.user)
    times: list[float] = []
    busy: list[float] = []
    answer = client.get(address)  # what a worker keeps after its first request
    if answer.status_code != 200:
        sys.exit(f"{address} answered {answer.status_code}: {answer.content[:400]!r}")
    for _ in range(repeats):
        start, start_busy = time.perf_counter(), time.process_time()
        answer = client.get(address)
        busy.append(time.process_time() - start_busy)
        times.append(time.perf_counter() - start)
    return times, busy, len(gzip.compress(answer.content, 6))


def _percentile(times: Sequence[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, round(share * (len(times) - 1)))]


if __name__ == "__main__":
    sys.exit(main())
