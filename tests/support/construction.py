"""Construction tickets under way: each step as its worker would take it."""

from calibrations import tasks
from calibrations.models import SelectionPurpose, StepStatus, Verification
from calibrations.services.certification import request_certification
from calibrations.services.construction import open_ticket
from calibrations.services.generation import request_generation
from calibrations.services.repositories import open_gateway
from calibrations.services.selections import override_problems, request_selection
from calibrations.services.verification import request_verification
from taxicab.core.models import Repository
from tests.support.curated import write_defects

BEGIN = "2026-11-09T12:00:00"
FILTERS = dict.fromkeys(("flat", "flat_for_defects", "flatBootstrap", "fringe"), "r_03")
FIRST_NIGHT, SECOND_NIGHT = 20261109, 20261116


def connect_build_place(folder):
    """Give the one place for building a location; its worker's queue is its own."""
    repository = Repository.objects.get(is_build=True)
    repository.location, repository.queue = str(folder), "usdf"
    repository.save()
    return repository


def make_ticket(owner, instrument, key="DM-47447", **changes):
    values = {"tag": "gainFixup", "reason": "New gains."} | changes
    return open_ticket(key=key, instrument=instrument, owner=owner, **values)


def curate_defects(ticket, folder, detectors=("R22_S11",)):
    """Put defects that the observatory keeps in files into the ticket's chain.

    The order of figure 2 makes no dark or flat without defects: with these, a test
    need not find any.
    """
    for detector in detectors:
        write_defects(folder / "defects", detector, [(10, 10, 2, 2)])
    gateway = open_gateway(ticket.repository, instrument=ticket.instrument_id)
    return gateway.ingest_curated(ticket.key, str(folder))


def where(kind, night=FIRST_NIGHT):
    return (
        f"instrument='LSSTComCam' AND exposure.observation_type='{kind}' "
        f"AND day_obs={night}"
    )


def look_up(
    ticket,
    kind,
    by,
    *,
    night=FIRST_NIGHT,
    purpose=None,
    expression=None,
    physical_filter=None,
):
    """Ask for a selection and look it up."""
    if physical_filter is None:
        physical_filter = FILTERS.get(kind, "")
    later = night != FIRST_NIGHT
    selection = request_selection(
        ticket,
        calib_type=kind,
        purpose=purpose or SelectionPurpose("verification" if later else "generation"),
        where=expression or where(kind, night),
        physical_filter=physical_filter,
        by=by,
        task=tasks.preview_selection,
    )
    tasks.preview_selection(selection.job_id)
    selection.refresh_from_db()
    return selection


def choose(ticket, kind, by, **options):
    """Look up and answer for the few exposures that a test has."""
    selection = look_up(ticket, kind, by, **options)
    if selection.problems:
        override_problems(selection, reason="A test has few.", by=by)
    return selection


def generate(ticket, selection, by, **options):
    """Ask for a generation and run its job."""
    generation = request_generation(
        ticket,
        selection=selection,
        by=by,
        task=tasks.generate_calibration,
        **options,
    )
    return run(generation, tasks.generate_calibration)


def verify(generation, by, selections=()):
    """Ask for a verification and run its job."""
    verification = request_verification(
        generation, selections=selections, by=by, task=tasks.verify_calibration
    )
    return run(verification, tasks.verify_calibration)


def mark_verified(generation):
    """Write down a verification that nobody ran."""
    return Verification.objects.create(
        generation=generation,
        collection=generation.collection.replace("biasGen", "verifyBias"),
        rerun=generation.rerun,
        status=StepStatus.SUCCEEDED,
        created_by=generation.created_by,
    )


def certify(generation, by, begin_tai=BEGIN, end_tai=""):
    """Ask for a certification and run its job."""
    certification = request_certification(
        generation,
        begin_tai=begin_tai,
        end_tai=end_tai,
        by=by,
        task=tasks.certify_calibration,
    )
    return run(certification, tasks.certify_calibration)


def run(step, task):
    """Run a step's last job here, and read the step again."""
    task(step.jobs.latest("pk").pk)
    step.refresh_from_db()
    return step


def tell(step):
    """Everything a step's last job said, for a test that did not expect it."""
    job = step.jobs.latest("pk")
    return f"{job.message}\n{job.traceback}\n{job.log}"
