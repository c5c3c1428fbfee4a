"""One set's whole life, from log-in to "deployed", driven in a browser.

The portal runs as production does: gunicorn, whitenoise, DEBUG off, real workers on a
real Redis, three real repositories. Screenshots stay in ``var/screenshots``.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from django.conf import settings

from taxicab.core.processes import (
    embedded_environment,
    prepare_portal,
    running_portal,
)
from taxicab.core.processes.child import free_port
from taxicab.demo.sites import QUEUES

pytestmark = pytest.mark.long

SCREENSHOTS = settings.BASE_DIR / "var" / "screenshots"
PATIENCE_MS = 180_000  # a machine may be busy with other tests
DETECTOR = "4"  # one planted fault is there


@pytest.fixture(scope="module")
def portal(tmp_path_factory, migrated):
    """A portal with its people and its observatory, and nothing done yet."""
    folder = tmp_path_factory.mktemp("portal")
    shutil.copy(migrated, folder)
    bind = f"127.0.0.1:{free_port()}"
    base = clean_environment()
    prepare_portal(embedded_environment(folder, bind=bind, base=base))
    with running_portal(folder, QUEUES, bind=bind, base=base) as running:
        subprocess.run(
            [
                *(sys.executable, "-m", "django", "live_demo"),
                *("--prepare", "--detectors", DETECTOR),
            ],
            env=dict(running.environment),
            check=True,
            stdin=subprocess.DEVNULL,
        )
        yield running, json.loads((folder / "demo" / "people.json").read_text())


def clean_environment():
    """The environment without what a developer's shell says to the portal."""
    return {k: v for k, v in os.environ.items() if not k.startswith("TAXICAB_")}


@pytest.fixture
def visit(portal, open_page, log_in):
    """Log somebody in; gives their watched page, quiet to the end."""
    running, passwords = portal
    visitors = []

    def visit_(name):
        watched = open_page()
        log_in(watched, running.address.rstrip("/"), name, passwords[name])
        watched.page.set_default_timeout(PATIENCE_MS)
        visitors.append(watched)
        return watched.page

    yield visit_
    for number, watched in enumerate(visitors):
        watched.page.screenshot(path=SCREENSHOTS / f"last-{number}.png")
        watched.check_quiet()


def test_a_set_from_log_in_to_deployed(portal, visit):
    address = portal[0].address.rstrip("/")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    counter = iter(range(1, 100))

    def keep(page, name):
        path = SCREENSHOTS / f"{next(counter):02d}-{name}.png"
        page.screenshot(path=path, full_page=True)

    # Nora, of the calibration team, opens a construction ticket.
    nora = visit("nora")
    keep(nora, "dashboard-empty")
    nora.goto(f"{address}/construction/new/")
    nora.fill("[name=key]", "DM-50001")
    nora.select_option("[name=instrument]", "LSSTComCam")
    nora.fill("[name=tag]", "story")
    nora.fill("[name=reason]", "The bias level moved after the warm-up.")
    nora.click("main form button.primary")
    keep(nora, "construction-ticket")

    # She chooses the exposures of both nights and sees them before anything runs.
    for night, purpose in ((20261109, "generation"), (20261116, "verification")):
        nora.goto(f"{address}/construction/DM-50001/bias/")
        nora.select_option("[name=purpose]", purpose)
        nora.fill(
            "[name=where]",
            f"exposure.observation_type='bias' AND exposure.day_obs={night}",
        )
        nora.click("form:has([name=where]) button")
        nora.get_by_role("link", name=re.compile(r"bias #\d")).first.click()
        nora.get_by_text(re.compile(r"All \d+ exposures fit")).wait_for()
        keep(nora, f"selection-{purpose}")
        if purpose == "generation":
            selection = nora.url

    # Generation, verification and certification, each followed live on the page.
    nora.goto(selection)
    nora.get_by_role("button", name=re.compile("Generate bias")).click()
    step = f"{address}/construction/DM-50001/bias/"
    nora.goto(step)
    nora.get_by_role("link", name="Verify…").wait_for()
    keep(nora, "generated")
    nora.get_by_role("link", name="Verify…").click()
    for box in nora.query_selector_all("[name=selections]"):
        box.check()
    nora.click("main form button.primary")
    nora.goto(step)
    nora.get_by_text("beyond their limit").wait_for()
    keep(nora, "verified")
    nora.get_by_role("link", name="Certify…").click()
    assert nora.input_value("[name=begin_tai]").startswith("2026-11-09")
    nora.click("main form button.primary")
    nora.goto(step)
    nora.get_by_text("9 datasets").or_(nora.get_by_text("1 datasets")).wait_for()
    keep(nora, "certified")

    # The report, and the hailing ticket.
    nora.goto(f"{address}/reports/DM-50001/new/")
    nora.click("main form button.primary")
    nora.goto(f"{address}/construction/DM-50001/")
    nora.get_by_role("link", name="Hail the TAXICAB…").wait_for()
    nora.goto(f"{address}/reports/DM-50001/1/")
    nora.locator("img").first.wait_for()
    keep(nora, "report")
    nora.goto(f"{address}/construction/DM-50001/")
    nora.get_by_role("link", name="Hail the TAXICAB…").click()
    nora.click("main form button.primary")
    nora.get_by_text("TAXICAB-1 is before the board.").wait_for()
    taxicab = f"{address}/taxicab/TAXICAB-1/"
    nora.goto(taxicab)
    assert nora.get_by_role("link", name="Adopt…").count() == 0
    keep(nora, "hailed")

    # Omar files the deployment before the board has met: it cannot be started yet.
    omar = visit("omar")
    omar.goto(f"{address}/deployments/new/TAXICAB-1/")
    omar.fill("[name=key]", "DM-50002")
    omar.click("main form button.primary")
    assert omar.get_by_role("link", name="Start…").count() == 0
    keep(omar, "deployment-filed")

    # Two board members adopt what fails and is waived; one alone is no consensus.
    ines = visit("ines")
    waive_all(ines, taxicab)
    take_position(ines, taxicab, "adopt_despite", "The failing amplifier is known.")
    ines.goto(taxicab)
    ines.get_by_text(re.compile("1 of 2 adopt positions")).wait_for()
    keep(ines, "one-position")
    tomas = visit("tomas")
    take_position(tomas, taxicab, "adopt_despite", "Agreed.")
    tomas.goto(taxicab)
    tomas.get_by_role("link", name="Adopt…").click()
    tomas.fill("[name=reason]", "Consensus of the board.")
    keep(tomas, "adopt")
    tomas.locator("main form button").first.click()
    tomas.goto(taxicab)
    tomas.get_by_text("Consensus of the board.").first.wait_for()
    keep(tomas, "adopted")

    # Omar deploys, and watches every repository until its self-review has passed.
    omar.goto(f"{address}/deployments/DM-50002/")
    omar.get_by_role("link", name="Start…").click()
    keep(omar, "start")
    omar.locator("main form button").first.click()
    omar.goto(f"{address}/deployments/DM-50002/")
    omar.get_by_role("heading", name="deployed").wait_for()
    keep(omar, "deployed")
    omar.goto(f"{address}/deployments/tracking/")
    assert omar.get_by_text("TAXICAB-1").count() >= 1
    keep(omar, "tracking")
    omar.goto(address)
    keep(omar, "dashboard")


def waive_all(page, taxicab):
    """Write a waiver for each failure, from its row."""
    unfold = page.locator("#failures summary")
    bare = page.locator("#failures").get_by_role("link", name="Write a waiver…")
    page.goto(taxicab)
    unfold.click()
    for _ in range(bare.count()):
        bare.first.click()
        page.fill("[name=reason]", "Known since it was installed.")
        page.fill("[name=effect]", "More noise in one amplifier.")
        page.get_by_role("button", name="Write the waiver").click()
        page.goto(taxicab)
        unfold.click()


def take_position(page, taxicab, kind, comment):
    page.goto(taxicab)
    page.check(f"[name=kind][value={kind}]")
    page.fill("[name=comment]", comment)
    page.click("form:has([name=comment]) button")
