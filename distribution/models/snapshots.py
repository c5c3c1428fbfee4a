"""What a repository held when its own workers last looked."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.utils import timezone

from taxicab.core.models import Instrument, Job, Repository


class RepositorySnapshot(models.Model):
    """An instrument's default chain in a repository, as the Butler gave it.

    The Butler owns the truth; this is an observation with its time.
    """

    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="snapshots"
    )
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="+"
    )
    taken_at = models.DateTimeField(auto_now=True)
    chain = models.JSONField(default=list)
    """Children of the default chain, first searched first."""
    collections = models.JSONField(default=list)
    """One record a collection: name, type, children, n_datasets."""
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+")

    OLD_AFTER = timedelta(days=1)
    """An older snapshot says nothing of today: the state is unknown."""

    class Meta:
        ordering: ClassVar = ["-taken_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["repository", "instrument"], name="one_snapshot_an_instrument"
            )
        ]

    def __str__(self) -> str:
        return f"{self.repository} {self.instrument_id} at {self.taken_at:%F %T} UTC"

    @property
    def is_old(self) -> bool:
        """Whether too much time passed to rely on it."""
        return timezone.now() - self.taken_at > self.OLD_AFTER
