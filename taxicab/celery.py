"""The Celery application; workers take the queues of the repositories they serve."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taxicab.settings")

app = Celery("taxicab")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
