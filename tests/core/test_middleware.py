"""Plain HTTP stays on the machine, whatever the server was told to listen on."""

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpResponse
from django.test import RequestFactory

from taxicab.core.middleware import keep_plain_http_here


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("127.0.0.1", 200),
        ("::1", 200),
        ("192.168.1.5", 403),
        ("2001:db8::5", 403),
        ("", 403),
    ],
)
def test_plain_http_from_elsewhere_is_refused(settings, address, status):
    settings.INSECURE_HTTP = True
    answer = keep_plain_http_here(lambda request: HttpResponse())
    request = RequestFactory().get("/", REMOTE_ADDR=address)
    assert answer(request).status_code == status


def test_https_needs_no_such_guard(settings):
    settings.INSECURE_HTTP = False
    with pytest.raises(MiddlewareNotUsed):
        keep_plain_http_here(lambda request: HttpResponse())
