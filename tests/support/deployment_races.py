"""Things that happen to one deployment in the same moment, on a real database.

Run as a program: TAXICAB_DATA and TAXICAB_DATABASE_URL say which. Prints what came of
it as JSON. The threads have connections of their own, as workers have.
"""

import json
from functools import partial

from tests.support.board_races import at_once, make_person

ROUNDS = 6
SITES = (
    ("USDF", "/repo/main", "usdf"),
    ("Summit", "/repo/LSSTComCam", "summit"),
    ("TTS", "/repo/LSSTComCam", "tts"),
)


def main():
    import django

    django.setup()
    from django.core.management import call_command

    from tests.support import deployments as make

    call_command("migrate", verbosity=0)
    call_command("loaddata", "facilities", verbosity=0)
    for facility, path, queue in SITES:
        make.connect(facility, path, folder=f"/none/{queue}", queue=queue)
    print(json.dumps({"starts": race_starts(), "ends": race_ends()}))


def race_starts():
    """Two people start; how many won each time, and how many jobs that gave."""
    from taxicab.core.models import Job

    outcomes = []
    for number in range(1, 1 + ROUNDS):
        deployment, omar = make_filed(number)
        results = at_once(
            partial(start, fresh(deployment), omar),
            partial(start, fresh(deployment), omar),
        )
        jobs = Job.objects.filter(subject_key=deployment.key).count()
        outcomes.append([sorted(results), jobs])
    return outcomes


def race_ends():
    """Every repository's last step ends at once: deployed, implemented, once."""
    from taxicab.core.models import AuditEvent

    outcomes = []
    for number in range(101, 101 + ROUNDS):
        deployment, omar = make_filed(number)
        start(deployment, omar)
        for target in deployment.targets.all():
            for step in list(target.steps.all())[:-1]:
                end(step)
        before = fresh(deployment).revision
        reviews = [t.steps.last() for t in deployment.targets.all()]
        results = at_once(*(partial(end, review) for review in reviews))
        after = fresh(deployment)
        recorded = AuditEvent.objects.filter(
            subject_key=deployment.taxicab.key, after="implemented"
        ).count()
        rose = after.revision - before
        outcomes.append([sorted(results), after.stage, recorded, rose])
    return outcomes


def make_filed(number):
    """An adopted set with its deployment ticket, and a deployer."""
    from taxicab.core.models import Instrument
    from tests.support import deployments as make

    instrument = Instrument.objects.get(name="LSSTComCam")
    omar = make_person("omar", "deployer", instrument)
    taxicab = make.make_adopted(
        f"DM-{1000 + number}", owner=omar, instrument=instrument, number=number
    )
    return make.file(taxicab, f"DM-{2000 + number}", by=omar), omar


def start(deployment, deployer):
    from distribution.services import deployments
    from distribution.tasks import run_deployment_step

    deployments.start_deployment(deployment, by=deployer, task=run_deployment_step)


def end(step):
    """Let a step's job run and succeed, without its work."""
    from taxicab.core.services.jobs import running_job

    step.refresh_from_db()
    with running_job(step.job_id):
        pass


def fresh(deployment):
    from distribution.models import DeploymentTicket

    return DeploymentTicket.objects.get(pk=deployment.pk)


if __name__ == "__main__":
    main()
