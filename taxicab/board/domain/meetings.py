"""When the board meets, and how that is said: plain Python."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from taxicab.environment import WEEKDAYS

__all__ = ["Slot", "next_start", "show_start"]

_SHORT = {"America/Los_Angeles": "PT"}
"""What people call a zone whatever the season; Project Time is Pacific Time."""


@dataclass(frozen=True)
class Slot:
    """The hour of the week in which the board meets, on the clocks of a zone."""

    weekday: int
    """0 is Monday."""
    at: time
    zone: str
    length: timedelta

    @property
    def sentence(self) -> str:
        """The slot in words."""
        zone = _SHORT.get(self.zone, self.zone)
        return f"{WEEKDAYS[self.weekday]}s {self.at:%H:%M} {zone}"


def next_start(slot: Slot, after: datetime) -> datetime:
    """Find when the next meeting begins, in UTC.

    Clocks of the zone decide: the meeting keeps its hour when they change, so that two
    meetings may be an hour more or less than a week apart.

    Parameters
    ----------
    after
        Aware; a meeting that begins at this very moment is not the next.
    """
    zone = ZoneInfo(slot.zone)
    today = after.astimezone(zone).date()
    for days in range(8):
        day = today + timedelta(days=days)
        if day.weekday() == slot.weekday:
            start = datetime.combine(day, slot.at, tzinfo=zone).astimezone(UTC)
            if start > after:
                return start
    return next_start(slot, after + timedelta(days=1))


def show_start(start: datetime, zone: str) -> str:
    """Write when a meeting begins on the clocks of a zone: ``Tue 24 Nov 14:00 PT``."""
    local = start.astimezone(ZoneInfo(zone))
    name = _SHORT.get(zone) or local.strftime("%Z")
    return f"{local:%a} {local.day} {local:%b %H:%M} {name}"
