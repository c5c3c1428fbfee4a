"""Template filters and tags that every page may use: states, times, numbers."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import template
from django.core.paginator import Page
from django.http import HttpRequest
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from taxicab.core.models import AuditEvent
from taxicab.core.services.subjects import subject_address

register = template.Library()

# A state is a mark, a word and a colour, never a colour alone.
_MARKS = {
    "passed": "✓",
    "failed": "✕",
    "waived": "◐",
    "running": "●",
    "waiting": "○",
    "stale": "↻",
    "unknown": "–",
}
_LOOKS = {
    "passed": "passed succeeded ready reviewed adopted implemented deployed adopt met "
    "resolved done",
    "failed": "failed rejected object differs missing_file standing",
    "waived": "waived overridden mixed warning adopt_despite",
    "running": "running deploying looking building",
    "waiting": "waiting queued planned filed hailed flagged scheduled generated "
    "verified open needs_processing",
    "stale": "stale lost lapsed",
    "unknown": "unknown none cancelled withdrawn skipped removed abstain missing "
    "not_connected not_held not_planned dropped",
}
_LOOK_OF = {word: look for look, words in _LOOKS.items() for word in words.split()}

# Units as FITS and Astropy spell them, as people read them.
_UNITS = {
    "electron": "e⁻",
    "electron/s": "e⁻/s",
    "electron / s": "e⁻/s",
    "adu": "ADU",
    "pixel": "px",
    "s": "s",
}


@register.simple_tag
def state(word: str, label: str | None = None) -> SafeString:
    """Show a state: its mark, its word and its colour."""
    key = str(word).lower()
    look = _LOOK_OF.get(key, "unknown")
    return format_html(
        '<span class="state state-{}"><span class="mark" aria-hidden="true">{}</span>'
        "{}</span>",
        look,
        _MARKS[look],
        key.replace("_", " ") if label is None else label,
    )


@register.simple_tag
def verdict_of(verdict: str) -> SafeString:
    """Say what the tests of a report found; a report that failed is something else."""
    words = {
        "passed": "all tests passed",
        "failed": "tests failed",
        "warning": "passed, with warnings",
        "missing": "not all verified",
    }
    return state(verdict, words.get(verdict))


@register.filter
def mark(word: str) -> str:
    """Give the mark of a state alone, for narrow cells that say the word aside."""
    return _MARKS[_LOOK_OF.get(str(word).lower(), "unknown")]


@register.filter
def look(word: str) -> str:
    """Give the CSS class of a state."""
    return f"state-{_LOOK_OF.get(str(word).lower(), 'unknown')}"


@register.filter
def ago(value: datetime | str | None) -> str:
    """Say how long ago something was: ``3 h ago``."""
    moment = _as_datetime(value)
    if moment is None:
        return ""
    elapsed = timezone.now() - moment
    if elapsed < timedelta(0):
        return f"in {_duration(-elapsed)}"
    return "just now" if elapsed < timedelta(seconds=5) else f"{_duration(elapsed)} ago"


@register.filter
def utc(value: datetime | str | None) -> str:
    """Write a time in UTC, and say so."""
    moment = _as_datetime(value)
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "–"


@register.filter
def tai(value: str | None) -> str:
    """Write a TAI time as it was given, and say so; empty means open."""
    return f"{str(value).replace('T', ' ')} TAI" if value else "open"


@register.simple_tag
def moment(value: datetime | str | None) -> SafeString | str:
    """Show a time in UTC with its age beside it."""
    when = _as_datetime(value)
    if when is None:
        return mark_safe('<span class="muted">–</span>')
    return format_html(
        '<time class="moment" datetime="{}">{} <span class="ago">{}</span></time>',
        when.isoformat(timespec="seconds"),
        utc(when),
        ago(when),
    )


@register.filter
def lasted(begin: datetime | None, end: datetime | None = None) -> str:
    """Say how long something took, or has been going on."""
    if begin is None:
        return ""
    return _duration((end or timezone.now()) - begin)


@register.filter
def number(value: float | str | None, unit: str = "") -> str:
    """Write a number with four significant digits and its unit."""
    if value in (None, "") or (isinstance(value, float) and math.isnan(value)):
        return "–"  # a page's absent variable is an empty string
    text = f"{value:,}" if isinstance(value, int) else _significant(float(value))
    text = text.replace("-", "−")  # as wide as a digit, in exponents as well
    name = _UNITS.get(str(unit), str(unit) if unit not in ("", "1", None) else "")
    return f"{text} {name}".strip()


@register.filter
def unit(value: str) -> str:
    """Write a unit as people read it."""
    return _UNITS.get(str(value), "" if value in ("", "1", None) else str(value))


@register.simple_tag
def margin(value: float | None, limit: float | None, sense: str = "<") -> str:
    """Say how far a value is from its limit: ``1 % over``, ``12 % within``."""
    if value is None or limit is None or math.isnan(float(value)):
        return "not measured"
    if not limit:
        return f"{_significant(abs(float(value)))} from 0"
    share = 100 * (float(value) - float(limit)) / abs(float(limit))
    if sense.startswith(">"):
        word = "over" if share >= 0 else "under"
        return f"{_percent(abs(share))} {word} the least"
    return f"{_percent(abs(share))} {'over' if share > 0 else 'within'}"


@register.filter
def percent_of(part: float, whole: float) -> str:
    """Write a share in per cent."""
    return _percent(100 * part / whole) if whole else "–"


@register.filter
def breakable(path: str) -> SafeString:
    """Let a path break after its slashes, and nowhere else."""
    return format_html_join(mark_safe("/<wbr>"), "{}", ((p,) for p in path.split("/")))


@register.filter
def breakable_name(name: str) -> str:
    """Let a name break after its underscores and before its capitals."""
    parts = re.findall(r"[^_A-Z]*_|[A-Z]?[^_A-Z]+|[A-Z]", name)
    return format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in parts))


@register.filter
def get(mapping: dict[Any, Any] | None, key: Any) -> Any:
    """Look a key up in a mapping."""
    return (mapping or {}).get(key)


@register.filter
def person(user: Any) -> str:
    """Name somebody; the portal itself when nobody is named."""
    if user is None:
        return "portal"
    return user.get_full_name() or user.get_username()


@register.inclusion_tag("components/copyable.html")
def copyable(text: str) -> dict[str, str]:
    """Show a name or command in monospace with a copy button."""
    return {"text": str(text)}


@register.inclusion_tag("components/command_lines.html")
def command_lines(lines: list[str], title: str = "Commands") -> dict[str, Any]:
    """Show command lines in order, each and all copyable."""
    return {"lines": lines, "title": title, "together": "\n".join(lines)}


@register.inclusion_tag("components/ticket_chain.html")
def ticket_chain(construction: Any, here: str = "") -> dict[str, Any]:
    """Show the chain of the three tickets with their states.

    Parameters
    ----------
    here
        Which of the three the page is about.
    """
    taxicab = construction.taxicab_tickets.order_by("-number").first()
    return {
        "construction": construction,
        "taxicab": taxicab,
        "deployment": getattr(taxicab, "deployment", None),
        "here": here,
    }


@register.inclusion_tag("components/history.html")
def history(events: list[AuditEvent]) -> dict[str, Any]:
    """List audit events: who, what, before, after, why."""
    return {"events": events}


@register.inclusion_tag("components/pages.html", takes_context=True)
def pages(context: Context, page: Page) -> dict[str, Any]:
    """Link the other pages of a long list, keeping its filters."""
    request: HttpRequest = context["request"]
    kept = {k: v for k, v in request.GET.items() if k != "page"}
    return {"page": page, "query": urlencode(kept)}


@register.simple_tag
def subject_link(kind: str, key: str) -> SafeString:
    """Link the ticket or repository that a job or an event is about."""
    address = subject_address(kind, key)
    if not address:
        return format_html("{}", key)
    return format_html('<a href="{}">{}</a>', address, key)


def _as_datetime(value: datetime | str | None) -> datetime | None:
    if not value:
        return None
    if isinstance(value, datetime):
        return value
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _duration(elapsed: timedelta) -> str:
    seconds = int(elapsed.total_seconds())
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length * (2 if name == "d" else 1):
            return f"{seconds // length} {name}"
    return f"{seconds} s"


def _significant(value: float) -> str:
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.3e}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _percent(share: float) -> str:
    if 0 < share < 1:
        return f"{share:.1f} %"
    return f"{share:,.0f} %"
