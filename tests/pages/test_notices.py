"""The bell, the list of notices, and the choices; in pages and over REST."""

import pytest

from taxicab.core.domain.notices import NoticeEvent
from taxicab.core.models import (
    AuditEvent,
    Notice,
    NoticeChoice,
    NoticeDelivery,
    NoticeWebhook,
)
from taxicab.core.services.notify import notify
from tests.support import pages
from tests.support.rest import client_of

SUBJECT = ("construction", "DM-100")


@pytest.fixture
def told(construction, observer):
    notify("hailed", subject=SUBJECT, text="DM-100 is <hailed>.", to=[observer])
    return Notice.objects.get(user=observer)


def form_of(**changes):
    ticked = {"hailed-portal": "on", "hailed-email": "on", "decided-webhook": "on"}
    return {**ticked, "url": "", "form": "json", **changes}


def test_the_bell_counts_what_was_not_read(told, observer, scientist):
    browser = pages.visitor(observer)
    assert '1<span class="visually-hidden"> unread' in pages.text_of(browser.get("/"))
    page = pages.text_of(browser.get("/notices/"))
    assert "DM-100 is &lt;hailed&gt;." in page
    assert '<a href="/construction/DM-100/">DM-100</a>' in page
    assert browser.get(f"/notices/{told.pk}/read/").status_code == 405
    # Somebody else cannot read it away.
    pages.visitor(scientist).post(f"/notices/{told.pk}/read/")
    assert Notice.objects.unread().count() == 1
    answer = browser.post(f"/notices/{told.pk}/read/", follow=True)
    assert "unread" not in pages.text_of(answer)


def test_all_are_marked_as_read(told, observer):
    browser = pages.visitor(observer)
    notify("decided", subject=SUBJECT, text="Adopted.", to=[observer])
    assert "Mark all as read" in pages.text_of(browser.get("/notices/"))
    browser.post("/notices/read/")
    assert not Notice.objects.unread().exists()


def test_an_empty_list_says_what_comes(observer):
    page = pages.text_of(pages.visitor(observer).get("/notices/"))
    assert "You are told when a set of your cameras is put before the board" in page


def test_choices(observer):
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get("/notices/choices/"))
    assert "the portal has no mail server" in page
    assert 'aria-label="The board decided: by webhook"' in page
    browser.post("/notices/choices/", form_of())
    hailed = NoticeChoice.objects.get(user=observer, event="hailed")
    assert (hailed.portal, hailed.email, hailed.webhook) == (True, True, False)
    decided = NoticeChoice.objects.get(user=observer, event="decided")
    assert (decided.portal, decided.webhook) == (False, True)
    event = AuditEvent.objects.get(subject_kind="person", subject_key="vera")
    assert (event.user, event.action) == (observer, "choices of notices")
    assert "decided: portal, email, webhook" in event.before
    assert "decided: webhook" in event.after
    # What stays as it was is not told again.
    browser.post("/notices/choices/", form_of())
    assert AuditEvent.objects.filter(subject_kind="person").count() == 1


def test_an_address_inside_is_refused_with_everything_typed(observer):
    browser = pages.visitor(observer)
    asked = form_of(url="http://127.0.0.1:6379/", form="slack")
    answer = browser.post("/notices/choices/", asked)
    page = pages.text_of(answer)
    assert answer.status_code == 400
    assert "not on the public internet" in page
    assert 'value="http://127.0.0.1:6379/"' in page
    assert not NoticeWebhook.objects.exists()
    assert not NoticeChoice.objects.exists()


def test_what_did_not_arrive_is_shown(told, observer, scientist):
    NoticeDelivery.objects.create(
        notice=told, channel="webhook", attempts=2, problem="Status 500."
    )
    mine = pages.text_of(pages.visitor(observer).get("/notices/choices/"))
    assert "What did not arrive" in mine
    assert "Status 500." in mine
    other = pages.text_of(pages.visitor(scientist).get("/notices/choices/"))
    assert "Status 500." not in other


def test_a_test_without_a_webhook_says_so(observer):
    answer = pages.visitor(observer).post("/notices/test/", follow=True)
    assert "You have no webhook" in pages.text_of(answer)


def test_rest(told, observer, scientist):
    client = client_of(observer)
    found = client.get("/api/v1/notices/?unread=true").json()
    assert [one["text"] for one in found["results"]] == ["DM-100 is <hailed>."]
    assert client_of(scientist).get("/api/v1/notices/").json()["count"] == 0
    other = client_of(scientist).post(f"/api/v1/notices/{told.pk}/read/")
    assert other.status_code == 404
    answer = client.post(f"/api/v1/notices/{told.pk}/read/").json()
    assert answer["read_at"]
    assert client.get("/api/v1/notices/?unread=true").json()["count"] == 0


def test_choices_over_rest(observer, scientist, settings):
    settings.WEBHOOK_PRIVATE = True
    client = client_of(observer)
    address = "/api/v1/notices/choices/"
    found = client.get(address).json()
    assert (found["url"], len(found["choices"])) == ("", len(NoticeEvent))
    wanted = {"event": "decided", "portal": True, "email": False, "webhook": True}
    hook = "http://127.0.0.1:9/hooks/secret"
    answer = client.patch(address, {"choices": [wanted], "url": hook}, "json")
    assert answer.status_code == 200, answer.content
    assert wanted in answer.json()["choices"]
    assert (answer.json()["url"], answer.json()["form"]) == (hook, "json")
    # What is left out stays.
    answer = client.patch(address, {"form": "slack"}, "json").json()
    assert (answer["url"], answer["form"]) == (hook, "slack")
    assert client.patch(address, {"url": ""}, "json").json()["url"] == ""
    assert not NoticeWebhook.objects.exists()
    # The log knows that an address was set, and not which: it lets anybody write.
    told = " ".join(
        f"{one.before} {one.after}"
        for one in AuditEvent.objects.filter(subject_kind="person")
    )
    assert "json to 127.0.0.1" in told
    assert "secret" not in told
    # Nobody reads or sets another's.
    assert client_of(scientist).get(address).json()["choices"] == found["choices"]
    assert client.patch(address, {"choices": [{"event": "x"}]}, "json").status_code == (
        400
    )


def test_an_address_inside_is_refused_over_rest(observer):
    asked = {"url": "http://127.0.0.1:6379/"}
    answer = client_of(observer).patch("/api/v1/notices/choices/", asked, "json")
    assert answer.status_code == 400
    assert "not on the public internet" in answer.content.decode()
    assert not NoticeWebhook.objects.exists()
