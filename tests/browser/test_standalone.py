"""The report that opens from a disk, on a phone."""

from django.conf import settings

SHEET = settings.BASE_DIR / "templates" / "reports" / "static" / "report.css"
NAME = "LSSTComCam/calib/DM-47448/everyType/verifyLinearizer.20261124a"


def test_names_of_collections_break_on_a_phone(open_page):
    page = open_page(width=360).page
    page.set_content(
        f"<style>{SHEET.read_text()}</style><h1>{NAME}</h1>"
        f"<main><p>Made of <code>{NAME}</code>.</p>"
        f"<ul><li>linearizer: {NAME} is here alone.</li></ul></main>"
    )
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
