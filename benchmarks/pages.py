"""Server time of the portal's pages, with a report of a whole camera loaded.

Run: ``.venv/bin/python -m benchmarks.pages``. The report has LSSTCam's 205 detectors
and 20 exposures, about 65,000 amplifier rows a test, and one before it to compare with
(``benchmarks/pages_data.py``); a board works on it (``benchmarks/pages_board.py``). The
run ends at once if a page of the portal is neither measured nor left out for a reason
that is given here. Timed is everything from the request to its answer in
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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    made = prepare(folder, n_exposures)
    rows, is_slow = [], False
    addresses = _addresses(made)
    from taxicab.core.startup import load_pages

    load_pages()  # as a web process does
    _check_complete(addresses)
    for name, address in addresses.items():
        page = _time_page(made, address, repeats)
        p95 = _percentile(page.times, 0.95)
        is_slow |= p95 > TARGET_MS / 1000
        figures = (
            page.first,
            statistics.median(page.times),
            p95,
            _percentile(page.busy, 0.95),
        )
        cells = (*(f"{1000 * figure:.0f}" for figure in figures), str(page.queries))
        rows.append((name, *cells, f"{page.size / 1024:.0f}"))
    titles = ("page", "first ms", "median ms", "p95 ms", "p95 processor ms")
    print_rows((*titles, "queries", "kB, compressed"), rows)
    print(f"target: p95 under {TARGET_MS} ms {'missed' if is_slow else 'met'}")
    return int(is_slow)


def prepare(folder: Path, n_exposures: int) -> "Made":
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
    """Every page of the portal, those of the report first."""
    report = f"/reports/{made.report.ticket.key}/{made.report.version}"
    place = "?test=bias/AMP.NOISE"
    row = "clusters/bias/AMP/NOISE/?detector=94&amplifier=C05"
    image = made.report.images.order_by("detector")[0].sha256
    return {
        "hailing ticket": f"/taxicab/{made.taxicab.key}/",
        "hailing ticket, poll": f"/taxicab/{made.taxicab.key}/live/",
        "list of reports": "/reports/",
        "verdict": f"{report}/",
        "verdict, all clusters": f"{report}/?rows=all",
        "verdict, poll": f"{report}/live/",
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
        "pixels": f"{report}/pixels/?part=bias&detector=0",
        "pixels, a tile": f"{report}/pixels/{image}/0/0/0",
        "pixels, poll": f"{report}/pixels/live/",
        "consequence": f"{report}/consequence/",
        "consequence, poll": f"{report}/consequence/live/",
        **_board_addresses(made),
        **_other_addresses(made),
    }


def _board_addresses(made: "Made") -> dict[str, str]:
    from taxicab.board.models import Meeting

    ticket, adopted = f"/taxicab/{made.taxicab.key}", f"/taxicab/{made.adopted.key}"
    day = Meeting.objects.order_by("-day")[0].day
    return {
        "adopted ticket": f"{adopted}/",
        "decision record": f"{adopted}/record/",
        "decision record, file": f"{adopted}/record.json",
        "list of hailing tickets": "/taxicab/",
        "position": f"{ticket}/position/",
        "objection": f"{ticket}/object/",
        "discussion": f"{ticket}/discuss/",
        "adopting": f"{ticket}/adopt/",
        "meetings": "/taxicab/meetings/",
        "meeting": f"/taxicab/meetings/{day}/",
        "meetings, calendar": "/taxicab/meetings/calendar.ics",
        "tracking": "/deployments/tracking/",
        "tracking, table": "/deployments/tracking.csv",
        "list of deployments": "/deployments/",
        "deployment": f"/deployments/{made.adopted.deployment.key}/",
        "deployment, poll": f"/deployments/{made.adopted.deployment.key}/live/",
    }


def _other_addresses(made: "Made") -> dict[str, str]:
    from taxicab.core.models import Job

    construction = made.taxicab.construction
    ticket = f"/construction/{construction.key}"
    selection = f"{ticket}/selections/{construction.selections.get().pk}"
    job = Job.objects.order_by("pk")[0].pk
    return {
        "dashboard": "/",
        "dashboard, poll": "/running/",
        "list of construction tickets": "/construction/",
        "construction ticket": f"{ticket}/",
        "construction ticket, poll": f"{ticket}/live/",
        "commands": f"{ticket}/commands/",
        "collections": f"{ticket}/collections/",
        "history": f"{ticket}/history/",
        "step": f"{ticket}/bias/",
        "step, poll": f"{ticket}/bias/live/",
        "selection": f"{selection}/",
        "selection, poll": f"{selection}/live/",
        "orders": "/construction/orders/",
        "jobs": "/jobs/",
        "job": f"/jobs/{job}/",
        "job, poll": f"/jobs/{job}/live/",
        "repositories": "/repositories/",
        "repository": f"/repositories/{construction.repository.slug}/",
        "people": "/people/",
        "notices": "/notices/",
        "choices of notices": "/notices/choices/",
        "help": "/help/",
        "REST interface": "/api/docs/",
    }


LEFT_OUT = {
    "only takes what is sent": "theme notices-read notice-test notice-read logout "
    "report-consequence-read report-make-tiles meeting-attend meeting-leave "
    "repository-look",
    "a form alone, as those of positions, objections and adopting": "job-cancel "
    "job-run-again report-new taxicab-hail taxicab-task-done taxicab-task-drop "
    "taxicab-report taxicab-objection-withdraw taxicab-objection-resolve "
    "taxicab-waive taxicab-waiver-withdraw taxicab-reply taxicab-correct "
    "taxicab-reject taxicab-withdraw meetings-schedule meeting-remark meeting-close "
    "deployment-new deployment-start deployment-withdraw target-skip target-include "
    "target-roll-back step-run-again construction-new construction-order "
    "construction-code construction-review construction-withdraw "
    "construction-override construction-generate construction-verify "
    "construction-certify construction-remove login",
    "a file, handed out or drawn once and kept": "favicon report-file report-archive "
    "report-figure report-preview construction-record public-key meetings-subscribed "
    "schema",
}
"""Why some names of addresses are not in the table."""


def _check_complete(addresses: Mapping[str, str]) -> None:
    """End the run if a page is neither measured nor left out."""
    from django.urls import get_resolver, resolve

    known = {
        resolve(address.partition("?")[0]).url_name for address in addresses.values()
    }
    known |= {name for names in LEFT_OUT.values() for name in names.split()}
    if forgotten := sorted(set(_names(get_resolver())) - known):
        sys.exit(f"Neither measured nor left out: {', '.join(forgotten)}.")


def _names(resolver: Any) -> Iterator[str]:
    """Name every address; REST and the administration's pages are not the portal's."""
    for one in resolver.url_patterns:
        if str(one.pattern).startswith(("api/v1/", "admin/")):
            continue
        if hasattr(one, "url_patterns"):
            yield from _names(one)
        elif one.name:
            yield one.name


@dataclass(frozen=True)
class Timed:
    """What a page took."""

    first: float
    """Seconds of a process's first answer."""
    times: list[float]
    busy: list[float]
    """Of the processor."""
    queries: int
    size: int


def _time_page(made: "Made", address: str, repeats: int) -> Timed:
    from django.core.cache import cache
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client()
    client.force_login(made.reader)
    cache.clear()
    start = time.perf_counter()
    answer = client.get(address)  # what a worker keeps after its first request
    first = time.perf_counter() - start
    if answer.status_code not in (200, 286):
        sys.exit(f"{address} answered {answer.status_code}: {_bytes(answer)[:400]!r}")
    times: list[float] = []
    busy: list[float] = []
    for _ in range(repeats):
        start, start_busy = time.perf_counter(), time.process_time()
        answer = client.get(address)
        busy.append(time.process_time() - start_busy)
        times.append(time.perf_counter() - start)
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    size = len(gzip.compress(_bytes(answer), 6))
    return Timed(first, times, busy, len(queries), size)


def _bytes(answer: Any) -> bytes:
    return b"".join(answer) if answer.streaming else answer.content


def _percentile(times: Sequence[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, round(share * (len(times) - 1)))]


if __name__ == "__main__":
    sys.exit(main())
