"""Administration: who must be heard is managed, what the board said is read."""

from typing import Any

from django import forms
from django.contrib import admin

from taxicab.board.models import (
    DecisionAddendum,
    DecisionRecord,
    Meeting,
    Objection,
    Position,
    RequiredVoice,
    TaxicabTicket,
    Waiver,
)
from taxicab.core.admin import AuditedAdmin, ReadOnlyAdmin
from taxicab.core.roles import Action
from taxicab.core.services.permissions import may


class RequiredVoiceForm(forms.ModelForm):
    """Refuses somebody who could never be heard."""

    class Meta:
        model = RequiredVoice
        fields = ("user", "instrument", "calib_type")

    def clean(self) -> dict[str, Any]:
        """Take members of the board alone."""
        given = super().clean() or {}
        user, instrument = given.get("user"), given.get("instrument")
        if user and instrument and not may(user, Action.TAKE_POSITION, instrument):
            raise forms.ValidationError(
                f"{user} is not on the board for {instrument}: grant the role first."
            )
        return given


@admin.register(RequiredVoice)
class RequiredVoiceAdmin(AuditedAdmin):
    """Who must be heard on one type of calibration of one camera.

    Who must be heard on everything is marked so on their role.
    """

    audit_kind = "voice"
    form = RequiredVoiceForm
    list_display = ("instrument", "calib_type", "user")
    list_filter = ("instrument", "calib_type")
    autocomplete_fields = ("user",)


@admin.register(TaxicabTicket)
class TaxicabTicketAdmin(ReadOnlyAdmin):
    """Sets before the board."""

    list_display = ("key", "construction", "stage", "hailed_by", "decided_by")
    list_filter = ("stage",)


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    """What members hold."""

    list_display = ("ticket", "member", "kind", "taken_at")
    list_filter = ("kind",)


@admin.register(Objection)
class ObjectionAdmin(ReadOnlyAdmin):
    """What members object to, and how it ended."""

    list_display = ("ticket", "author", "scope", "status", "raised_at")
    list_filter = ("status",)


@admin.register(Waiver)
class WaiverAdmin(ReadOnlyAdmin):
    """Failures that were accepted, and until when."""

    list_display = (
        "instrument",
        "scope",
        "ticket",
        "written_by",
        "holds_to",
        "expires_on",
    )
    list_filter = ("instrument", "calib_type")


@admin.register(Meeting)
class MeetingAdmin(ReadOnlyAdmin):
    """The board's meetings."""

    list_display = ("day", "status", "reason", "closed_by")
    list_filter = ("status",)


@admin.register(DecisionAddendum)
class DecisionAddendumAdmin(ReadOnlyAdmin):
    """Minutes that were closed after a decision."""

    list_display = ("decision", "meeting", "sha256", "key_id", "made_at")


@admin.register(DecisionRecord)
class DecisionRecordAdmin(ReadOnlyAdmin):
    """Decisions as they were frozen."""

    list_display = ("ticket", "sha256", "key_id", "made_at")
