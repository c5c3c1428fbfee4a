"""What the demonstration ends with: a table for people, a file for machines."""

import json
from pathlib import Path
from typing import Any

from rest_framework.authtoken.models import Token

from distribution.domain import StepKind
from distribution.models import (
    DeploymentStepStatus,
    DeploymentTarget,
    DeploymentTicket,
    TargetStatus,
)
from taxicab.core.models import Repository
from taxicab.core.roles import Role
from taxicab.demo.files import write_private
from taxicab.demo.people import PEOPLE

__all__ = ["is_complete", "summarise", "table", "write_summary"]


def summarise(
    deployment: DeploymentTicket, *, passwords: dict[str, str], seconds: float
) -> dict[str, Any]:
    """Collect what was deployed where, and who may look at it."""
    targets = deployment.targets.select_related("repository__facility")
    construction = deployment.taxicab.construction
    observer = next(p.username for p in PEOPLE if p.role is Role.OBSERVER)
    return {
        "instrument": construction.instrument_id,
        "construction": construction.key,
        "taxicab": deployment.taxicab.key,
        "deployment": deployment.key,
        "stage": deployment.stage,
        "repositories": [_repository(target) for target in targets],
        "collections": sorted(
            {certified.collection for certified in construction.certifications.all()}
        ),
        "users": [
            {
                "username": person.username,
                "role": person.role.value,
                "password": passwords[person.username],
            }
            for person in PEOPLE
        ],
        "observer_token": Token.objects.get(user__username=observer).key,
        "seconds": round(seconds, 1),
    }


def _repository(target: DeploymentTarget) -> dict[str, Any]:
    review = target.steps.get(kind=StepKind.SELF_REVIEW)
    prepend = target.steps.get(kind=StepKind.PREPEND)
    return {
        "repository": str(target.repository),
        "facility": target.repository.facility.name,
        "path": target.repository.path,
        "location": target.repository.location,
        "status": target.status,
        "chain": prepend.result.get("chain", ""),
        "prepended": prepend.result.get("child", ""),
        "datasets": prepend.result.get("datasets", 0),
        "self_review": review.result.get("status", review.status),
        "self_review_exposure": review.result.get("exposure"),
        "calibrations": review.result.get("calibrations", []),
    }


def is_complete(deployment: DeploymentTicket) -> bool:
    """Whether every connected repository is deployed and self-reviewed."""
    instrument = deployment.taxicab.construction.instrument
    connected = Repository.objects.connected().holding(instrument)
    done = deployment.targets.filter(
        status=TargetStatus.DEPLOYED,
        steps__kind=StepKind.SELF_REVIEW,
        steps__status=DeploymentStepStatus.SUCCEEDED,
    )
    return set(done.values_list("repository_id", flat=True)) == set(
        connected.values_list("pk", flat=True)
    )


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write the machine-readable file; it holds secrets, so 0600."""
    write_private(path, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")


def table(summary: dict[str, Any]) -> str:
    """Lay the repositories out as a table for a terminal."""
    head = ("repository", "prepended", "datasets", "self-review", "status")
    rows = [
        (
            r["repository"],
            r["prepended"],
            str(r["datasets"]),
            f"{r['self_review']} ({r['self_review_exposure']})",
            r["status"],
        )
        for r in summary["repositories"]
    ]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (head, tuple("─" * width for width in widths), *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)
