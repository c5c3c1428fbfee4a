"""A real browser: what it is told by the console is part of every test."""

import os
import shutil
from dataclasses import dataclass, field

import pytest
from django.db import connections
from django.test import override_settings
from pytest_django.live_server_helper import LiveServer

from tests.support import pages

# Playwright's synchronous driver keeps an event loop in this thread; Django takes
# that for asynchronous code and would refuse its database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

ARGUMENTS = [
    "--headless",
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-background-networking",
]
VIOLATION = "Content Security Policy"


@dataclass
class Watched:
    """A page and what its console said."""

    page: object
    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def hear(self, message):
        """Keep errors; refused by the policy is worse than failed."""
        text = f"{self.page.url}: {message.text}"
        if VIOLATION in message.text:
            self.violations.append(text)
        elif message.type == "error":
            self.errors.append(text)

    def check_quiet(self):
        """Fail when the console said anything."""
        assert self.violations == []
        assert self.errors == []


@pytest.fixture(scope="session")
def chromium_path():
    """Where Chromium is; without it the run fails, it is never skipped."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail(
            "The browser tests need Chromium: install Debian's package (apt-get "
            "install chromium, as root) and run the tests again.",
            pytrace=False,
        )
    return path


@pytest.fixture(scope="session")
def browser(chromium_path):
    """One Chromium for all tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path, args=ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Open pages that are watched; of any width, in light or dark, for anybody."""
    contexts = []

    def open_(*, width=1440, scheme="light", scripts=True):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=scripts,
        )
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.page.on("console", watched.hear)
        watched.page.on(
            "pageerror", lambda error: watched.errors.append(f"script: {error}")
        )
        return watched

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture
def browser_page(open_page):
    """One watched page; at the end its console must have said nothing."""
    watched = open_page()
    yield watched
    watched.check_quiet()


@pytest.fixture
def site(transactional_db, valid_html):
    """Address of the portal, served from this process over plain HTTP.

    pytest-django's own fixture serves a whole session with one set of settings.
    """
    with override_settings(**pages.SETTINGS, ALLOWED_HOSTS=["localhost"]):
        # A browser lets go of its connections when it likes: their threads may still
        # close the shared database after the server has stopped.
        for connection in connections.all():
            connection.inc_thread_sharing()
        server = LiveServer("localhost")
        yield server.url
        server.stop()


@pytest.fixture
def log_in():
    """Log somebody in through the form, as they would."""

    def log_in_(watched, address, user, password):
        watched.page.goto(f"{address}/login/")
        watched.page.fill("#id_username", user)
        watched.page.fill("#id_password", password)
        watched.page.click("main button")
        watched.page.wait_for_url(lambda url: "/login/" not in url)

    return log_in_
