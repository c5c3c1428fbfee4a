"""Discussion: anybody who may read may speak; nothing is edited away."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Prefetch, QuerySet

from taxicab.board.domain import Failure
from taxicab.board.models import Message, TaxicabTicket, Thread, ThreadKind
from taxicab.board.services.evidence import check_part
from taxicab.board.services.hailing import subject_of
from taxicab.core.roles import Action
from taxicab.core.services.audit import record
from taxicab.core.services.permissions import check_may
from taxicab.errors import ConflictError, ForbiddenError, InputError, NotFoundError

__all__ = [
    "anchor_of",
    "correct",
    "find_message",
    "find_thread",
    "reply",
    "start",
    "thread_about",
    "threads_of",
]

_NOWHERE: dict[str, Any] = {
    "part": "",
    "level": "",
    "test": "",
    "detector": None,
    "amplifier": "",
    "exposure": 0,
    "image": "",
    "x": None,
    "y": None,
}
_FIELDS = {
    ThreadKind.TICKET: (),
    ThreadKind.METRIC: ("part", "level", "test"),
    ThreadKind.PLACE: ("part", "detector", "amplifier"),
    ThreadKind.IMAGE: ("part", "detector", "amplifier", "exposure", "image", "x", "y"),
}
_NEEDED = {
    ThreadKind.METRIC: ("test",),
    ThreadKind.PLACE: ("detector",),
    ThreadKind.IMAGE: ("detector", "x", "y"),
}


def threads_of(ticket: TaxicabTicket) -> "QuerySet[Thread]":
    """Find the threads of a ticket with everything that was said."""
    messages = Message.objects.select_related(
        "author", "superseded_by__author", "supersedes"
    )
    return ticket.threads.select_related("started_by").prefetch_related(
        Prefetch("messages", messages)
    )


def anchor_of(failure: Failure) -> dict[str, Any]:
    """Say what a thread on a failure is about: its place, else its test, else all."""
    if failure.detector >= 0:
        place = {"detector": failure.detector, "amplifier": failure.amplifier}
        return {"kind": ThreadKind.PLACE, "part": failure.part, **place}
    if failure.test and len(failure.tests) < 2:
        test = {"level": failure.level, "test": failure.test}
        return {"kind": ThreadKind.METRIC, "part": failure.part, **test}
    return {"kind": ThreadKind.TICKET}


def thread_about(threads: Iterable[Thread], failure: Failure) -> Thread | None:
    """Find the thread on a failure, if it has one of its own."""
    anchor = anchor_of(failure)
    if anchor["kind"] == ThreadKind.TICKET:
        return None
    return next(
        (
            one
            for one in threads
            if all(getattr(one, k) == v for k, v in anchor.items())
        ),
        None,
    )


def find_thread(ticket: TaxicabTicket, number: int) -> Thread:
    """Find a thread of a ticket by its number."""
    if found := threads_of(ticket).filter(pk=number).first():
        return found
    raise NotFoundError(f"There is no thread {number} on {ticket.key}.")


def find_message(ticket: TaxicabTicket, number: int) -> Message:
    """Find a message on a ticket by its number."""
    rows = Message.objects.filter(thread__ticket=ticket)
    found = rows.select_related("author", "thread__ticket").filter(pk=number).first()
    if found:
        return found
    raise NotFoundError(f"There is no message {number} on {ticket.key}.")


def start(
    ticket: TaxicabTicket,
    *,
    by: User,
    text: str,
    kind: ThreadKind | str = ThreadKind.TICKET,
    **about: Any,
) -> Message:
    """Say something about a ticket, a metric, a place or a pixel of an image.

    What is about the same thing goes into the same thread.

    Parameters
    ----------
    about
        ``part``, ``level``, ``test``; ``detector``, ``amplifier``; ``exposure``,
        ``image``, ``x``, ``y``: those that the kind has, the others are not kept.
    """
    check_may(by, Action.READ, ticket.construction.instrument)
    anchor = _read_anchor(ticket, kind, about)
    _check_text(text)
    with transaction.atomic():
        # Held, so that two who begin at once begin one thread.
        TaxicabTicket.objects.select_for_update().get(pk=ticket.pk)
        thread = ticket.threads.filter(**anchor).first()
        if thread is None:
            thread = Thread.objects.create(ticket=ticket, started_by=by, **anchor)
        return _say(thread, by=by, text=text)


def reply(thread: Thread, *, by: User, text: str) -> Message:
    """Say something more in a thread."""
    check_may(by, Action.READ, thread.ticket.construction.instrument)
    _check_text(text)
    with transaction.atomic():
        return _say(thread, by=by, text=text)


def correct(message: Message, *, by: User, text: str) -> Message:
    """Supersede what one said oneself; the first words stay readable.

    Raises
    ------
    ConflictError
        Raised if it is superseded already: the later words are corrected instead.
    """
    check_may(by, Action.READ, message.thread.ticket.construction.instrument)
    _check_text(text)
    if by != message.author:
        raise ForbiddenError(
            f"{message.author.get_username()} said that: answer it, only they can "
            "correct it."
        )
    try:
        with transaction.atomic():
            return _say(message.thread, by=by, text=text, supersedes=message)
    except IntegrityError as error:
        raise ConflictError(
            "This message was corrected before: correct what replaced it."
        ) from error


def _say(
    thread: Thread, *, by: User, text: str, supersedes: Message | None = None
) -> Message:
    message = Message.objects.create(
        thread=thread, author=by, text=text.strip(), supersedes=supersedes
    )
    record(
        by=by,
        subject=subject_of(thread.ticket),
        action="message corrected" if supersedes else "message written",
        before=f"message {supersedes.pk}" if supersedes else "",
        after=f"message {message.pk}",
        why=message.text,
        thread=thread.pk,
    )
    return message


def _read_anchor(
    ticket: TaxicabTicket, kind: ThreadKind | str, about: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        kind = ThreadKind(kind)
    except ValueError:
        known = ", ".join(ThreadKind)
        raise InputError(f"{kind!r} is no kind of thread; there are {known}.") from None
    given = {name: about[name] for name in _FIELDS[kind] if about.get(name) is not None}
    anchor = _NOWHERE | given
    missing = [n for n in _NEEDED.get(kind, ()) if anchor.get(n) in (None, "")]
    if missing:
        raise InputError(
            f"A thread on {'an' if kind == 'image' else 'a'} {kind} names its "
            f"{', '.join(missing)}."
        )
    check_part(ticket, anchor["part"])
    return {"kind": kind, **anchor}


def _check_text(text: str) -> None:
    if not text.strip():
        raise InputError("Write something: an empty message says nothing.")
