"""Administration: roles and repositories are managed and recorded, all else is read."""

import pytest
from django.contrib.auth.models import User

from taxicab.core.models import AuditEvent, RoleGrant
from tests.support import pages, people

FORBIDDEN = {"is_superuser": "on", "user_permissions": ["1"], "groups": ["1"]}


@pytest.fixture
def administrator(instrument):
    user = people.make_person("ada", "administrator")
    user.is_staff = True  # and no superuser: the role is what opens the pages
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


def test_people_are_managed_and_no_password_is_written_down(administrator):
    browser = pages.visitor(administrator)
    secret = "a horse of another colour"
    sent = {"username": "lise", "password1": secret, "password2": secret}
    answer = browser.post("/admin/auth/user/add/", {**sent, "usable_password": "true"})
    assert answer.status_code == 302
    made = User.objects.get(username="lise")
    address = f"/admin/auth/user/{made.pk}"
    sent = {"password1": secret + "s", "password2": secret + "s"}
    answer = browser.post(f"{address}/password/", {**sent, "usable_password": "true"})
    assert answer.status_code == 302
    events = AuditEvent.objects.filter(subject_kind="person", subject_key="lise")
    assert {event.action for event in events} == {"added", "password set"}
    assert all(secret not in event.after + event.before for event in events)
    assert browser.post(f"{address}/delete/", {"post": "yes"}).status_code == 403


def test_an_administrator_makes_no_superuser_and_changes_none(administrator):
    browser = pages.visitor(administrator)
    address = f"/admin/auth/user/{administrator.pk}/change/"
    answer = browser.post(
        address, {"username": "ada", "is_active": "on", "is_staff": "on"} | FORBIDDEN
    )
    assert answer.status_code == 302
    administrator.refresh_from_db()
    assert not administrator.is_superuser
    root = User.objects.create_superuser("root", password="correct horse root")
    address = f"/admin/auth/user/{root.pk}"
    assert browser.post(f"{address}/change/", {"username": "x"}).status_code == 403
    assert browser.post(f"{address}/password/", {}).status_code == 403


def test_an_administrator_of_one_camera_grants_no_role(instrument):
    user = people.make_person("ugo", "administrator", instrument)
    user.is_staff = True
    user.save()
    answer = pages.visitor(user).get("/admin/core/rolegrant/add/")
    assert answer.status_code == 403
