"""What keeps an unsafe portal from starting."""

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured

from taxicab.core import checks


@pytest.fixture
def site(settings, tmp_path, monkeypatch):
    """A portal as production has it."""
    monkeypatch.delenv("TAXICAB_INSECURE_HTTP", raising=False)
    settings.DEBUG = False
    settings.SECRET_KEY = "f" * 60
    settings.ALLOWED_HOSTS = ["taxicab.example.org"]
    settings.TAXICAB_DATA = tmp_path
    return settings


def codes():
    return [problem.id for problem in checks.check_safety()]


def test_safe_settings_pass(site):
    assert codes() == []


def test_default_secret_key_is_refused(site):
    site.SECRET_KEY = site.DEFAULT_SECRET_KEY
    assert codes() == ["taxicab.E001"]


def test_empty_hosts_are_refused(site):
    site.ALLOWED_HOSTS = []
    assert codes() == ["taxicab.E002"]


@pytest.mark.parametrize(
    ("bind", "expected"),
    [
        ("127.0.0.1:8000", []),
        ("[::1]:8000", []),
        ("localhost:8000", []),
        ("0.0.0.0:8000", ["taxicab.E003"]),
        ("192.168.1.5:80", ["taxicab.E003"]),
        (":8000", ["taxicab.E003"]),
    ],
)
def test_plain_http_is_for_the_loopback(site, monkeypatch, bind, expected):
    monkeypatch.setenv("TAXICAB_INSECURE_HTTP", "1")
    site.BIND = bind
    assert codes() == expected


@pytest.mark.django_db
@pytest.mark.parametrize("password", ["admin", "taxicab", "nora"])
def test_default_password_stops_the_server(site, password):
    user = get_user_model().objects.create_user("nora", password=password)
    # Asked twice: what was found is not forgotten.
    for _ in range(2):
        assert checks.find_default_passwords() == ["nora"]
    with pytest.raises(ImproperlyConfigured, match="changepassword nora"):
        checks.refuse_unsafe_start()
    user.set_password("correct horse battery")
    user.save()
    assert checks.find_default_passwords() == []


@pytest.mark.django_db
def test_a_password_is_tried_once_and_again_when_it_changes(site):
    user = get_user_model().objects.create_user("nora", password="correct horse")
    assert checks.find_default_passwords() == []
    assert checks._seal(user) in checks._read_harmless()
    user.set_password("admin")
    user.save()
    assert checks.find_default_passwords() == ["nora"]
