"""The criteria as a page: every test, limit and statistic. Standard library only."""

from collections.abc import Iterable, Sequence

from calibrations.domain.criteria import (
    CRITERIA_VERSION,
    STAGES,
    STATISTICS,
    VERSIONS,
    Change,
    changes_of,
    criteria_for,
)

__all__ = ["criteria_page"]

_HEAD = """\
# Criteria of verification

Written by `manage.py write_criteria` from `calibrations/domain/criteria/`, which the
pipelines, the reports and the tests read as well: change it there, then run the
command again.

Version {version} judges now. Every row of a result carries the version it was judged
by; the limits of older versions are below. Numbers are those of the requirements
(DMTN-101); a dash: none is written there. *Advisory* tests are reported and decide
nothing. Tests, statistics and columns have the names of Rubin's `cp_verify`.
"""


def criteria_page() -> str:
    """Write the page, in Markdown."""
    parts = [_HEAD.format(version=CRITERIA_VERSION)]
    parts += [_stage(stage) for stage in STAGES.values() if criteria_for(stage)]
    parts.append(_history())
    return "\n".join(parts)


def _stage(stage: str) -> str:
    lines = [f"## {stage}", ""]
    lines += _table(
        ("Level", "Test", "Statistic", "Limit", "Unit", "DMTN-101", "Since"),
        (
            (
                one.level,
                one.test + (" (advisory)" if one.advisory else ""),
                f"`{one.statistic}`",
                f"{one.sense} `{one.limit_expression}`",
                one.unit or "–",
                one.dmtn101,
                one.since,
            )
            for one in criteria_for(stage)
        ),
    )
    lines.append("")
    for one in criteria_for(stage):
        note = f" *Upstream:* {one.upstream}" if one.upstream else ""
        lines.append(f"- **{one.level} {one.test}**: {one.definition}{note}")
    measured = [one for one in STATISTICS if one.stage == stage]
    if measured:
        lines += ["", "Measured:", ""]
        lines += _table(
            ("Column", "Level", "Unit", "Meaning"),
            (
                (f"`{one.column}`", one.level, one.unit or "–", one.definition)
                for one in measured
            ),
        )
    return "\n".join([*lines, ""])


def _history() -> str:
    lines = ["## Versions", ""]
    for version in reversed(VERSIONS):
        lines += [f"### {version.name} ({version.date})", "", version.summary, ""]
        lines += _table(
            ("Test", "Before", "From this version on"),
            (_change(change) for change in changes_of(version.name)),
        )
        lines.append("")
    return "\n".join(lines)


def _change(change: Change) -> tuple[str, str, str]:
    before, after = change.before, change.after
    cells = ["new" if before is None else "", "gone" if after is None else ""]
    for number, one in enumerate((before, after)):
        if one is not None:
            cells[number] = f"`{one.statistic}` {one.sense} `{one.limit_expression}`"
    if before and after and cells[0] == cells[1]:
        cells = [f"{cells[0]}: {before.upstream}", f"the same: {after.upstream}"]
    return f"{change.stage} {change.level} {change.test}", cells[0], cells[1]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cell.replace('|', '∣') for cell in cells)} |"

    return [line(head), f"|{'---|' * len(head)}", *map(line, rows)]
