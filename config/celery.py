"""The worker's way in; all its settings are the CELERY_… lines of the settings file."""

import logging
import os
import time
from typing import Any

import redis
from celery import Celery
from celery.contrib.django.task import DjangoTask
from celery.signals import heartbeat_sent
from django.conf import settings
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

SEEN_EVERY = 10  # seconds; the worker's own heartbeat comes every two
SEEN_FOR = 60
_last_seen = 0.0


class Doorbell(DjangoTask):
    """A task whose message may get lost: what is to be done stands in the database.

    So a broker that is away must not turn a clerk's finished upload into an error page; the
    next tick finds the work.
    """

    abstract = True

    def apply_async(self, *args: Any, **options: Any) -> Any:
        try:
            return super().apply_async(*args, **options)
        except OperationalError as error:
            logging.getLogger(__name__).warning("%s waits for the next tick: %s", self.name, error)
            return None


app = Celery("canbao", task_cls=Doorbell)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@heartbeat_sent.connect
def say_alive(**_: object) -> None:
    """Renew the key that /readyz looks for; the key dies a minute after the worker does."""
    global _last_seen
    if time.monotonic() - _last_seen >= SEEN_EVERY:
        _last_seen = time.monotonic()
        redis.Redis.from_url(settings.REDIS_URL).set(
            settings.CANBAO_WORKER_SEEN_KEY, "1", ex=SEEN_FOR
        )
