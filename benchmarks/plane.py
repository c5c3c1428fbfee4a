"""How long until the focal plane of a whole camera can be used in a browser.

Run: ``.venv/bin/python -m benchmarks.plane``. The data are those of
``benchmarks.pages``, and ``--keep FOLDER`` takes or leaves them there. Chromium opens
the page from a server in the same process, once with an empty store and then again and
again. *Usable* is from the click until the plane of 3216 amplifiers is drawn, coloured
and answers keys; kB are those over the wire, page, styles and scripts included. Needs
Debian's ``chromium`` or one named by ``--chromium``.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.pages import prepare
from benchmarks.timing import print_rows

REACH_S, REACH_KB = 1.0, 400
READY = "#focal svg[data-ready]"
PASSWORD = "correct horse ann"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="take or leave the data here")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    asked = parser.parse_args()
    if not asked.chromium:
        raise SystemExit("Chromium is not here: install it, or name it by --chromium.")
    # Playwright's driver keeps an event loop in this thread.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    os.environ["TAXICAB_DEBUG"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        kept = asked.keep.resolve() if asked.keep else Path(folder)
        _run(kept, asked.repeats, asked.chromium)


def _run(folder: Path, repeats: int, chromium: str) -> None:
    made = prepare(folder, 20)
    from django.contrib.staticfiles.testing import StaticLiveServerTestCase

    made.reader.set_password(PASSWORD)
    made.reader.save()
    report = f"{made.report.ticket.key}/{made.report.version}"
    StaticLiveServerTestCase.setUpClass()
    try:
        server = StaticLiveServerTestCase.live_server_url
        page = f"{server}/reports/{report}/plane/?test=bias/AMP.NOISE"
        first, later = _time_visits(chromium, server, page, repeats)
    finally:
        StaticLiveServerTestCase.tearDownClass()
    rows = []
    for name, visits in (("first visit", first), ("later visits", later)):
        took = statistics.median(visit[0] for visit in visits)
        size_kb = statistics.median(visit[1] for visit in visits)
        is_met = took < REACH_S and size_kb < REACH_KB
        met = "met" if is_met else "MISSED"
        rows.append((name, f"{took:.2f}", f"{size_kb:.0f}", met))
    reach = f"reach {REACH_S:g} s, {REACH_KB} kB"
    print_rows(("focal plane usable", "seconds", "kB", reach), rows)


def _time_visits(
    chromium: str, server: str, page: str, repeats: int
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Visit as several people, each twice; the first of them warms everything up."""
    from playwright.sync_api import sync_playwright

    arguments = ["--headless", "--no-sandbox", "--disable-gpu"]
    first, later = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for _ in range(repeats + 1):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            tab = context.new_page()
            tab.goto(f"{server}/login/")
            tab.fill("#id_username", "ann")
            tab.fill("#id_password", PASSWORD)
            tab.click("main button")
            tab.wait_for_url(lambda here: "/login/" not in here)
            first.append(_visit(tab, page))
            tab.goto("about:blank")
            later.append(_visit(tab, page))
            context.close()
        browser.close()
    return first[1:], later[1:]


def _visit(tab: Any, address: str) -> tuple[float, float]:
    """Open a page; gives seconds until it is usable, and kB that came."""
    start = time.perf_counter()
    tab.goto(address, wait_until="commit")
    tab.wait_for_selector(READY)
    took = time.perf_counter() - start
    size = tab.evaluate(
        "() => [...performance.getEntriesByType('navigation'),"
        " ...performance.getEntriesByType('resource')]"
        ".reduce((sum, one) => sum + one.transferSize, 0)"
    )
    return took, size / 1024


if __name__ == "__main__":
    main()
