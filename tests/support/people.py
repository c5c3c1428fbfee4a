"""People with roles, for tests."""

from django.contrib.auth import get_user_model

from taxicab.core.models import RoleGrant


def make_person(name, role, instrument=None, *, must_be_heard=False):
    """A person with one role; their password is not one of the default ones."""
    user, _ = get_user_model().objects.get_or_create(username=name)
    user.set_password(f"correct horse {name}")
    user.save()
    RoleGrant.objects.create(
        user=user, role=role, instrument=instrument, must_be_heard=must_be_heard
    )
    return user
