"""Telling people: who is told, by which ways, and what happens when it fails."""

import json
import socket
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core import mail
from django.utils import timezone

from taxicab.core.domain.notices import RETRY_AFTER_S
from taxicab.core.models import (
    Instrument,
    Job,
    Notice,
    NoticeChoice,
    NoticeDelivery,
    NoticeWebhook,
)
from taxicab.core.services import delivery as delivering
from taxicab.core.services.jobs import enqueue_job, find_lost_jobs, running_job
from taxicab.core.services.notify import choices_of, mark_read, notify, save_choices
from taxicab.core.tasks import deliver_waiting_notices
from taxicab.core.tasks import find_lost_jobs as any_task
from taxicab.errors import InputError, TaxicabError
from tests.support import people

SUBJECT = ("construction", "DM-100")


@pytest.fixture
def told(settings):
    settings.EMAIL_IS_SET = True
    settings.SITE_URL = "https://portal.example.org"


@pytest.fixture
def nora(told, scientist):
    scientist.email = "nora@example.org"
    scientist.save()
    return scientist


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it is sent; answers as it is told."""

    status, heard = 200, None

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.heard.append((self.path, json.loads(self.rfile.read(length))))
        self.send_response(self.status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    kind = type("Kept", (Receiver,), {"heard": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kind.url = f"http://127.0.0.1:{server.server_port}/hook?team=1"
    yield kind
    server.shutdown()
    server.server_close()
    thread.join()


def tell(user, **changes):
    asked = {"subject": SUBJECT, "text": "DM-100 is hailed.", "to": [user]}
    return notify("hailed", **{**asked, **changes})


def test_everyone_with_a_role_for_the_camera(told, instrument, scientist, observer):
    from tests.support.board import make_set

    make_set("DM-100", owner=scientist, instrument=instrument)
    latiss = Instrument.objects.get(name="LATISS")
    people.make_person("sam", "observer", latiss)
    everywhere = people.make_person("anna", "administrator")
    told = notify("decided", subject=SUBJECT, text="Adopted.", by=scientist)
    names = set(Notice.objects.values_list("user__username", flat=True))
    assert (told, names) == (2, {observer.username, everywhere.username})
    assert Notice.objects.first().url == "/construction/DM-100/"


def test_nobody_for_what_is_about_no_camera(told, observer):
    assert notify("deployed", subject=("repository", "usdf-main"), text="…") == 0


def test_people_who_left_are_not_told(nora):
    nora.is_active = False
    assert tell(nora) == 0


def test_ways_that_were_chosen(nora):
    NoticeChoice.objects.create(
        user=nora, event="hailed", portal=False, email=True, webhook=False
    )
    NoticeWebhook.objects.create(user=nora, url="https://hooks.example.org/")
    tell(nora)
    assert not Notice.objects.shown().exists()
    assert [d.channel for d in NoticeDelivery.objects.all()] == ["email"]


def test_no_mail_without_a_server_or_an_address(nora, settings, observer):
    tell(observer)
    settings.EMAIL_IS_SET = False
    tell(nora)
    assert not NoticeDelivery.objects.exists()
    assert Notice.objects.unread().count() == 2


def test_read_marks_are_ones_own(nora, observer):
    tell(nora)
    tell(observer)
    assert mark_read(nora, Notice.objects.get(user=observer).pk) == 0
    assert mark_read(nora) == 1
    assert Notice.objects.unread().get().user == observer


def test_choices_are_kept(nora):
    chosen = {
        choice.event: {"portal": True, "email": False, "webhook": False}
        for choice in choices_of(nora)
    }
    for _ in range(2):
        save_choices(nora, chosen, url="https://hooks.example.org/", form="slack")
    assert not any(choice.email for choice in choices_of(nora))
    assert nora.notice_webhook.form == "slack"
    save_choices(nora, chosen, url="", form="json")
    assert not NoticeWebhook.objects.exists()


def test_mail(nora):
    tell(nora)
    (waiting,) = NoticeDelivery.objects.all()
    assert delivering.deliver(waiting.pk) == "sent"
    (sent,) = mail.outbox
    assert sent.subject == "[TAXICAB] DM-100 is hailed."
    assert sent.to == ["nora@example.org"]
    assert "https://portal.example.org/construction/DM-100/" in sent.body
    # A task that is delivered twice sends once.
    assert delivering.deliver(waiting.pk) == "sent"
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("form", ["json", "slack"])
def test_webhook(nora, receiver, settings, form):
    settings.WEBHOOK_PRIVATE = True
    NoticeWebhook.objects.create(user=nora, url=receiver.url, form=form)
    tell(nora)
    waiting = NoticeDelivery.objects.get(channel="webhook")
    assert delivering.deliver(waiting.pk) == "sent"
    ((path, body),) = receiver.heard
    assert path == "/hook?team=1"
    assert "DM-100 is hailed." in body["text"]
    assert set(body) == (
        {"text"} if form == "slack" else {"event", "subject", "text", "url", "at"}
    )


@pytest.mark.parametrize("status", [302, 404, 500])
def test_answers_that_are_no_success_are_tried_again(nora, receiver, settings, status):
    settings.WEBHOOK_PRIVATE = True
    receiver.status = status
    NoticeWebhook.objects.create(user=nora, url=receiver.url)
    tell(nora)
    waiting = NoticeDelivery.objects.get(channel="webhook")
    for attempt, wait in enumerate(RETRY_AFTER_S, start=1):
        assert delivering.deliver(waiting.pk) == "waiting"
        waiting.refresh_from_db()
        assert waiting.attempts == attempt
        assert f"status {status}" in waiting.problem
        left = waiting.next_at - timezone.now()
        assert timedelta(0) < left <= timedelta(seconds=wait)
        assert waiting.pk not in delivering.due_deliveries()
        assert delivering.deliver(waiting.pk) == "waiting"  # not due: not tried
        NoticeDelivery.objects.update(next_at=timezone.now())
        assert waiting.pk in delivering.due_deliveries()
    assert delivering.deliver(waiting.pk) == "failed"
    assert len(receiver.heard) == len(RETRY_AFTER_S) + 1
    assert waiting.pk not in delivering.due_deliveries()


def test_webhooks_inside_are_refused(nora, receiver):
    NoticeWebhook.objects.create(user=nora, url=receiver.url)
    tell(nora)
    waiting = NoticeDelivery.objects.get(channel="webhook")
    delivering.deliver(waiting.pk)
    waiting.refresh_from_db()
    assert "not on the public internet" in waiting.problem
    assert receiver.heard == []


def test_a_name_that_turns_elsewhere_leads_nowhere(nora, receiver, monkeypatch):
    """The address that is connected to is the one that was checked."""
    turns = iter([["93.184.215.14"], ["127.0.0.1"]])
    met = []

    def resolve(host, port, **options):
        return [(socket.AF_INET, 0, 0, "", (one, port)) for one in next(turns)]

    def connect(address, *_):
        met.append(address)
        raise TimeoutError("timed out")

    monkeypatch.setattr(delivering.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(delivering.socket, "create_connection", connect)
    with pytest.raises(TimeoutError):
        delivering.post_json("http://hooks.example.org:81/", {})
    assert met == [("93.184.215.14", 81)]


def test_unknown_host(told, monkeypatch):
    def resolve(*_, **__):
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(delivering.socket, "getaddrinfo", resolve)
    with pytest.raises(InputError, match="is not found"):
        delivering.check_webhook("https://nowhere.invalid/")


def test_test_of_a_webhook(nora, receiver, settings):
    settings.WEBHOOK_PRIVATE = True
    with pytest.raises(InputError, match="no webhook"):
        delivering.send_test(nora)
    NoticeWebhook.objects.create(user=nora, url=receiver.url)
    delivering.send_test(nora)
    assert "arrive here" in receiver.heard[0][1]["text"]
    receiver.status = 503
    with pytest.raises(TaxicabError, match="status 503"):
        delivering.send_test(nora)


def test_beat_sends_what_no_worker_was_told_of(nora, monkeypatch):
    tell(nora)
    sent = []
    monkeypatch.setattr(
        "taxicab.core.tasks.deliver_notice.delay", lambda pk: sent.append(pk)
    )
    assert deliver_waiting_notices() == 1
    assert sent == [NoticeDelivery.objects.get().pk]


def test_a_broker_that_is_away_harms_nobody(
    nora, monkeypatch, django_capture_on_commit_callbacks
):
    def refuse(**_):
        raise ConnectionError("Connection refused")

    monkeypatch.setattr("taxicab.core.tasks.deliver_notice.apply_async", refuse)
    with django_capture_on_commit_callbacks(execute=True):
        tell(nora)
    assert NoticeDelivery.objects.get().status == "waiting"


def test_job_that_fails_tells_who_asked(nora):
    job = enqueue_job(
        any_task, kind="generation", title="Generate bias", subject=SUBJECT, by=nora
    )
    with running_job(job.pk):
        raise InputError("No exposure matches.")
    notice = Notice.objects.get(user=nora)
    assert notice.event == "job_failed"
    assert "Generate bias failed. No exposure matches." in notice.text
    assert notice.url == f"/jobs/{job.pk}/"


def test_job_that_succeeds_tells_nobody(nora):
    job = enqueue_job(
        any_task, kind="generation", title="Generate bias", subject=SUBJECT, by=nora
    )
    with running_job(job.pk):
        pass
    assert not Notice.objects.exists()


def test_lost_job_tells_who_asked(nora):
    job = enqueue_job(
        any_task, kind="generation", title="Generate bias", subject=SUBJECT, by=nora
    )
    old = timezone.now() - timedelta(hours=1)
    Job.objects.filter(pk=job.pk).update(status="running", heartbeat_at=old)
    assert find_lost_jobs() == 1
    assert "was lost" in Notice.objects.get().text
