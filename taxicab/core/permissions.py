"""DRF permissions, from the one table of roles."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from taxicab.core.roles import Action
from taxicab.core.services.permissions import may

if TYPE_CHECKING:  # rest_framework.views imports this module
    from rest_framework.views import APIView


class IsObserver(BasePermission):
    """Anyone with a role may read; services check every verb by themselves."""

    message = "Reading the portal takes a role: ask an administrator."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Tell whether the person has any role at all."""
        return bool(request.user) and may(request.user, Action.READ)
