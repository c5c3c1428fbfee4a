"""Construction tickets and what was built, verified and certified under them."""

from calibrations.models.construction import (
    ConstructionStage,
    ConstructionTicket,
    Selection,
    SelectionPurpose,
    SelectionStatus,
)
from calibrations.models.products import (
    Certification,
    Generation,
    MetricResult,
    StepStatus,
    Verification,
)

__all__ = [
    "Certification",
    "ConstructionStage",
    "ConstructionTicket",
    "Generation",
    "MetricResult",
    "Selection",
    "SelectionPurpose",
    "SelectionStatus",
    "StepStatus",
    "Verification",
]
