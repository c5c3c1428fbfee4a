"""Telling people: who is told what, and by which ways."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import urlsplit

from celery import current_app
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from taxicab.core.domain.notices import Channel, NoticeEvent, WebhookForm
from taxicab.core.models import (
    Instrument,
    Notice,
    NoticeChoice,
    NoticeDelivery,
    NoticeWebhook,
)
from taxicab.core.services.audit import record
from taxicab.core.services.subjects import instrument_of, subject_address

__all__ = ["DELIVER", "choices_of", "mark_read", "notify", "save_choices"]

DELIVER = "taxicab.core.tasks.deliver_notice"

SUBJECT = "person"
"""Kind of a person in the audit log."""


@transaction.atomic
def notify(
    event: NoticeEvent | str,
    *,
    subject: tuple[str, str],
    text: str,
    url: str = "",
    to: Iterable[User] | None = None,
    by: User | None = None,
) -> int:
    """Tell people that something happened, each in the ways they chose.

    What leaves the portal is sent by a worker after the caller's transaction.

    Parameters
    ----------
    subject
        Kind and key, as in the audit trail.
    url
        Address of the page without the host; the subject's own by default.
    to
        Whom to tell; by default everyone with a role for the subject's instrument.
    by
        Who did it: they know, and are not told.

    Returns
    -------
    int
        How many people were told.
    """
    event = NoticeEvent(event)
    people = _everyone(instrument_of(*subject)) if to is None else to
    told = {one.pk: one for one in people if one.is_active and one != by}
    if not told:
        return 0
    chosen = NoticeChoice.objects.filter(user__in=told, event=event)
    choices = {choice.user_id: choice for choice in chosen}
    reached = set(
        get_user_model()
        .objects.filter(pk__in=told)
        .exclude(notice_webhook=None)
        .values_list("pk", flat=True)
    )
    address = url or subject_address(*subject)
    for pk, user in told.items():
        choice = choices.get(pk) or NoticeChoice(user=user, event=event)
        notice = Notice.objects.create(
            user=user,
            event=event,
            subject_kind=subject[0],
            subject_key=subject[1],
            text=text,
            url=address,
            is_shown=choice.portal,
        )
        if choice.email and user.email and settings.EMAIL_IS_SET:
            _send(notice, Channel.EMAIL)
        if choice.webhook and pk in reached:
            _send(notice, Channel.WEBHOOK)
    return len(told)


def choices_of(user: User) -> list[NoticeChoice]:
    """Give what somebody chose for every event, the default where they did not."""
    rows = {choice.event: choice for choice in NoticeChoice.objects.filter(user=user)}
    return [
        rows.get(event) or NoticeChoice(user=user, event=event) for event in NoticeEvent
    ]


@transaction.atomic
def save_choices(
    user: User, chosen: Mapping[str, Mapping[str, bool]], *, url: str, form: str
) -> None:
    """Keep how somebody wants to be told, and what they changed in the audit log.

    Whoever says that they were not told can so be answered. Of a webhook the log has
    the host alone: the rest of its address is often a secret. That a notice was read
    is not in it: it changes nothing for anybody else.

    Parameters
    ----------
    chosen
        By event, by channel.
    url
        Of their webhook; empty: none. It is checked by the caller, who may look its
        host up, which takes time.
    """
    before = _told_by(user)
    for event, ways in chosen.items():
        NoticeChoice.objects.update_or_create(
            user=user, event=NoticeEvent(event), defaults=dict(ways)
        )
    if url:
        NoticeWebhook.objects.update_or_create(
            user=user, defaults={"url": url, "form": WebhookForm(form)}
        )
    else:
        NoticeWebhook.objects.filter(user=user).delete()
    after = _told_by(user)
    changed = {name for name in before if before[name] != after[name]}
    if changed:
        record(
            by=user,
            subject=(SUBJECT, user.get_username()),
            action="choices of notices",
            before=_in_words(before, changed),
            after=_in_words(after, changed),
        )


def _told_by(user: User) -> dict[str, str]:
    """Say for each event by which ways somebody is told, and where their webhook is."""
    told = {
        choice.event: ", ".join(way for way in Channel if getattr(choice, way))
        for choice in choices_of(user)
    }
    hook = NoticeWebhook.objects.filter(user=user).first()
    # Another path at the same host is another address, though it is not written down.
    mark = hashlib.sha256(hook.url.encode()).hexdigest()[:8] if hook else ""
    host = urlsplit(hook.url).hostname if hook else ""
    return told | {"webhook": f"{hook.form} to {host} ({mark})" if hook else ""}


def _in_words(told: Mapping[str, str], names: Collection[str]) -> str:
    return "; ".join(f"{name}: {told[name] or 'none'}" for name in sorted(names))


def mark_read(user: User, pk: int | None = None) -> int:
    """Mark one notice of somebody as read, or all of them; returns how many."""
    unread = Notice.objects.filter(user=user).unread()
    if pk is not None:
        unread = unread.filter(pk=pk)
    return unread.update(read_at=timezone.now())


def _everyone(instrument: Instrument | None) -> Iterable[User]:
    if instrument is None:
        return []
    here = Q(role_grants__instrument=instrument) | Q(role_grants__instrument=None)
    return get_user_model().objects.filter(here, ~Q(role_grants=None)).distinct()


def _send(notice: Notice, channel: Channel) -> None:
    delivery = NoticeDelivery.objects.create(notice=notice, channel=channel)

    def queue() -> None:
        current_app.tasks[DELIVER].apply_async(args=(delivery.pk,), retry=False)

    # Robust: what cannot be queued now is found by beat, and what was done stands.
    transaction.on_commit(queue, robust=True)
