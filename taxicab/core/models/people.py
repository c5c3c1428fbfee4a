"""Who may do what: a role, granted for one instrument or for all."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from taxicab.core.models.sites import Instrument
from taxicab.core.roles import Role


class RoleGrant(models.Model):
    """One role of one person."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="role_grants"
    )
    role = models.CharField(max_length=32, choices={r: r.label for r in Role})
    instrument = models.ForeignKey(
        Instrument,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        help_text="Empty: every instrument.",
    )
    must_be_heard = models.BooleanField(
        default=False,
        help_text="Board members only: no consensus without a position of theirs.",
    )

    class Meta:
        ordering: ClassVar = ["user", "role"]
        constraints: ClassVar = [
            # Two constraints, because SQLite lets NULLs repeat in a unique key.
            models.UniqueConstraint(
                fields=["user", "role", "instrument"], name="role_once_an_instrument"
            ),
            models.UniqueConstraint(
                fields=["user", "role"],
                condition=models.Q(instrument=None),
                name="role_once_everywhere",
            ),
            models.CheckConstraint(
                condition=models.Q(must_be_heard=False) | models.Q(role=Role.BOARD),
                name="only_board_must_be_heard",
            ),
        ]

    def __str__(self) -> str:
        where = self.instrument_id or "every instrument"
        return f"{self.user}: {Role(self.role).label}, {where}"
