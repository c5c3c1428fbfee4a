"""Deployment tickets, their targets and the steps taken at each."""

from distribution.models.deployments import (
    DeploymentStage,
    DeploymentStep,
    DeploymentStepStatus,
    DeploymentTarget,
    DeploymentTicket,
    TargetStatus,
)

__all__ = [
    "DeploymentStage",
    "DeploymentStep",
    "DeploymentStepStatus",
    "DeploymentTarget",
    "DeploymentTicket",
    "TargetStatus",
]
