"""Bringing notices to people by e-mail and webhook: tried again, failures kept."""

import http.client
import json
import logging
import socket
import ssl
from datetime import timedelta
from smtplib import SMTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from taxicab.core.domain.notices import (
    Channel,
    NoticeEvent,
    retry_after_s,
    webhook_body,
    webhook_problem,
)
from taxicab.core.models import DeliveryStatus, Notice, NoticeDelivery, NoticeWebhook
from taxicab.errors import InputError, TaxicabError

__all__ = ["check_webhook", "deliver", "due_deliveries", "post_json", "send_test"]

logger = logging.getLogger(__name__)

TIMEOUT_S = 10
HOLD_S = 120
"""How long an attempt has a delivery to itself; longer than any attempt takes."""


class DeliveryError(TaxicabError):
    """A notice did not arrive; another attempt may."""

    error = "not_delivered"


def due_deliveries() -> list[int]:
    """List the deliveries whose time has come, the oldest first."""
    due = NoticeDelivery.objects.filter(
        status=DeliveryStatus.WAITING, next_at__lte=timezone.now()
    )
    return list(due.order_by("next_at").values_list("pk", flat=True)[:500])


def deliver(delivery_id: int) -> str:
    """Try a delivery once, unless another worker does; returns its status."""
    now = timezone.now()
    taken = NoticeDelivery.objects.filter(
        pk=delivery_id, status=DeliveryStatus.WAITING, next_at__lte=now
    ).update(attempts=F("attempts") + 1, next_at=now + timedelta(seconds=HOLD_S))
    delivery = (
        NoticeDelivery.objects.select_related("notice__user")
        .filter(pk=delivery_id)
        .first()
    )
    if delivery is None or not taken:
        return delivery.status if delivery else ""
    try:
        _bring(delivery.notice, Channel(delivery.channel))
    except (TaxicabError, OSError, SMTPException, http.client.HTTPException) as error:
        _keep_failure(delivery, str(error) or type(error).__name__)
    else:
        delivery.status, delivery.problem = DeliveryStatus.SENT, ""
        delivery.ended_at = timezone.now()
        delivery.save(update_fields=["status", "problem", "ended_at"])
    return delivery.status


def send_test(user: User) -> None:
    """Send a test to somebody's webhook.

    Raises
    ------
    TaxicabError
        Raised if it did not arrive, with the reason.
    """
    webhook = NoticeWebhook.objects.filter(user=user).first()
    if webhook is None:
        raise InputError("You have no webhook: save its address first.")
    notice = Notice(
        user=user,
        event="test",
        subject_kind="person",
        subject_key=user.get_username(),
        text="A test: the portal's notices arrive here.",
        url=reverse("notice-choices"),
    )
    try:
        _post(webhook, notice)
    except (OSError, http.client.HTTPException) as error:
        raise DeliveryError(str(error) or type(error).__name__) from error


def check_webhook(url: str) -> str:
    """Refuse an address to which nothing is sent; gives the one to connect to.

    Raises
    ------
    InputError
        Raised with the reason and what to do.
    """
    allow = settings.WEBHOOK_PRIVATE
    problem = webhook_problem(url, allow_private=allow)
    if problem:
        raise InputError(problem)
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(
            parts.hostname, parts.port or _port(parts.scheme), type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError) as error:
        raise InputError(f"The host {parts.hostname} is not found: {error}.") from error
    addresses = [str(one[4][0]) for one in found]
    problem = webhook_problem(url, addresses, allow_private=allow)
    if problem:
        raise InputError(problem)
    return addresses[0]


def post_json(url: str, body: dict) -> None:
    """Send JSON to an address, following no redirect.

    The connection goes to the address that was checked: a name that resolves to
    another one a moment later leads nowhere else.

    Raises
    ------
    DeliveryError
        Raised if the answer is not a success.
    """
    address = check_webhook(url)
    parts = urlsplit(url)
    connection = _connect(parts.scheme, str(parts.hostname), parts.port, address)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/json", "User-Agent": "taxicab-portal"}
    try:
        connection.request("POST", path, json.dumps(body).encode(), headers)
        status = connection.getresponse().status
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise DeliveryError(f"{parts.hostname} answered with status {status}.")


def _port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _connect(
    scheme: str, host: str, port: int | None, address: str
) -> http.client.HTTPConnection:
    sock = socket.create_connection((address, port or _port(scheme)), TIMEOUT_S)
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    if scheme == "https":
        try:
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        except BaseException:
            sock.close()
            raise
    connection.sock = sock
    return connection


def _bring(notice: Notice, channel: Channel) -> None:
    if channel is Channel.EMAIL:
        _mail(notice)
        return
    webhook = NoticeWebhook.objects.filter(user=notice.user).first()
    if webhook is None:
        raise DeliveryError("The webhook was taken away.")
    _post(webhook, notice)


def _post(webhook: NoticeWebhook, notice: Notice) -> None:
    body = webhook_body(
        webhook.form,
        event=notice.event,
        subject=(notice.subject_kind, notice.subject_key),
        text=notice.text,
        url=_full(notice.url),
        at=notice.at.isoformat(timespec="seconds"),
    )
    post_json(webhook.url, body)


def _mail(notice: Notice) -> None:
    label = NoticeEvent(notice.event).label
    first, *_ = notice.text.splitlines() or [label]
    EmailMessage(
        subject=f"[TAXICAB] {first[:160]}",
        body=f"{notice.text}\n\n{_full(notice.url)}\n\n"
        f"You are told because: {label.lower()}. "
        f"Change that at {_full(reverse('notice-choices'))}\n",
        to=[notice.user.email],
    ).send()


def _full(address: str) -> str:
    return f"{settings.SITE_URL}{address}"


def _keep_failure(delivery: NoticeDelivery, problem: str) -> None:
    wait = retry_after_s(delivery.attempts)
    delivery.problem = problem
    if wait is None:
        delivery.status = DeliveryStatus.FAILED
        delivery.ended_at = timezone.now()
    else:
        delivery.next_at = timezone.now() + timedelta(seconds=wait)
    delivery.save(update_fields=["problem", "status", "ended_at", "next_at"])
    logger.warning("Notice %s: %s", delivery.pk, problem)
