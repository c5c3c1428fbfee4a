"""The portal as a WSGI application."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taxicab.settings")
application = get_wsgi_application()

from taxicab.core.checks import refuse_unsafe_start  # noqa: E402  needs the apps
from taxicab.core.startup import load_pages  # noqa: E402

refuse_unsafe_start()
load_pages()
