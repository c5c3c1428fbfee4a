"""Who may do what, for which instrument."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet

from taxicab.core.models import Instrument, RoleGrant
from taxicab.core.roles import Action, Role, roles_that_may
from taxicab.errors import ForbiddenError

__all__ = [
    "board_members",
    "check_may",
    "may",
    "may_everywhere",
    "readable_instruments",
]

Person = AbstractBaseUser | AnonymousUser


def may(user: Person, action: Action, instrument: Instrument | None = None) -> bool:
    """Tell whether somebody may do something.

    Without an instrument: whether they may for at least one. Superusers are no
    exception: what they may do is granted to them like to anyone.
    """
    if not user.is_authenticated or not user.is_active:
        return False
    grants = RoleGrant.objects.filter(user_id=user.pk, role__in=roles_that_may(action))
    if instrument is not None:
        grants = grants.filter(Q(instrument=instrument) | Q(instrument=None))
    return grants.exists()


def may_everywhere(user: Person, action: Action) -> bool:
    """Tell whether a role that holds for every instrument allows an action."""
    if not user.is_authenticated or not user.is_active:
        return False
    return RoleGrant.objects.filter(
        user_id=user.pk, instrument=None, role__in=roles_that_may(action)
    ).exists()


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
    if not user.is_authenticated or not user.is_active:
        return Instrument.objects.none()
    grants = RoleGrant.objects.filter(
        user_id=user.pk, role__in=roles_that_may(Action.READ)
    )
    if grants.filter(instrument=None).exists():
        return Instrument.objects.all()
    return Instrument.objects.filter(pk__in=grants.values("instrument"))


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
