"""Django settings: one file, differences by environment variables alone.

Every variable begins with ``TAXICAB_`` and is listed in docs/operations.md. With
nothing set the portal is embedded: SQLite, a local Redis, files under one folder.
"""

import os
from pathlib import Path

from taxicab.environment import (
    WEEKDAYS,
    clock_time,
    database_from_url,
    flag,
    is_loopback,
    one_of,
    positive,
    read_secret,
    time_zone,
    words,
)

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Where the portal keeps its things -------------------------------------------
TAXICAB_DATA = Path(os.environ.get("TAXICAB_DATA", BASE_DIR / "var")).resolve()
EVIDENCE_ROOT = TAXICAB_DATA / "evidence"  # reports, addressed by their SHA-256
# Images whose tiles are made once a report is ready; of the others when they are asked
# for. A full detector takes some 3 s on the queue of tiles, and 70 MB.
TILES_WITH_REPORT = positive("TAXICAB_TILES_WITH_REPORT", default=24)
# Signs decision records; outside the database, so that who owns that cannot sign.
SIGNING_KEY_FILE = Path(
    os.environ.get("TAXICAB_SIGNING_KEY_FILE", TAXICAB_DATA / "signing_key.pem")
)
WORK_ROOT = TAXICAB_DATA / "work"  # graphs, logs and exports of jobs

# --- Safety ----------------------------------------------------------------------
DEBUG = flag("TAXICAB_DEBUG", default=False)
DEFAULT_SECRET_KEY = "insecure-default-key-only-for-development"
SECRET_KEY = read_secret("TAXICAB_SECRET_KEY", default=DEFAULT_SECRET_KEY)
ALLOWED_HOSTS = words("TAXICAB_ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = words("TAXICAB_TRUSTED_ORIGINS")
BIND = os.environ.get("TAXICAB_BIND", "127.0.0.1:8000")
# The demo speaks plain HTTP on this machine alone; taxicab.core.checks refuses the
# flag on any bind but loopback, and a middleware who asks from elsewhere.
INSECURE_HTTP = flag("TAXICAB_INSECURE_HTTP", default=False) and (is_loopback(BIND))
SECURE_SSL_REDIRECT = not (DEBUG or INSECURE_HTTP)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not (DEBUG or INSECURE_HTTP)
SECURE_HSTS_SECONDS = 0 if DEBUG or INSECURE_HTTP else 31_536_000  # one year
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not (DEBUG or INSECURE_HTTP)
SECURE_REFERRER_POLICY = "same-origin"
if flag("TAXICAB_BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

# --- Applications ----------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "rest_framework.authtoken",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "taxicab.core",
    "calibrations",
    "reports",
    "taxicab.board",
    "distribution",
    "taxicab.demo",
]
MIDDLEWARE = [
    "taxicab.core.middleware.keep_plain_http_here",
    "django.middleware.security.SecurityMiddleware",
    "taxicab.core.middleware.content_security_policy",
    "taxicab.core.middleware.refuse_nul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "taxicab.core.middleware.hold_grants",
    "taxicab.core.middleware.show_known_errors",
]
ROOT_URLCONF = "taxicab.urls"
WSGI_APPLICATION = "taxicab.wsgi.application"
ASGI_APPLICATION = "taxicab.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "taxicab.core.context.portal",
            ],
            "builtins": ["taxicab.core.templatetags.portal"],
        },
    }
]

# --- Database --------------------------------------------------------------------
DATABASES = {
    "default": database_from_url(
        os.environ.get("TAXICAB_DATABASE_URL", ""),
        sqlite_path=TAXICAB_DATA / "portal.sqlite3",
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- People ----------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"

# --- Language and time: the portal speaks UTC and TAI, and says which -------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

# --- Static files ----------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = TAXICAB_DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}

# --- Celery ----------------------------------------------------------------------
CELERY_BROKER_URL = os.environ.get("TAXICAB_REDIS_URL", "redis://127.0.0.1:6379/0")
CELERY_TASK_IGNORE_RESULT = True  # the job row is the result
CELERY_TASK_DEFAULT_QUEUE = "portal"
# A step is taken once: a worker that dies leaves a lost job for a person to run
# again, it is never redelivered behind their back.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "find-lost-jobs": {
        "task": "taxicab.core.tasks.find_lost_jobs",
        "schedule": 30.0,  # seconds
    },
    "deliver-waiting-notices": {
        "task": "taxicab.core.tasks.deliver_waiting_notices",
        "schedule": 60.0,  # seconds
    },
    "schedule-meetings": {
        "task": "taxicab.board.tasks.schedule_meetings",
        "schedule": 300.0,  # seconds: a new ticket is flagged within this time
    },
    "retry-waiting-self-reviews": {
        "task": "distribution.tasks.retry_waiting_self_reviews",
        "schedule": 1800.0,  # seconds: raws of a new night come once a day
    },
}
CELERY_BEAT_SCHEDULE_FILENAME = str(TAXICAB_DATA / "celerybeat-schedule")
JOB_LOST_AFTER_S = positive("TAXICAB_JOB_LOST_AFTER_S", default=60)
JOB_HEARTBEAT_S = 5

# --- Being told ------------------------------------------------------------------
# Where e-mails and webhooks say that the portal is.
SITE_URL = os.environ.get("TAXICAB_SITE_URL", "").rstrip("/") or (
    f"http://{BIND}"
    if DEBUG or INSECURE_HTTP
    else f"https://{(ALLOWED_HOSTS or ['localhost'])[0]}"
)
EMAIL_HOST = os.environ.get("TAXICAB_EMAIL_HOST", "")
EMAIL_IS_SET = bool(EMAIL_HOST)
EMAIL_PORT = positive("TAXICAB_EMAIL_PORT", default=587)
EMAIL_HOST_USER = os.environ.get("TAXICAB_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = read_secret("TAXICAB_EMAIL_PASSWORD", default="")
EMAIL_USE_TLS = flag("TAXICAB_EMAIL_TLS", default=True)
EMAIL_TIMEOUT = 20  # seconds
DEFAULT_FROM_EMAIL = os.environ.get("TAXICAB_EMAIL_FROM", "taxicab@localhost")
# Webhooks inside the observatory's own network: an attacker's road into it as well.
WEBHOOK_PRIVATE = flag("TAXICAB_WEBHOOK_PRIVATE", default=False)

# --- REST ------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["taxicab.core.permissions.IsObserver"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["taxicab.core.parsers.PlainJSONParser"],
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "taxicab.api.answer_error",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "TAXICAB portal",
    "DESCRIPTION": (
        "Calibrations from raw exposures to adopted and deployed (DMTN-222). "
        "Send `Authorization: Token …`; poll deployments with `If-None-Match`."
    ),
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["taxicab.core.permissions.IsObserver"],
    "SCHEMA_PATH_PREFIX": "/api/v1/",
}

# --- The board -------------------------------------------------------------------
REQUIRED_ADOPTIONS = positive("TAXICAB_REQUIRED_ADOPTIONS", default=2)
MEETING_WEEKDAY = one_of("TAXICAB_MEETING_WEEKDAY", WEEKDAYS, default="Tuesday")
MEETING_TIME = clock_time("TAXICAB_MEETING_TIME", default="14:00")
MEETING_ZONE = time_zone("TAXICAB_MEETING_ZONE", default="America/Los_Angeles")
MEETING_MINUTES = positive("TAXICAB_MEETING_MINUTES", default=60)
MEETING_PLACE = os.environ.get("TAXICAB_MEETING_PLACE", "")  # a room, or a link

# --- Logging ---------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
