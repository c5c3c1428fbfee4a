"""The people of the demonstration, with passwords made for this installation."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token

from taxicab.core.models import Instrument, RoleGrant
from taxicab.core.roles import Role
from taxicab.demo.files import write_private

__all__ = ["PEOPLE", "Person", "bring_people"]


@dataclass(frozen=True)
class Person:
    """Somebody who takes part."""

    username: str
    first_name: str
    last_name: str
    role: Role
    must_be_heard: bool = False


PEOPLE = (
    Person("nora", "Nora", "Lindqvist", Role.CALIBRATION_TEAM),
    Person("ines", "Inés", "Araya", Role.BOARD, must_be_heard=True),
    Person("tomas", "Tomás", "Bell", Role.BOARD),
    Person("omar", "Omar", "Haddad", Role.DEPLOYER),
    Person("vera", "Vera", "Ito", Role.OBSERVER),
    Person("ada", "Ada", "Okafor", Role.ADMINISTRATOR),
)


def bring_people(folder: Path, *, instrument: Instrument) -> dict[str, str]:
    """Make the accounts, or find them as an earlier demonstration left them.

    Returns
    -------
    dict
        Password by user name; kept in a file that only its owner reads.
    """
    path = folder / "people.json"
    passwords: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    for person in PEOPLE:
        user, _ = get_user_model().objects.get_or_create(
            username=person.username,
            defaults={
                "first_name": person.first_name,
                "last_name": person.last_name,
                "email": f"{person.username}@example.org",
                "is_staff": person.role is Role.ADMINISTRATOR,
            },
        )
        _set_password(user, passwords)
        RoleGrant.objects.get_or_create(
            user=user,
            role=person.role,
            instrument=None if person.role is Role.ADMINISTRATOR else instrument,
            defaults={"must_be_heard": person.must_be_heard},
        )
        if person.role is Role.OBSERVER:
            Token.objects.get_or_create(user=user)
    write_private(path, json.dumps(passwords, indent=2))
    return passwords


def _set_password(user: User, passwords: dict[str, str]) -> None:
    password = passwords.setdefault(user.username, secrets.token_urlsafe(9))
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
