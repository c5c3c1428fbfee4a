"""What the Butler says that a set would change."""

from reports import tasks
from reports.models import ReportConsequence
from reports.services.consequence import look_up
from taxicab.core.models import Job


def check_consequence(report, generation):
    """After a real report a job has read what adopting its set would change."""
    job = Job.objects.get(kind="consequence", parameters__report=report.pk)
    tasks.read_consequence(job.pk)
    job.refresh_from_db()
    assert job.status == "succeeded", job.message + job.traceback + job.log
    known = ReportConsequence.objects.get(report=report)
    certified = generation.certifications.get()
    mine = [row for row in known.then if row["collection"] == certified.collection]
    assert [row["detectors"] for row in mine] == [[0, 1]]
    assert not any(row["collection"] == certified.collection for row in known.now)
    # Exposures from the begin of its range on are affected, by a bias in any filter.
    counted = {night["day_obs"]: night["n"] for night in known.nights}
    assert counted
    assert all("bias" in night["types"] for night in known.nights)
    # The exposures of the night in which it begins are known with their times.
    for exposure, (begin, _) in known.exposures.items():
        assert look_up(known, exposure, 0)[0] == begin
    _, found = look_up(known, certified.begin_tai, 0)
    (bias,) = (one for one in found if one.type == "bias")
    assert bias.now is None
    assert bias.then.run == generation.collection
