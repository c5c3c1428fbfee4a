"""The verdict page's rows in the review room, with waivers and what can be done."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from reports.services.counting import count_clusters, tally
from reports.services.findings import cluster_key, find_findings
from reports.services.history import find_baseline
from taxicab.board.domain import Cover, CoverState
from taxicab.board.models import TaxicabTicket

__all__ = ["worst"]


def worst(
    found: TaxicabTicket,
    covers: Sequence[Cover],
    *,
    may_waive: bool,
    may_object: bool,
) -> dict[str, Any]:
    """Give the worst clusters of a ticket's report, each with its waiver and links."""
    by_key = {cover.failure.key: cover for cover in covers}
    waived = [cover for cover in covers if cover.state.is_covered]
    findings = find_findings(
        found.report, settled={cover.failure.key for cover in waived}
    )
    for one in findings:
        cover = by_key.get(cluster_key(one.key, one.cluster))
        if cover is not None:
            one.waiver_state = str(cover.state)
            one.waiver = _in_words(cover)
            one.links = _links(found, cover, may_waive, may_object)
    return {
        "findings": findings,
        "n_clusters": count_clusters(found.report),
        # Every row was compared with it.
        "baseline": findings[0].before.report
        if findings
        else find_baseline(found.report),
        "n_bare": len(covers) - len(waived),
        "has_waivers": True,
        "tally": tally(
            found.report,
            waived=_count(waived, is_measured=True),
            waived_unmeasured=_count(waived, is_measured=False),
        ),
    }


def _in_words(cover: Cover) -> str:
    """Say what covers a failure, the state's own word with it."""
    is_lapsed = cover.state is CoverState.LAPSED
    return f"lapsed: {cover.sentence}" if is_lapsed else cover.sentence


def _count(covers: Sequence[Cover], *, is_measured: bool) -> int:
    """Count the results that waivers answer for."""
    failures = [cover.failure for cover in covers]
    return sum(one.n_failed for one in failures if one.is_measured is is_measured)


def _links(
    found: TaxicabTicket, cover: Cover, may_waive: bool, may_object: bool
) -> list[tuple[str, str]]:
    query = urlencode({"failure": cover.failure.key})
    links = [("Discuss…", "taxicab-discuss")]
    if may_object:
        links.insert(0, ("Object…", "taxicab-object"))
    if may_waive and cover.state is not CoverState.WAIVED:
        links.insert(0, ("Write a waiver…", "taxicab-waive"))
    return [
        (title, f"{reverse(name, args=[found.key])}?{query}") for title, name in links
    ]
