"""Tiles of a full detector, and how long until a browser shows them.

Run: ``.venv/bin/python -m benchmarks.tiles``. Two biases of 4072 × 4000 pixels with a
mask and a variance plane, as the pipelines keep them, are cut into tiles; every tile is
compared with the pixels of the file before anything is timed. Then Chromium opens the
page of pixels twice, from a server in this process with a database of its own: once as
an image and once as the difference of two. *First view* is from the click to a canvas
on which all tiles in sight are drawn, page and scripts included; the browser's store is
empty each time. Needs Debian's ``chromium`` or one named by ``--chromium``.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Read when Django is set up: a database and files of this run's own.
FOLDER = Path(tempfile.mkdtemp(prefix="benchmark-tiles-"))
os.environ["TAXICAB_DATA"] = str(FOLDER)
os.environ["TAXICAB_DEBUG"] = "1"
os.environ["DJANGO_SETTINGS_MODULE"] = "taxicab.settings"
# Playwright's driver keeps an event loop in this thread.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

import django  # noqa: E402

django.setup()

import numpy as np  # noqa: E402
from astropy.io import fits  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.staticfiles.testing import StaticLiveServerTestCase  # noqa: E402
from django.core.management import call_command  # noqa: E402

from benchmarks.timing import print_rows  # noqa: E402
from calibrations.domain.cameras import camera  # noqa: E402
from calibrations.models import ConstructionTicket  # noqa: E402
from reports.models import ImageRank, ReportImage, VerificationReport  # noqa: E402
from reports.services.pyramid import TILE, decode_tile  # noqa: E402
from reports.services.tile_making import hash_image, make_tiles  # noqa: E402
from reports.services.tiles import read_index, read_tile  # noqa: E402
from taxicab.core.models import Instrument, Repository, RoleGrant  # noqa: E402

INSTRUMENT = "LSSTComCam"
REACH_S = 1.0
"""A first view is under this."""

READY = ".plate canvas[data-ready=yes]"


def write_image(path: Path, seed: int) -> Path:
    """Write a combined bias of a full detector."""
    shape = camera(INSTRUMENT).detectors[0].shape
    random = np.random.default_rng(seed)
    pixels = random.normal(0, 1.5, shape).astype(np.float32)
    mask = (random.random(shape) < 1e-4).astype(np.uint16)
    hdus = [
        fits.PrimaryHDU(header=fits.Header({"BUNIT": "electron"})),
        fits.ImageHDU(pixels, name="IMAGE"),
        fits.ImageHDU(mask, name="MASK"),
        fits.ImageHDU(np.full(shape, 2.25, np.float32), name="VARIANCE"),
    ]
    fits.HDUList(hdus).writeto(path)
    return path


def check_exact(path: Path, sha256: str) -> None:
    """End the run unless every tile has the pixels of the file, bit by bit."""
    pixels = fits.getdata(path, "IMAGE").astype(np.float32)
    for row in range(-(-pixels.shape[0] // TILE)):
        for column in range(-(-pixels.shape[1] // TILE)):
            y, x = row * TILE, column * TILE
            expected = pixels[y : y + TILE, x : x + TILE]
            packed = read_tile(sha256, 0, row, column)
            values, _ = decode_tile(packed, expected.shape)
            if values.tobytes() != expected.tobytes():
                raise SystemExit(f"Tile {row}, {column} differs from {path}.")


def time_tiles(path: Path, repeats: int) -> tuple[str, float, float]:
    """Make tiles several times; gives the address and both medians of seconds."""
    walls, processors = [], []
    for _ in range(repeats):
        shutil.rmtree(FOLDER / "evidence", ignore_errors=True)
        start, start_cpu = time.perf_counter(), time.process_time()
        sha256 = hash_image(path)
        make_tiles(path, sha256)
        walls.append(time.perf_counter() - start)
        processors.append(time.process_time() - start_cpu)
    return sha256, statistics.median(walls), statistics.median(processors)


def list_reports(paths: list[Path]) -> None:
    """Put a person, a set and two reports with one image each into the database."""
    call_command("migrate", verbosity=0)
    call_command("loaddata", "facilities", verbosity=0)
    user = get_user_model().objects.create_user("reader", password="reader")
    RoleGrant.objects.create(user=user, role="board")
    ticket = ConstructionTicket.objects.create(
        key="DM-1",
        instrument=Instrument.objects.get(name=INSTRUMENT),
        repository=Repository.objects.get(is_build=True),
        tag="benchmark",
        reason="To be timed.",
        owner=user,
    )
    for version, path in enumerate(paths, start=1):
        report = VerificationReport.objects.create(
            ticket=ticket,
            version=version,
            status="ready",
            sha256=str(version) * 64,
            created_by=user,
        )
        sha256 = hash_image(path)
        make_tiles(path, sha256)
        ReportImage.objects.create(
            report=report,
            part="bias",
            label="bias",
            detector=0,
            path=str(path),
            rank=ImageRank.COMBINED,
            sha256=sha256,
        )


@contextmanager
def served() -> Iterator[str]:
    """Serve the portal from this process."""
    StaticLiveServerTestCase.setUpClass()
    try:
        yield StaticLiveServerTestCase.live_server_url
    finally:
        StaticLiveServerTestCase.tearDownClass()


def time_views(address: str, chromium: str, repeats: int) -> dict[str, float]:
    """Open both views several times; gives median seconds of each."""
    from playwright.sync_api import sync_playwright

    page_of = f"{address}/reports/DM-1/2/pixels/?part=bias&detector=0"
    views = {
        "image, whole detector": page_of,
        "difference, whole detector": f"{page_of}&mode=difference",
        "image, single pixels": f"{page_of}&zoom=8&x=2000&y=2000",
    }
    seconds: dict[str, list[float]] = {name: [] for name in views}
    arguments = ["--headless", "--no-sandbox", "--disable-gpu"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for _ in range(repeats + 1):  # the first warms up server and browser
            for name, url in views.items():
                seconds[name].append(_time_view(browser, address, url))
        browser.close()
    return {name: statistics.median(times[1:]) for name, times in seconds.items()}


def _time_view(browser: Any, address: str, url: str) -> float:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{address}/login/")
    page.fill("#id_username", "reader")
    page.fill("#id_password", "reader")
    page.click("main button")
    page.wait_for_url(lambda here: "/login/" not in here)
    start = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(READY)
    took = time.perf_counter() - start
    context.close()
    return took


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    arguments = parser.parse_args()
    if not arguments.chromium:
        raise SystemExit("Chromium is not here: install it, or name it by --chromium.")
    try:
        paths = [write_image(FOLDER / f"{seed}.fits", seed) for seed in (1, 2)]
        sha256, wall_s, processor_s = time_tiles(paths[0], arguments.repeats)
        check_exact(paths[0], sha256)
        ny, nx = read_index(sha256)["shape"]
        print(f"Tiles of one image of {ny} x {nx} pixels, every one as in the file")
        size_mb = read_index(sha256)["size"] / 1e6
        print_rows(
            ("work", "seconds", "processor seconds", "MB"),
            [
                ("make tiles", f"{wall_s:.2f}", f"{processor_s:.2f}", f"{size_mb:.0f}"),
            ],
        )
        list_reports(paths)
        with served() as address:
            views = time_views(address, arguments.chromium, arguments.repeats)
        print_rows(
            ("first view", "seconds", f"reach {REACH_S:g} s"),
            [
                (name, f"{took:.2f}", "met" if took < REACH_S else "MISSED")
                for name, took in views.items()
            ],
        )
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main()
