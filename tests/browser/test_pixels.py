"""The viewer of pixels in a real browser: true values and differences, by keys too."""

import re

import numpy as np
import pytest

from reports.models import ReportConsequence, ReportImage, VerificationReport
from tests.support import board as make
from tests.support import people
from tests.support.accessibility import serious_problems
from tests.support.pixels import BAD, SHAPE, list_image, make_pixels, write_image

ADDRESS = "/reports/DM-100/2/pixels/"
BLOCK = (slice(40, 60), slice(100, 140))
"""Rows and columns where the candidate is 64 above what is current."""

STICKS_OUT = """
document.documentElement.scrollWidth - document.documentElement.clientWidth
"""
COLOUR_AT = """([x, y]) => {
  const canvas = document.querySelector(".plate canvas");
  const [data] = [canvas.getContext("2d").getImageData(x, y, 1, 1).data];
  return [...data];
}"""


@pytest.fixture
def compared(transactional_db, settings, instrument, tmp_path):
    """Two reports of a set: the second's bias has a block that is higher."""
    settings.EVIDENCE_ROOT = tmp_path / "evidence"
    nora = people.make_person("nora", "calibration_team", instrument)
    construction = make.make_set("DM-100", owner=nora, instrument=instrument)
    before, now = make.make_report(construction), make.make_report(construction)
    old = make_pixels(1)
    new = old.copy()
    new[BLOCK] += 64
    for detector in (0, 1):
        for report, name, pixels in ((before, "old", old), (now, "new", new)):
            path = write_image(tmp_path / f"{name}{detector}.fits", pixels + detector)
            list_image(report, path, detector=detector)
    return old, new


@pytest.fixture
def viewer(compared, site, open_page, log_in):
    """Opens the page and waits until all that is in sight is drawn."""

    def open_(query="", **options):
        watched = open_page(**options)
        log_in(watched, site, "nora", "correct horse nora")
        watched.page.goto(f"{site}{ADDRESS}?part=bias&detector=0{query}")
        wait(watched.page)
        return watched

    return open_


def wait(page):
    page.wait_for_selector(".plate canvas[data-ready=yes]")


def read_out(page, word):
    """The number after a word of the read-out."""
    return float(re.search(rf"{word} (-?[\d.e-]+)", page.inner_text(".pixel-value"))[1])


def test_values_are_those_of_the_file_and_differences_theirs(viewer, compared):
    old, new = compared
    watched = viewer("&at=120,50")
    page = watched.page
    assert read_out(page, "candidate") == pytest.approx(float(new[50, 120]), abs=1e-4)
    assert read_out(page, "current") == pytest.approx(float(old[50, 120]), abs=1e-4)
    assert read_out(page, "difference") == pytest.approx(64, abs=1e-4)
    assert read_out(page, "ratio") == pytest.approx(new[50, 120] / old[50, 120], 1e-6)
    assert "C01" in page.inner_text(".pixel-value")  # lower row, second from left

    # Arrow keys move by a pixel and are read aloud.
    page.focus(".plate canvas")
    for _ in range(21):
        page.keyboard.press("ArrowLeft")
    assert "x 99, y 50" in page.inner_text(".aloud")
    assert read_out(page, "difference") == 0
    page.keyboard.press("Shift+ArrowUp")
    assert "x 99, y 60" in page.inner_text(".aloud")
    watched.check_quiet()


def test_a_pixel_without_a_value_says_so_and_why(viewer):
    page = viewer(f"&at={BAD[1]},{BAD[0]}").page
    page.wait_for_selector(".pixel-value >> text=BAD")
    assert "no value" in page.inner_text(".pixel-value")


def test_the_difference_is_drawn_where_it_is(viewer):
    watched = viewer("&mode=difference&low=-64&high=64&amplifiers=0")
    page = watched.page
    width, height = page.evaluate(
        "(c => [c.width, c.height])(document.querySelector('.plate canvas'))"
    )
    zoom = min(width / SHAPE[1], height / SHAPE[0])

    def colour(x, y):
        left = width / 2 + (x - SHAPE[1] / 2) * zoom
        top = height / 2 - (y - SHAPE[0] / 2) * zoom
        return page.evaluate(COLOUR_AT, [round(left), round(top)])

    red, _, blue, _ = colour(120, 50)
    assert red > 2 * blue  # higher is red
    quiet = colour(300, 200)
    assert min(quiet[:3]) > 230  # no change is nearly white
    assert colour(120, 250)[:3] == quiet[:3]  # and the block is not upside down
    page.keyboard.press("d")
    page.wait_for_selector("[data-mode=candidate][aria-pressed=true]")
    watched.check_quiet()


def test_a_ratio_over_pixels_near_zero_keeps_its_range(
    viewer, compared, tmp_path, settings
):
    """A thousandth of the current pixels is 0 or almost, as dead ones of a flat are."""
    old, _ = compared
    old = old.copy()
    dead = np.random.default_rng(2).integers(0, old.size, 300)
    old.flat[dead] = np.tile([0.0, 1e-3, -1e-3], 100)
    ReportImage.objects.filter(report__version=1, detector=0).delete()
    before = VerificationReport.objects.get(version=1)
    list_image(before, write_image(tmp_path / "dead.fits", old))
    watched = viewer("&mode=ratio")
    page = watched.page
    low, high = (float(page.input_value(f"#{end}")) for end in ("low", "high"))
    # The images are equal but for a block: a few per cent, not thousands.
    assert 0 < high - 1 < 1
    assert high - 1 == pytest.approx(1 - low)
    assert page.is_hidden(".ratio-doubt")
    y, x = np.unravel_index(dead[0], old.shape)
    page.goto(f"{page.url.split('?')[0]}?part=bias&detector=0&at={x},{y}")
    wait(page)
    page.wait_for_selector(".pixel-value >> text=ratio no value")
    watched.check_quiet()


def test_keys_change_what_is_shown_and_the_address_keeps_it(viewer, site):
    watched = viewer()
    page = watched.page
    for key, mode in (("b", "blink"), ("d", "difference"), ("r", "ratio")):
        page.keyboard.press(key)
        page.wait_for_selector(f"[data-mode={mode}][aria-pressed=true]")
    page.keyboard.press("s")
    page.wait_for_url(re.compile("stretch=linear"))
    assert page.input_value("#stretch") == "linear"
    # The canvas is many tabs away; the cursor has a key.
    page.keyboard.press("c")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("at="))
    page.keyboard.press("+")
    page.wait_for_url(re.compile("mode=ratio.*stretch=linear.*zoom="))
    zoom = re.search(r"zoom=([\d.]+)", page.url)[1]

    # The next detector is seen in the same way.
    page.keyboard.press("]")
    page.wait_for_url(re.compile("detector=R22_S01.*mode=ratio"))
    wait(page)
    assert f"zoom={zoom}" in page.url
    assert "R22_S01" in page.inner_text(".pixels-title")
    page.wait_for_selector("[data-mode=ratio][aria-pressed=true]")
    page.keyboard.press("[")
    page.wait_for_url(re.compile("detector=R22_S00"))
    # `g` and a letter still belong to the portal.
    wait(page)
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url(f"{site}/")
    watched.check_quiet()


def test_images_of_other_sizes_are_not_subtracted(viewer, compared, tmp_path):
    odd = write_image(tmp_path / "odd.fits", make_pixels(1, shape=(300, 280)))
    images = ReportImage.objects.filter(report__version=1, detector=0)
    report = images.get().report
    images.delete()
    list_image(report, odd)
    watched = viewer("&mode=difference")
    page = watched.page
    assert "cannot be subtracted or divided" in page.inner_text("main")
    assert page.is_disabled("[data-mode=difference]")
    assert page.get_attribute("[data-mode=candidate]", "aria-pressed") == "true"
    page.keyboard.press("d")
    assert page.get_attribute("[data-mode=candidate]", "aria-pressed") == "true"
    watched.check_quiet()


def test_the_wheel_and_a_drag_move_the_image(viewer):
    watched = viewer()
    page = watched.page
    box = page.locator(".plate canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -480)  # four times closer
    page.wait_for_url(re.compile("zoom="))
    wait(page)
    x = float(re.search(r"[?&]x=([\d.]+)", page.url)[1])
    assert x == pytest.approx(SHAPE[1] / 2, abs=1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 200, box["y"] + box["height"] / 2)
    page.mouse.up()
    page.wait_for_url(lambda url: f"x={x:.1f}" not in url)
    assert float(re.search(r"[?&]x=([\d.]+)", page.url)[1]) < x
    watched.check_quiet()


def test_two_fingers_zoom_and_one_moves_on_a_phone(viewer):
    watched = viewer(width=360)
    page = watched.page
    canvas = page.locator(".plate canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    fingers = page.context.new_cdp_session(page)

    def touch(kind, *places):
        points = [{"x": x + dx, "y": y, "id": i} for i, dx in enumerate(places)]
        event = {"type": kind, "touchPoints": points}
        fingers.send("Input.dispatchTouchEvent", event)

    fitted = float(page.inner_text(".zoom-level").split()[0])
    touch("touchStart", -20, 20)
    for apart in range(30, 81, 10):
        touch("touchMove", -apart, apart)
    touch("touchEnd")
    page.wait_for_url(re.compile("zoom="))
    wait(page)
    zoom = 100 * float(re.search(r"zoom=([\d.]+)", page.url)[1])
    assert zoom == pytest.approx(4 * fitted, rel=0.05)
    assert page.evaluate("visualViewport.scale") == 1  # the page itself does not grow
    middle = float(re.search(r"[?&]x=([\d.]+)", page.url)[1])
    touch("touchStart", 0)
    touch("touchMove", 50)
    touch("touchEnd")
    page.wait_for_url(lambda url: f"x={middle}" not in url)
    moved = float(re.search(r"[?&]x=([\d.]+)", page.url)[1])
    assert middle - moved == pytest.approx(50 / (zoom / 100), abs=2)
    # A tap reads out the pixel, and is where a note can be pinned.
    touch("touchStart", 0)
    touch("touchEnd")
    page.wait_for_url(re.compile("at="))
    watched.check_quiet()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_holds_it(viewer, compared, site, scheme):
    watched = viewer(width=360, scheme=scheme)
    page = watched.page
    assert page.evaluate(STICKS_OUT) <= 0
    assert serious_problems(page) == []
    # What adopting the set changes, on the page beside it.
    bias = {"type": "bias", "filter": "", "run": "run", "detectors": [0, 1]}
    old = bias | {"collection": "c/old", "begin": "2026-09-01T12:00:00", "end": None}
    new = bias | {"collection": "c/new", "begin": "2026-11-01T12:00:00", "end": None}
    ReportConsequence.objects.create(
        report=ReportImage.objects.filter(report__version=2)[0].report,
        chain="LSSTComCam/calib",
        now=[old],
        then=[new, old],
    )
    page.goto(f"{site}/reports/DM-100/2/consequence/?at=2026-11-09")
    assert page.evaluate(STICKS_OUT) <= 0
    assert serious_problems(page) == []
    watched.check_quiet()


def test_without_scripts_the_picture_is_there(compared, site, open_page, log_in):
    watched = open_page(scripts=False)
    log_in(watched, site, "nora", "correct horse nora")
    page = watched.page
    page.goto(f"{site}{ADDRESS}?part=bias&detector=0")
    shown = page.locator(".plate img")
    assert shown.is_visible()
    assert page.evaluate("document.querySelector('.plate img').naturalWidth") > 300
    assert not page.locator(".plate canvas").is_visible()
    assert "Median" in page.inner_text("table")
    page.select_option("#against", "DM-100/1")
    page.click("text=Show")
    assert "against DM-100 report 1" in page.inner_text(".pixels-title")


def test_a_damaged_tile_is_said_with_what_to_do(viewer, compared, settings):
    image = ReportImage.objects.get(report__version=2, detector=0)
    store = settings.EVIDENCE_ROOT / "tiles" / image.sha256[:2] / image.sha256
    packed = bytearray((store / "tiles.bin").read_bytes())
    packed[2000] ^= 0xFF  # in the first tile
    (store / "tiles.bin").write_bytes(packed)
    page = viewer("&zoom=1.5").page
    page.wait_for_selector(".trouble:not([hidden])")
    assert "Some tiles cannot be read" in page.inner_text(".trouble")
    assert page.locator(".trouble button").is_visible()
