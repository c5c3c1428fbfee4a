"""People at their browsers, without one: Django's test client, logged in."""

from django.test import Client

from calibrations.models import Selection, SelectionPurpose, SelectionStatus
from taxicab.core.models import Job, JobStatus, Repository
from taxicab.settings import MIDDLEWARE

# Pages are asked for as on a machine of one's own: plain HTTP, plain file names.
SETTINGS = {
    "MIDDLEWARE": [
        "tests.support.validity.keep_pages",
        *(name for name in MIDDLEWARE if "whitenoise" not in name),
    ],
    "SECURE_SSL_REDIRECT": False,
    "SESSION_COOKIE_SECURE": False,
    "CSRF_COOKIE_SECURE": False,
    "STORAGES": {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {
            "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        },
    },
}


def visitor(user=None):
    """A browser; logged in when somebody is named."""
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def text_of(answer):
    """What a page says, without its line breaks."""
    return " ".join(answer.content.decode().split())


def connect(facility="USDF", path="/repo/main", queue="usdf"):
    """Give a repository of the fixture a place that nobody looks at."""
    repository = Repository.objects.get(facility__name=facility, path=path)
    repository.location, repository.queue = "/nowhere", queue
    repository.save()
    return repository


def make_job(ticket, *, status=JobStatus.RUNNING, **changes):
    """A job of a construction ticket."""
    values = {
        "kind": "generation",
        "title": "Generate bias 20261109a",
        "status": status,
        "repository": ticket.repository,
        "queue": "usdf",
        "subject_kind": "construction",
        "subject_key": ticket.key,
        "created_by": ticket.owner,
        "planned": 27,
        "done": 9,
    }
    return Job.objects.create(**{**values, **changes})


def make_selection(ticket, *, problems=(), n=12, calib_type="bias"):
    """Exposures that were looked up for a generation."""
    exposures = [
        {
            "id": 2026110900000 + number,
            "obs_id": f"CC_O_20261109_{number:06d}",
            "day_obs": 20261109,
            "seq_num": number,
            "observation_type": calib_type,
            "observation_reason": calib_type,
            "physical_filter": "r_03",
            "exposure_time_s": 0.0,
            "dark_time_s": 0.1,
            "begin_tai": "2026-11-09T20:00:00.000",
            "n_detectors": 9,
        }
        for number in range(1, n + 1)
    ]
    return Selection.objects.create(
        ticket=ticket,
        calib_type=calib_type,
        purpose=SelectionPurpose.GENERATION,
        where=f"exposure.observation_type='{calib_type}'",
        status=SelectionStatus.READY,
        exposures=exposures,
        problems=[{"code": "count", "sentence": one} for one in problems],
        created_by=ticket.owner,
    )
