"""Celery tasks: each fetches its job and calls one service."""

from celery import shared_task

from calibrations.services import (
    certification,
    generation,
    removal,
    retraction,
    selections,
    verification,
)
from taxicab.core.services.jobs import running_job

__all__ = [
    "certify_calibration",
    "generate_calibration",
    "preview_selection",
    "remove_generation",
    "retract_certification",
    "verify_calibration",
]


@shared_task
def preview_selection(job_id: int) -> None:
    """Look up the exposures of a selection."""
    with running_job(job_id) as recorder:
        selections.look_up_selection(recorder)


@shared_task
def generate_calibration(job_id: int) -> None:
    """Build the calibration of a generation."""
    with running_job(job_id) as recorder:
        generation.generate_calibration(recorder)


@shared_task
def verify_calibration(job_id: int) -> None:
    """Test a generation."""
    with running_job(job_id) as recorder:
        verification.verify_generation(recorder)


@shared_task
def certify_calibration(job_id: int) -> None:
    """Give a generation its validity range."""
    with running_job(job_id) as recorder:
        certification.certify_generation(recorder)


@shared_task
def remove_generation(job_id: int) -> None:
    """Remove a generation's run."""
    with running_job(job_id) as recorder:
        removal.remove_generation(recorder)


@shared_task
def retract_certification(job_id: int) -> None:
    """Take a certification out of its ticket's chain."""
    with running_job(job_id) as recorder:
        retraction.retract_certification(recorder)
