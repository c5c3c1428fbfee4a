"""Administration: TAXICAB tickets and positions, to be read."""

from django.contrib import admin

from taxicab.board.models import Position, TaxicabTicket
from taxicab.core.admin import ReadOnlyAdmin


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
