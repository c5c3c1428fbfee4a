"""Every page in a real browser: no policy violation, no error, nothing sticks out."""

import pytest
from django.utils import timezone

from taxicab.board import services as board
from taxicab.core.models import Job
from tests.support import board as make
from tests.support import pages, people
from tests.support.accessibility import serious_problems

ADDRESSES = (
    "/",
    "/construction/",
    "/construction/new/",
    "/construction/DM-100/",
    "/construction/DM-100/bias/",
    "/construction/DM-100/commands/",
    "/construction/DM-100/collections/",
    "/construction/DM-100/history/",
    "/construction/DM-100/withdraw/",
    "/reports/",
    "/taxicab/",
    "/taxicab/TAXICAB-1/",
    "/taxicab/meetings/",
    "/notices/",
    "/notices/choices/",
    "/deployments/",
    "/deployments/tracking/",
    "/repositories/",
    "/repositories/usdf-main/",
    "/jobs/",
    "/people/",
    "/help/",
    "/api/docs/",
    "/admin/",
    "/admin/core/rolegrant/",
    "/admin/core/rolegrant/add/",
    "/admin/core/repository/",
)

STICKS_OUT = """
document.documentElement.scrollWidth - document.documentElement.clientWidth
"""


@pytest.fixture
def hailed(transactional_db, instrument):
    """A hailed set and its people."""
    nora = people.make_person("nora", "calibration_team", instrument)
    people.make_person("ines", "board", instrument)
    nora.is_staff = nora.is_superuser = True
    nora.save()
    construction = make.make_set("DM-100", owner=nora, instrument=instrument)
    report = make.make_report(construction)
    return board.hail(construction, report=report, by=nora)


@pytest.fixture
def address(hailed, site):
    return site


def test_no_page_breaks_the_policy_or_shuts_anybody_out(address, browser_page, log_in):
    log_in(browser_page, address, "nora", "correct horse nora")
    for path in ADDRESSES:
        answer = browser_page.page.goto(address + path)
        assert answer.status == 200, path
        browser_page.check_quiet()
        if not path.startswith("/admin/"):  # Django's own design
            assert serious_problems(browser_page.page) == [], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screens_scroll_tables_inside_themselves(
    address, open_page, log_in, scheme
):
    watched = open_page(width=360, scheme=scheme)
    log_in(watched, address, "nora", "correct horse nora")
    for path in ADDRESSES:
        if path.startswith("/admin/"):  # Django's own design
            continue
        watched.page.goto(address + path)
        assert watched.page.evaluate(STICKS_OUT) <= 0, path
    watched.check_quiet()


def test_a_position_is_taken_without_scripts(address, open_page, log_in):
    watched = open_page(scripts=False)
    log_in(watched, address, "ines", "correct horse ines")
    page = watched.page
    page.goto(f"{address}/taxicab/TAXICAB-1/")
    page.check("input[value=object]")
    page.fill("#id_comment", "R22_S11 is noisy.")
    page.click("text=Take this position")
    assert "R22_S11 is noisy." in page.inner_text(".positions")

    # The colours are switched by a form.
    page.click("button[name=theme]")
    assert page.get_attribute("html", "data-theme") == "dark"


def test_a_job_is_followed_to_its_end(address, browser_page, log_in, hailed):
    log_in(browser_page, address, "nora", "correct horse nora")
    page = browser_page.page
    job = pages.make_job(hailed.construction, log="quantum 9 of 27")
    asked = []
    page.on("request", lambda r: asked.append(r.url) if "/live/" in r.url else None)
    page.goto(f"{address}/jobs/{job.pk}/")
    assert "9 of 27" in page.inner_text("#job-live")

    Job.objects.update(status="failed", message="4 quanta failed.")
    page.wait_for_selector("text=4 quanta failed.", timeout=10_000)
    seen = len(asked)
    page.wait_for_timeout(2_500)  # longer than the poll's interval
    assert len(asked) == seen


def test_keys_go_places(address, browser_page, log_in):
    log_in(browser_page, address, "nora", "correct horse nora")
    page = browser_page.page
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="hidden")
    page.keyboard.press("g")
    page.keyboard.press("k")
    page.wait_for_url("**/deployments/tracking/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/taxicab/TAXICAB-1/")


def test_commands_are_copied(address, open_page, log_in, hailed):
    watched = open_page()
    watched.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    log_in(watched, address, "nora", "correct horse nora")
    pages.make_job(
        hailed.construction,
        status="succeeded",
        started_at=timezone.now(),
        commands=["pipetask run -b $REPO", "butler certify-calibrations"],
    )
    watched.page.goto(f"{address}/construction/DM-100/commands/")
    watched.page.click("text=copy all >> nth=0")
    held = watched.page.evaluate("navigator.clipboard.readText()")
    assert held == "pipetask run -b $REPO\nbutler certify-calibrations"
    watched.check_quiet()


def test_every_choice_of_notices_is_reached_on_a_narrow_screen(
    address, open_page, log_in
):
    watched = open_page(width=360)
    log_in(watched, address, "nora", "correct horse nora")
    watched.page.goto(f"{address}/notices/choices/")
    # A click is refused where something, a pinned column for one, lies above it.
    for box in watched.page.locator(".boxes input").all():
        box.click(timeout=5000)
    watched.check_quiet()
