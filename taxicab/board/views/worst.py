"""The verdict page's rows in the review room, with waivers and what can be done."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from reports.services.findings import Finding, count_clusters, find_findings
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
    findings = find_findings(found.report)
    for one in findings:
        cover = by_key.get(_key(one))
        if cover is not None:
            one.waiver_state = str(cover.state)
            one.waiver = cover.sentence or "no waiver"
            one.links = _links(found, cover, may_waive, may_object)
    return {
        "findings": findings,
        "n_clusters": count_clusters(found.report),
        "baseline": find_baseline(found.report),
        "n_bare": sum(not cover.state.is_covered for cover in covers),
        "n_waived": sum(
            cover.failure.n_failed for cover in covers if cover.state.is_covered
        ),
    }


def _key(one: Finding) -> str:
    """Name a row as the board names the failure that it is."""
    cluster = one.cluster
    words = (one.key, cluster["level"], cluster["test"], cluster["kind"])
    place = tuple(cluster[n] for n in ("raft", "detector", "amplifier", "exposure"))
    return ":".join(str(word) for word in (*words, *place))


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
