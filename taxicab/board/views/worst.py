"""The verdict page's rows in the review room, with waivers and what can be done."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from reports.services.counting import count_clusters, tally
from reports.services.findings import cluster_key, find_findings
from reports.services.history import find_baseline
from taxicab.board.domain import Cover, CoverState
from taxicab.board.models import TaxicabTicket, Thread
from taxicab.board.services.discussion import thread_about

__all__ = ["worst"]

N_SAID = 3
"""Messages that an opened row shows: the last; the thread has all."""


def worst(
    found: TaxicabTicket,
    covers: Sequence[Cover],
    threads: Iterable[Thread],
    *,
    may_waive: bool,
    may_object: bool,
) -> dict[str, Any]:
    """Give a report's worst clusters, each with waiver, links and what was said."""
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
            thread = thread_about(threads, cover.failure)
            one.said = _said(thread)[-N_SAID:]
            one.links = _links(found, cover, thread, may_waive, may_object)
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


def _said(thread: Thread | None) -> list[tuple[str, str]]:
    """Give what a thread holds, without what was corrected since: who and what."""
    said = thread.messages.all() if thread else ()
    return [
        (one.author.get_full_name() or one.author.get_username(), one.text)
        for one in said
        if not hasattr(one, "superseded_by")
    ]


def _links(
    found: TaxicabTicket,
    cover: Cover,
    thread: Thread | None,
    may_waive: bool,
    may_object: bool,
) -> list[tuple[str, str]]:
    query = urlencode({"failure": cover.failure.key})
    links = [("Discuss…", "taxicab-discuss")]
    if may_object:
        links.insert(0, ("Object…", "taxicab-object"))
    if may_waive and cover.state is not CoverState.WAIVED:
        links.insert(0, ("Write a waiver…", "taxicab-waive"))
    made = [
        (title, f"{reverse(name, args=[found.key])}?{query}") for title, name in links
    ]
    if thread:
        title = f"The discussion, {len(thread.messages.all())} said"
        made.append((title, f"#thread-{thread.pk}"))
    return made
