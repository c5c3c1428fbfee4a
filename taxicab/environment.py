"""Reading settings from environment variables: plain Python, no Django."""

import ipaddress
import os
from collections.abc import Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = [
    "WEEKDAYS",
    "clock_time",
    "database_from_url",
    "flag",
    "is_loopback",
    "one_of",
    "positive",
    "read_secret",
    "time_zone",
    "words",
]

WEEKDAYS = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)


def flag(name: str, *, default: bool) -> bool:
    """Tell whether a variable says yes."""
    value = os.environ.get(name, "")
    return default if not value else value.lower() in {"1", "true", "yes", "on"}


def words(name: str) -> list[str]:
    """Split a comma-separated variable."""
    return [
        word.strip() for word in os.environ.get(name, "").split(",") if word.strip()
    ]


def positive(name: str, *, default: int) -> int:
    """Read a whole number of at least 1.

    Raises
    ------
    ValueError
        Raised if the variable says anything else.
    """
    text = os.environ.get(name, "") or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{name} is {text!r}: give a whole number of at least 1.")
    return int(text)


def one_of(name: str, choices: Sequence[str], *, default: str) -> int:
    """Read one of some words, in any case; gives its place among them.

    Raises
    ------
    ValueError
        Raised if the variable says anything else.
    """
    text = os.environ.get(name, "") or default
    known = [choice.lower() for choice in choices]
    if text.lower() not in known:
        raise ValueError(f"{name} is {text!r}: give one of {', '.join(choices)}.")
    return known.index(text.lower())


def clock_time(name: str, *, default: str) -> time:
    """Read an hour and minute, ``14:00``.

    Raises
    ------
    ValueError
        Raised if the variable says anything else.
    """
    text = os.environ.get(name, "") or default
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError:
        raise ValueError(f"{name} is {text!r}: give a time like 14:00.") from None


def time_zone(name: str, *, default: str) -> str:
    """Read the name of a time zone.

    Raises
    ------
    ValueError
        Raised if no zone has the name.
    """
    text = os.environ.get(name, "") or default
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name} is {text!r}: give a zone like America/Los_Angeles."
        ) from None


def read_secret(name: str, *, default: str) -> str:
    """Read a secret from ``NAME``, or from the file that ``NAME_FILE`` names."""
    path = os.environ.get(f"{name}_FILE")
    return Path(path).read_text().strip() if path else os.environ.get(name, default)


def is_loopback(bind: str) -> bool:
    """Tell whether ``host:port`` listens on this machine alone."""
    host = urlsplit(f"//{bind}").hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def database_from_url(url: str, *, sqlite_path: Path) -> dict[str, Any]:
    """Turn a database address into Django's dictionary.

    Parameters
    ----------
    url
        ``postgresql://user:password@host:port/name?options``, or empty for SQLite.
    sqlite_path
        The embedded database.

    Raises
    ------
    ValueError
        Raised if the address is neither empty nor PostgreSQL's.
    """
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(sqlite_path),
            # WAL lets pages read while a worker writes; IMMEDIATE takes the write
            # lock at the start, so that a transaction waits instead of failing
            # half-way; 30 s is longer than any transaction of ours.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
            "TEST": {"NAME": None},
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError(
            f"TAXICAB_DATABASE_URL begins with {parts.scheme!r}: "
            "give postgresql://user:password@host:port/name, or nothing for SQLite."
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
        "CONN_MAX_AGE": 60,
    }
