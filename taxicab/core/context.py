"""What every page shows."""

from typing import Any

from django.http import HttpRequest

from taxicab.core.models import Job
from taxicab.core.roles import Action
from taxicab.core.services.permissions import may

__all__ = ["portal"]


def portal(request: HttpRequest) -> dict[str, Any]:
    """Count running jobs and say what the person may do."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    return {
        "running_jobs": Job.objects.unfinished().count(),
        "may_build": may(user, Action.BUILD),
        "may_deploy": may(user, Action.DEPLOY),
        "may_manage": may(user, Action.MANAGE),
    }
