"""The portal as an ASGI application."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taxicab.settings")
application = get_asgi_application()

from taxicab.core.checks import refuse_unsafe_start  # noqa: E402  needs the apps

refuse_unsafe_start()
