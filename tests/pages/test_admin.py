"""Administration: roles and repositories are managed and recorded, all else is read."""

import pytest

from taxicab.core.models import AuditEvent, RoleGrant
from tests.support import pages, people


@pytest.fixture
def administrator(instrument):
    user = people.make_person("ada", "administrator")
    user.is_staff = user.is_superuser = True
    user.save()
    return user


def test_a_role_is_granted_and_recorded(administrator, observer, instrument):
    sent = {"user": observer.pk, "role": "deployer", "instrument": instrument.pk}
    answer = pages.visitor(administrator).post("/admin/core/rolegrant/add/", sent)
    assert answer.status_code == 302
    grant = RoleGrant.objects.get(user=observer, role="deployer")
    event = AuditEvent.objects.get(subject_kind="role")
    assert (event.user, event.subject_key) == (administrator, str(grant))
    pages.visitor(administrator).post(
        f"/admin/core/rolegrant/{grant.pk}/delete/", {"post": "yes"}
    )
    assert AuditEvent.objects.filter(subject_kind="role", action="deleted").exists()


def test_the_record_is_not_edited(administrator, hailed):
    browser = pages.visitor(administrator)
    event = AuditEvent.objects.first()
    for address in (
        f"/admin/core/auditevent/{event.pk}/change/",
        f"/admin/board/taxicabticket/{hailed.pk}/change/",
        "/admin/calibrations/generation/",
        "/admin/distribution/deploymentstep/",
    ):
        assert browser.get(address).status_code == 200
    address = f"/admin/core/auditevent/{event.pk}/change/"
    assert browser.post(address, {"why": "x"}).status_code == 403
    assert browser.get("/admin/core/auditevent/add/").status_code == 403


def test_people_without_a_part_stay_out(observer):
    assert pages.visitor(observer).get("/admin/").status_code == 302
