"""Checks that keep an unsafe portal from starting, beside Django's own."""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.checks import Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections

from taxicab.environment import flag, is_loopback

__all__ = [
    "DEFAULT_PASSWORDS",
    "check_safety",
    "find_default_passwords",
    "refuse_unsafe_start",
]

DEFAULT_PASSWORDS = ("admin", "password", "taxicab", "changeme", "demo")
"""Passwords that installations are left with; nobody may log in with one."""


@register(Tags.security)
def check_safety(app_configs: Any = None, **kwargs: Any) -> list[Error]:
    """Refuse to start on what only development may have."""
    if settings.DEBUG:
        return []
    problems = []
    if settings.SECRET_KEY == settings.DEFAULT_SECRET_KEY:
        problems.append(
            Error(
                "The secret key is the default one.",
                hint="Set TAXICAB_SECRET_KEY, or TAXICAB_DEBUG=1 for development.",
                id="taxicab.E001",
            )
        )
    if not settings.ALLOWED_HOSTS:
        problems.append(
            Error(
                "No host is allowed.",
                hint="Set TAXICAB_ALLOWED_HOSTS, separated by commas.",
                id="taxicab.E002",
            )
        )
    if flag("TAXICAB_INSECURE_HTTP", default=False) and not is_loopback(settings.BIND):
        problems.append(
            Error(
                f"TAXICAB_INSECURE_HTTP=1 is refused on {settings.BIND}: plain HTTP is "
                "for this machine alone.",
                hint="Bind to 127.0.0.1, or unset it and serve HTTPS.",
                id="taxicab.E003",
            )
        )
    return problems


@register(Tags.database, deploy=True)
def check_default_passwords(
    app_configs: Any = None, *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[Error]:
    """Refuse accounts that can be opened with a default password."""
    if settings.DEBUG or not databases:
        return []
    return [
        Error(
            f"The account {name!r} has a default password.",
            hint=f"Run: manage.py changepassword {name}",
            id="taxicab.E004",
        )
        for name in find_default_passwords()
    ]


def refuse_unsafe_start() -> None:
    """Stop a server from starting on what the checks refuse.

    Servers do not run Django's checks by themselves.

    Raises
    ------
    ImproperlyConfigured
        Raised with every reason and its cure.
    """
    problems = [*check_safety(), *check_default_passwords(databases=["default"])]
    connections.close_all()  # a server may fork after this
    if problems:
        reasons = " ".join(f"{problem.msg} {problem.hint}" for problem in problems)
        raise ImproperlyConfigured(f"The portal does not start. {reasons}")


def find_default_passwords() -> list[str]:
    """Names of active accounts that a default password opens."""
    try:
        people = list(get_user_model().objects.filter(is_active=True))
    except DatabaseError:  # the tables are not there before the first migrate
        return []
    harmless = _read_harmless()
    found = []
    for person in people:
        seal = _seal(person)
        if not person.has_usable_password() or seal in harmless:
            continue
        words = (*DEFAULT_PASSWORDS, person.get_username())
        if any(person.check_password(word) for word in words):
            found.append(person.get_username())
        else:
            harmless.add(seal)
    _remember(harmless)
    return found


def _remember(harmless: set[str]) -> None:
    """Keep what was tried, all of it or nothing; a folder one cannot write forgets."""
    path = _harmless_file()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.write_text("\n".join(sorted(harmless)))
        draft.replace(path)


def _seal(person: User) -> str:
    """Name a password hash and the words it was tried with, giving neither away."""
    tried = f"{person.username} {person.password} {DEFAULT_PASSWORDS}"
    return hashlib.sha256(tried.encode()).hexdigest()


def _harmless_file() -> Path:
    return settings.TAXICAB_DATA / "tried_passwords"


def _read_harmless() -> set[str]:
    """Read which hashes were tried before: trying one takes a second, on purpose."""
    path = _harmless_file()
    return set(path.read_text().split()) if path.exists() else set()
