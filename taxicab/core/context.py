"""What every page shows."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from taxicab.core.models import Notice
from taxicab.core.roles import Action
from taxicab.core.services.permissions import may
from taxicab.core.services.subjects import readable_jobs

__all__ = ["NEXT_THEME", "portal"]

# Title, name of the page, key after `g`.
PLACES = (
    ("Dashboard", "dashboard", "d"),
    ("Construction", "constructions", "c"),
    ("Reports", "reports", "v"),
    ("TAXICAB", "taxicabs", "t"),
    ("Deployments", "deployments", "l"),
    ("Tracking", "tracking", "k"),
    ("Repositories", "repositories", "r"),
    ("Jobs", "jobs", "j"),
)

NEXT_THEME = {"": "dark", "dark": "light", "light": ""}
"""The switch goes round: as the system, dark, light."""


def portal(request: HttpRequest) -> dict[str, Any]:
    """Name the places, count running jobs and say what the person may do."""
    theme = request.COOKIES.get("theme", "")
    theme = theme if theme in NEXT_THEME else ""
    colours = {"theme": theme, "next_theme": NEXT_THEME[theme]}
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return colours
    running = readable_jobs(user).unfinished().count()
    return {
        **colours,
        "places": _places(request.path, running),
        "running_jobs": running,
        "unread_notices": Notice.objects.filter(user=user).unread().count(),
        "may_build": may(user, Action.BUILD),
        "may_hail": may(user, Action.HAIL),
        "may_deploy": may(user, Action.DEPLOY),
        "may_manage": may(user, Action.MANAGE),
    }


def _places(path: str, running: int) -> list[dict[str, Any]]:
    places: list[dict[str, Any]] = [
        {"title": title, "address": reverse(name), "key": key, "count": 0}
        for title, name, key in PLACES
    ]
    # The longest address that begins the path: tracking lies under deployments.
    here = max(
        (p["address"] for p in places if path.startswith(p["address"])),
        key=len,
        default="",
    )
    for place in places:
        place["is_here"] = place["address"] == here and (here != "/" or path == "/")
        if place["address"] == reverse("jobs"):
            place["count"] = running
    return places
