"""Who may do what, for which instrument.

A page asks a dozen times. While it is only looked at, roles are read once and held to
its end (`holding_grants`); whatever changes something reads them anew each time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet

from taxicab.core.models import Instrument, RoleGrant
from taxicab.core.roles import Action, Role, roles_that_may
from taxicab.errors import ForbiddenError

__all__ = [
    "board_members",
    "check_may",
    "holding_grants",
    "may",
    "may_everywhere",
    "readable_instruments",
]

Person = AbstractBaseUser | AnonymousUser
Grants = frozenset[tuple[str, str | None]]
"""Roles, each with the instrument it holds for; `None` means every instrument."""

_held: ContextVar[dict[int, Grants] | None] = ContextVar("held_grants", default=None)


@contextmanager
def holding_grants() -> Iterator[None]:
    """Read everybody's roles once until the end of the block.

    For what only looks: within, a role that is granted or taken is not noticed.
    """
    token = _held.set({})
    try:
        yield
    finally:
        _held.reset(token)


def may(user: Person, action: Action, instrument: Instrument | None = None) -> bool:
    """Tell whether somebody may do something.

    Without an instrument: whether they may for at least one. Superusers are no
    exception: what they may do is granted to them like to anyone.
    """
    wanted = set(roles_that_may(action))
    return any(
        role in wanted and (instrument is None or where in (None, instrument.pk))
        for role, where in _grants_of(user)
    )


def may_everywhere(user: Person, action: Action) -> bool:
    """Tell whether a role that holds for every instrument allows an action."""
    wanted = set(roles_that_may(action))
    return any(role in wanted and where is None for role, where in _grants_of(user))


def check_may(
    user: Person, action: Action, instrument: Instrument | None = None
) -> None:
    """Refuse what somebody may not do, naming the roles that may.

    Raises
    ------
    ForbiddenError
        Raised if no role of theirs allows it.
    """
    if may(user, action, instrument):
        return
    roles = " or ".join(role.label.lower() for role in roles_that_may(action))
    where = f" for {instrument}" if instrument else ""
    raise ForbiddenError(
        f"{user.get_username() or 'An anonymous visitor'} may not "
        f"{action.value.replace('_', ' ')}{where}: that takes the role {roles}. "
        "Ask an administrator of the portal.",
        action=action.value,
    )


def readable_instruments(user: Person) -> "QuerySet[Instrument]":
    """Instruments somebody may read about."""
    wanted = set(roles_that_may(Action.READ))
    places = {where for role, where in _grants_of(user) if role in wanted}
    if None in places:
        return Instrument.objects.all()
    return Instrument.objects.filter(pk__in=sorted(filter(None, places)))


def board_members(
    instrument: Instrument, *, must_be_heard: bool | None = None
) -> "QuerySet[RoleGrant]":
    """Grants of the board for an instrument."""
    grants = RoleGrant.objects.filter(role=Role.BOARD, user__is_active=True).filter(
        Q(instrument=instrument) | Q(instrument=None)
    )
    if must_be_heard is not None:
        grants = grants.filter(must_be_heard=must_be_heard)
    return grants.select_related("user")


def _grants_of(user: Person) -> Grants:
    """Read what somebody was granted; nothing for who is not, or no more, let in."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    held = _held.get()
    if held is not None and user.pk in held:
        return held[user.pk]
    rows = RoleGrant.objects.filter(user_id=user.pk).order_by()
    grants = frozenset(rows.values_list("role", "instrument_id"))
    if held is not None:
        held[user.pk] = grants
    return grants
