"""What a report is made of, as a panel of any page about it."""

from collections.abc import Iterator, Mapping
from typing import Any

from django import template

from reports.models import VerificationReport
from reports.services.parts import compare_parts, previous_report

register = template.Library()

PLATE_TILES = 2
"""Tiles a side of the level that a whole image is shown at first."""


@register.inclusion_tag("reports/_parts.html")
def report_parts(report: VerificationReport) -> dict[str, Any]:
    """List a report's parts with their hashes, and what changed since the last one."""
    before = previous_report(report)
    changes = compare_parts(report, before)
    return {
        "rows": [(part, changes[part.key]) for part in report.parts.all()],
        "removed": [c for c in changes.values() if c.change == "removed"],
        "report": report,
        "before": before,
        "absences": [
            (stage["label"], one)
            for stage in report.summary.get("stages", [])
            for one in stage.get("absences", [])
        ],
    }


@register.simple_tag
def first_tiles(config: Mapping[str, Any], asked: Mapping[str, str]) -> list[str]:
    """Name the tiles that a view of pixels begins with, to be on their way early.

    Only for a view of the whole image: of any other the browser alone knows what is in
    sight.
    """
    if any(asked.get(word) for word in ("zoom", "at", "amplifier")):
        return []
    names = {
        "current": ("current",),
        "blink": ("candidate", "current"),
        "difference": ("candidate", "current"),
        "ratio": ("candidate", "current"),
    }.get(asked.get("mode", ""), ("candidate",))
    sources = [config[name] for name in names if config.get(name)]
    return [address for source in sources for address in _plate_tiles(source)]


def _plate_tiles(source: Mapping[str, Any]) -> Iterator[str]:
    """Name the one tile of the coarsest level, and those of what a screen shows."""
    side = source["index"]["tile"]
    levels = [
        (number, -(-level["shape"][0] // side), -(-level["shape"][1] // side))
        for number, level in enumerate(source["index"]["levels"])
    ]
    few = [one for one in levels if max(one[1:]) <= PLATE_TILES]
    for number, n_rows, n_columns in dict.fromkeys((levels[-1], *few[:1])):
        for row in range(n_rows):
            for column in range(n_columns):
                place = f"{number}/{row}/{column}"
                yield source["tile"].replace("LEVEL/ROW/COLUMN", place)
