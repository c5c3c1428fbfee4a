"""What people are told of, and the forms that webhooks take: plain Python."""

import ipaddress
from collections.abc import Iterable
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

__all__ = [
    "Channel",
    "NoticeEvent",
    "WebhookForm",
    "retry_after_s",
    "webhook_body",
    "webhook_problem",
]


class NoticeEvent(StrEnum):
    """What somebody may want to be told of."""

    HAILED = "hailed"
    FLAGGED = "flagged"
    STALE = "stale"
    OBJECTION = "objection"
    DECIDED = "decided"
    DEPLOYED = "deployed"
    JOB_FAILED = "job_failed"

    @property
    def label(self) -> str:
        """The event as people read it."""
        return _LABELS[self]


_LABELS = {
    NoticeEvent.HAILED: "A set is put before the board",
    NoticeEvent.FLAGGED: "A meeting is scheduled for it",
    NoticeEvent.STALE: "A position of yours became stale",
    NoticeEvent.OBJECTION: "Somebody objects, or an objection ends",
    NoticeEvent.DECIDED: "The board decided",
    NoticeEvent.DEPLOYED: "A set is deployed at a repository",
    NoticeEvent.JOB_FAILED: "A job of yours failed",
}


class Channel(StrEnum):
    """A way of telling."""

    PORTAL = "portal"
    EMAIL = "email"
    WEBHOOK = "webhook"

    @property
    def label(self) -> str:
        """The channel as people read it."""
        return {"portal": "here", "email": "by e-mail", "webhook": "by webhook"}[self]


class WebhookForm(StrEnum):
    """What a webhook expects."""

    JSON = "json"
    SLACK = "slack"

    @property
    def label(self) -> str:
        """The form as people read it."""
        return {"json": "JSON", "slack": "as Slack takes it"}[self]


RETRY_AFTER_S = (60, 300, 1500, 7200, 28_800)
"""Waits between attempts; after the last one a delivery is given up."""


def retry_after_s(attempts: int) -> int | None:
    """Say how long to wait after so many failed attempts; `None`: give up."""
    return RETRY_AFTER_S[attempts - 1] if attempts <= len(RETRY_AFTER_S) else None


def webhook_body(
    form: WebhookForm | str,
    *,
    event: str,
    subject: tuple[str, str],
    text: str,
    url: str,
    at: str,
) -> dict[str, Any]:
    """Write a notice in the form that a webhook takes.

    Slack reads ``<address|words>`` and three characters as markup, so these are
    escaped in what people wrote.
    """
    if WebhookForm(form) is WebhookForm.SLACK:
        return {"text": f"{_escape(text)} <{url}|{_escape(subject[1])}>"}
    return {
        "event": event,
        "subject": {"kind": subject[0], "key": subject[1]},
        "text": text,
        "url": url,
        "at": at,
    }


def webhook_problem(
    url: str, addresses: Iterable[str] = (), *, allow_private: bool = False
) -> str:
    """Say why nothing is sent to an address; empty if it may be.

    Parameters
    ----------
    addresses
        What the host resolves to. Each must be one of the public internet, or the
        portal could be made to speak to services behind its own firewall.
    allow_private
        Whether this site wants exactly that.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "This is no address: give one that begins with https://."
    if parts.scheme not in {"http", "https"}:
        return "A webhook's address begins with https:// or http://."
    if not parts.hostname:
        return "The address names no host."
    if parts.username is not None or parts.password is not None:
        return "The address holds a name or password: put a secret into its path."
    if port == 0:
        return "There is no port 0."
    if allow_private:
        return ""
    closed = [one for one in addresses if not _is_public(one)]
    if closed:
        return (
            f"{parts.hostname} is {closed[0]}, which is not on the public internet: "
            "the portal sends nothing there unless its operator sets "
            "TAXICAB_WEBHOOK_PRIVATE=1."
        )
    return ""


def _is_public(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    if mapped is not None:
        return _is_public(str(mapped))
    return found.is_global and not found.is_multicast and not found.is_reserved


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
