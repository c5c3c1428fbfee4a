"""What a report is made of, as a panel of any page about it."""

from typing import Any

from django import template

from reports.models import VerificationReport
from reports.services.parts import compare_parts, previous_report

register = template.Library()


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
