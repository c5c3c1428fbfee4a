"""The review room in a real browser: keys, the focal plane, no scripts, axe."""

import pytest
from playwright.sync_api import expect

from taxicab.board import services as board
from tests.support import board as make
from tests.support import evidence, people
from tests.support.accessibility import serious_problems

REPORT = "/reports/DM-100/1"
PAGES = (
    f"{REPORT}/",
    f"{REPORT}/types/bias/",
    f"{REPORT}/provenance/",
    f"{REPORT}/plane/?test=bias/AMP.NOISE",
    f"{REPORT}/clusters/bias/AMP/NOISE/?detector=4&amplifier=C05",
    f"{REPORT}/detectors/R22_S11/?test=bias/AMP.NOISE",
    f"{REPORT}/detectors/R22_S11/C05/?part=bias",
    f"{REPORT}/figures/?part=bias",
    "/taxicab/TAXICAB-1/",
)
STICKS_OUT = """
document.documentElement.scrollWidth - document.documentElement.clientWidth
"""


@pytest.fixture
def address(transactional_db, seal, settings, tmp_path, instrument, site):
    """A hailed set whose report has its files."""
    settings.WORK_ROOT = tmp_path / "work"
    nora = people.make_person("nora", "calibration_team", instrument)
    people.make_person("ines", "board", instrument)
    construction = make.make_set("DM-100", owner=nora, instrument=instrument)
    report = seal(construction, ("bias", evidence.EXPOSURES[:3]))
    board.hail(construction, report=report, by=nora)
    return site


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(address, open_page, log_in, scheme):
    watched = open_page(scheme=scheme)
    log_in(watched, address, "nora", "correct horse nora")
    for path in PAGES:
        assert watched.page.goto(address + path).status == 200, path
        if "/plane/" in path:
            watched.page.wait_for_selector("#focal svg[data-ready]")
        assert serious_problems(watched.page) == [], path
    watched.check_quiet()


def test_nothing_sticks_out_of_a_phone(address, open_page, log_in):
    watched = open_page(width=360)
    log_in(watched, address, "nora", "correct horse nora")
    for path in PAGES:
        watched.page.goto(address + path)
        if "/plane/" in path:
            watched.page.wait_for_selector("#focal svg[data-ready]")
        assert watched.page.evaluate(STICKS_OUT) <= 0, path
    watched.check_quiet()


def test_rows_open_by_keyboard(address, browser_page, log_in):
    page = browser_page.page
    log_in(browser_page, address, "nora", "correct horse nora")
    page.goto(f"{address}{REPORT}/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector(".worst details[open] .opened .about")
    assert page.locator(".worst details[open]").count() == 1
    page.keyboard.press("Enter")
    assert page.locator(".worst details[open]").count() == 0
    # From there to the amplifier, and to its neighbour.
    page.goto(f"{address}{REPORT}/detectors/R22_S11/C05/?part=bias")
    page.keyboard.press("]")
    page.wait_for_url("**/R22_S11/C04/**")
    page.keyboard.press("[")
    page.wait_for_url("**/R22_S11/C05/**")


def test_the_plane_is_read_coloured_and_brushed(address, browser_page, log_in):
    page = browser_page.page
    log_in(browser_page, address, "nora", "correct horse nora")
    page.goto(f"{address}{REPORT}/plane/?test=bias/AMP.NOISE")
    plane = page.locator("#focal svg[data-ready]")
    plane.wait_for()
    assert page.locator("#focal path.bad").count() == 3  # two fail, one has no number

    # Arrow keys read out amplifiers.
    plane.focus()
    page.keyboard.press("ArrowRight")
    first = page.locator("#readout").inner_text()
    page.keyboard.press("ArrowRight")
    assert "limit" in first
    assert page.locator("#readout").inner_text() != first

    # The scale is in the address, and another view takes it over.
    page.select_option("#choose-show", "margin")
    page.fill("#choose-low", "-0.5")
    page.locator("#choose-low").press("Tab")
    page.wait_for_url("**show=margin&low=-0.5")
    page.goto(page.url)
    page.locator("#focal svg[data-ready]").wait_for()
    assert page.locator("#legend .ends span").first.inner_text() == "−0.5"

    # The histogram's brush selects what is over the limit.
    page.fill("#brush-low", "0")
    page.locator("#brush-low").press("Tab")
    assert page.locator("#brush-count").inner_text() == "2 of 144 amplifiers"
    assert page.locator("#focal path.dim").count() == 142
    page.click("#brush-clear")
    assert page.locator("#focal path.dim").count() == 0

    # A click goes to the detector, Enter as well.
    page.locator("#focal svg").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**/detectors/**")


def test_another_test_is_shown_without_a_reload(address, browser_page, log_in):
    page = browser_page.page
    log_in(browser_page, address, "nora", "correct horse nora")
    page.goto(f"{address}{REPORT}/plane/?test=bias/AMP.NOISE&show=margin&low=-0.5")
    page.locator("#focal svg[data-ready]").wait_for()
    assert page.locator("#focal path.bad").count() == 3
    page.evaluate("window.isTheSamePage = true")
    page.select_option("#choose-test", "bias/AMP.MEAN")
    page.wait_for_url("**/plane/?test=bias%2FAMP.MEAN&over=worst&show=margin")
    expect(page.locator("#focal path.bad")).to_have_count(1)  # it has no number
    assert page.evaluate("window.isTheSamePage")
    # Its own scale, and its own worst amplifiers, whose links lead to it.
    assert page.input_value("#choose-low") == ""
    row = page.locator(".focal-side tbody a").first
    assert "test=bias%2FAMP.MEAN" in row.get_attribute("href")
    page.go_back()
    page.wait_for_url("**show=margin&low=-0.5")
    page.locator("#focal svg[data-ready]").wait_for()
    assert page.input_value("#choose-test") == "bias/AMP.NOISE"
    assert page.locator("#focal path.bad").count() == 3


def test_without_scripts_the_same_can_be_seen(address, open_page, log_in):
    watched = open_page(scripts=False)
    page = watched.page
    log_in(watched, address, "nora", "correct horse nora")
    page.goto(f"{address}{REPORT}/")
    page.locator(".worst summary").first.click()
    page.locator(".worst details[open] .inside a").last.click()
    page.wait_for_url("**/clusters/**")
    page.goto(f"{address}{REPORT}/plane/?test=bias/AMP.NOISE")
    picture = page.locator("#focal img")
    assert picture.evaluate("image => image.naturalWidth") > 0
    page.select_option("#choose-show", "margin")
    page.click("#choose button")
    page.wait_for_url("**show=margin**")
    assert page.locator("#legend .ends").inner_text().startswith("-1")
    watched.check_quiet()
