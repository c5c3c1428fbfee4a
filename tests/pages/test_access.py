"""Nothing is shown to strangers, and everything to those who may read it."""

from rest_framework.authtoken.models import Token

from tests.support import pages

LISTS = (
    "/",
    "/construction/",
    "/reports/",
    "/taxicab/",
    "/deployments/",
    "/deployments/tracking/",
    "/deployments/tracking.csv",
    "/repositories/",
    "/jobs/",
    "/people/",
    "/help/",
    "/api/docs/",
    "/taxicab/meetings/",
    "/taxicab/meetings/calendar.ics",
    "/notices/",
    "/notices/choices/",
)
TICKETS = (
    "/construction/DM-100/",
    "/construction/DM-100/live/",
    "/construction/DM-100/bias/",
    "/construction/DM-100/flat/",
    "/construction/DM-100/bias/live/",
    "/construction/DM-100/commands/",
    "/construction/DM-100/collections/",
    "/construction/DM-100/history/",
    "/construction/DM-100/record.md",
    "/construction/DM-100/record.json",
    "/reports/DM-100/1/",
    "/taxicab/TAXICAB-1/",
    "/taxicab/TAXICAB-1/live/",
    "/taxicab/TAXICAB-1/record/",
    "/taxicab/TAXICAB-1/record.json",
    "/deployments/DM-200/",
    "/deployments/DM-200/live/",
)
QUESTIONS = (
    "/construction/new/",
    "/construction/DM-100/withdraw/",
    "/construction/DM-100/code-changes/",
    "/reports/DM-100/new/",
    "/taxicab/hail/DM-100/",
    "/taxicab/TAXICAB-1/report/",
    "/taxicab/TAXICAB-1/position/",
    "/taxicab/TAXICAB-1/object/",
    "/taxicab/TAXICAB-1/waive/",
    "/taxicab/TAXICAB-1/adopt/",
    "/taxicab/TAXICAB-1/reject/",
    "/taxicab/TAXICAB-1/withdraw/",
    "/deployments/DM-200/start/",
    "/deployments/DM-200/withdraw/",
)


def test_nothing_is_shown_anonymously(deployment):
    browser = pages.visitor()
    for address in (*LISTS, *TICKETS, *QUESTIONS):
        answer = browser.get(address)
        assert answer.status_code == 302, address
        assert answer.headers["Location"].startswith("/login/"), address


def test_an_observer_reads_everything(deployment, observer):
    browser = pages.visitor(observer)
    for address in (*LISTS, *TICKETS):
        answer = browser.get(address)
        assert answer.status_code in (200, 286), address
        # What watches a site asks for the head alone.
        assert browser.head(address).status_code == answer.status_code, address
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        page = pages.text_of(answer)
        for inline in (" style=", "<style", "<script>", " onclick="):
            assert inline not in page, address


def test_lists_keep_other_cameras_from_a_stranger(deployment, stranger):
    browser = pages.visitor(stranger)
    for address in LISTS:
        page = pages.text_of(browser.get(address))
        for key in ("DM-100", "DM-200", "TAXICAB-1<"):
            assert key not in page, address


def test_a_stranger_is_told_nothing_of_a_ticket(deployment, stranger):
    browser = pages.visitor(stranger)
    for address in TICKETS:
        answer = browser.get(address)
        assert answer.status_code == 404, address
        assert "A test." not in pages.text_of(answer), address


def test_an_observer_is_not_even_asked(deployment, observer):
    browser = pages.visitor(observer)
    for address in QUESTIONS:
        for answer in (
            browser.get(address),
            browser.post(address, {"reason": "Because."}),
        ):
            assert answer.status_code == 403, address
            assert "that takes the role" in pages.text_of(answer), address


def test_somebody_without_a_role_learns_nothing(deployment, django_user_model):
    nobody = django_user_model.objects.create_user("nemo")
    browser = pages.visitor(nobody)
    for address in ("/people/", "/api/docs/"):
        assert browser.get(address).status_code == 403
    for address in (*LISTS[:10], "/help/"):
        page = pages.text_of(browser.get(address))
        for word in ("DM-100", "DM-200", "TAXICAB-1<", "ines"):
            assert word not in page, address


def test_a_token_reads_what_rest_says_of_itself(observer):
    browser = pages.visitor()
    token = Token.objects.create(user=observer)
    with_token = {"Authorization": f"Token {token.key}"}
    answer = browser.get("/api/docs/", headers=with_token)
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    # It is no way in to the pages, and an unknown one is none at all.
    assert browser.get("/", headers=with_token).status_code == 302
    unknown = {"Authorization": "Token 0123"}
    assert browser.get("/api/docs/", headers=unknown).status_code == 302


def test_everybody_finds_the_way_in():
    answer = pages.visitor().get("/login/")
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_colours_are_switched_without_a_script(observer):
    browser = pages.visitor(observer)
    answer = browser.post("/theme/", {"theme": "dark", "next": "/jobs/"})
    assert answer.headers["Location"] == "/jobs/"
    assert 'data-theme="dark"' in pages.text_of(browser.get("/help/"))
    answer = browser.post("/theme/", {"theme": "", "next": "https://elsewhere.org/"})
    assert answer.headers["Location"] == "/"
    assert "data-theme" not in pages.text_of(browser.get("/help/"))


def test_unknown_addresses_and_tickets_say_so(observer):
    browser = pages.visitor(observer)
    assert "There is no page at" in pages.text_of(browser.get("/nothing/"))
    answer = browser.get("/construction/DM-999/")
    assert answer.status_code == 404
    assert "There is no construction ticket" in pages.text_of(answer)


def test_nothing_is_looked_for_at_an_address_with_a_nul(
    hailed, observer, django_assert_num_queries
):
    browser = pages.visitor(observer)
    for address in ("/construction/DM-100%00/", "/api/v1/taxicab/TAXICAB-1%00/"):
        with django_assert_num_queries(0):
            answer = browser.get(address)
        assert answer.status_code == 404
