"""Deployment tickets, their targets and steps; snapshots of repositories."""

from distribution.domain import DeploymentStage, DeploymentStepStatus, TargetStatus
from distribution.models.deployments import (
    DeploymentStep,
    DeploymentTarget,
    DeploymentTicket,
)
from distribution.models.snapshots import RepositorySnapshot

__all__ = [
    "DeploymentStage",
    "DeploymentStep",
    "DeploymentStepStatus",
    "DeploymentTarget",
    "DeploymentTicket",
    "RepositorySnapshot",
    "TargetStatus",
]
