"""The checker of pages sees what is wrong; the pages that no other test asks for."""

from django.test import Client

from taxicab import dashboard
from tests.support import pages, validity


def test_the_checker_names_the_page_and_what_is_wrong_with_it(tmp_path):
    whole = '<!doctype html><html lang="en"><title>A</title><p>{}</p></html>'
    asked = {
        whole.format("In order."): "/well/, 200",
        whole.format("<table>"): "/table/, 200",
        '<div hx-get="/live/"></div>': "/part/, 200",
    }
    (*tables, part) = sorted(validity.invalid_html(asked, tmp_path), reverse=True)
    assert tables
    assert all(one.startswith("/table/, 200: ") for one in tables)
    assert part.startswith("/part/, 200: Attribute “hx-get” not allowed")


def test_an_expired_form_says_so(db):
    browser = Client(enforce_csrf_checks=True)
    answer = browser.post("/login/", {"username": "nora", "password": "secret"})
    assert answer.status_code == 403
    assert "The form had expired" in pages.text_of(answer)


def test_a_fault_of_the_portal_says_so(observer, monkeypatch):
    def break_down(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(dashboard, "render", break_down)
    browser = Client(raise_request_exception=False)
    browser.force_login(observer)
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "A fault of the portal" in pages.text_of(answer)
