"""The demonstration's sites: which repositories are connected, and where."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from taxicab.core.domain.queues import tiles_queue
from taxicab.core.models import Repository

__all__ = ["QUEUES", "SITES", "Site", "connect_sites"]


@dataclass(frozen=True)
class Site:
    """A repository that the demonstration connects."""

    facility: str
    path: str
    folder: str
    """Of the Butler repository, under ``$TAXICAB_DATA/repos``."""
    queue: str

    @property
    def location(self) -> str:
        """The Butler root, as the site's own workers expand it."""
        return f"$TAXICAB_DATA/repos/{self.folder}"

    @property
    def inbox(self) -> str:
        """The folder that receives sealed exports."""
        return f"$TAXICAB_DATA/inbox/{self.folder}"


SITES = (
    Site("USDF", "/repo/main", "usdf/main", "usdf-main"),
    Site("Summit", "/repo/LSSTComCam", "summit/LSSTComCam", "summit-comcam"),
    Site("TTS", "/repo/LSSTComCam", "tts/LSSTComCam", "tts-comcam"),
)
BUILD = SITES[0]
QUEUES = ("portal", *(site.queue for site in SITES), tiles_queue(BUILD.queue))


LARGEST = {
    f"verify{kind}": f"resource://calibrations/pipelines/verify{kind}.yaml"
    f"#verify{kind}Det,verify{kind}Exp,verify{kind},mosaic{kind}Exp8,analyze{kind}Core"
    for kind in ("Bias", "Dark")
}
"""LSSTCam's verification without the figures by date of each of 205 detectors."""


def connect_sites(sites: Sequence[Site] = SITES) -> None:
    """Give the demonstration's repositories their locations and queues."""
    for site in sites:
        Repository.objects.filter(facility__name=site.facility, path=site.path).update(
            location=site.location,
            queue=site.queue,
            inbox=site.inbox,
            butler={
                "processes": os.cpu_count() or 1,
                "instruments": {"LSSTCam": {"pipelines": LARGEST}},
            },
        )
