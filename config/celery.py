"""The worker's way in; all its settings are the CELERY_… lines of the settings file."""

import os
import time

import redis
from celery import Celery
from celery.signals import heartbeat_sent
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("canbao")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

SEEN_EVERY = 10  # seconds; the worker's own heartbeat comes every two
SEEN_FOR = 60
_last_seen = 0.0


@heartbeat_sent.connect
def say_alive(**_: object) -> None:
    """Renew the key that /readyz looks for; the key dies a minute after the worker does."""
    global _last_seen
    if time.monotonic() - _last_seen >= SEEN_EVERY:
        _last_seen = time.monotonic()
        redis.Redis.from_url(settings.REDIS_URL).set(
            settings.CANBAO_WORKER_SEEN_KEY, "1", ex=SEEN_FOR
        )
