"""/healthz and /readyz tell machines what works."""

import redis
from django.conf import settings
from django.test import Client


def test_healthz_touches_nothing(client: Client):
    assert client.get("/healthz").content == b"ok"


def test_readyz_names_what_is_missing(client: Client, db: None):
    redis.Redis.from_url(settings.REDIS_URL).delete(settings.CANBAO_WORKER_SEEN_KEY)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {
        "database": True,
        "migrations": True,
        "broker": True,
        "worker": False,
    }


def test_readyz_with_a_real_worker(client: Client, worker, eventually):
    # Another test may have flushed the broker; the worker says so again within ten seconds.
    eventually(lambda: client.get("/readyz").status_code == 200, 30)

    assert client.get("/readyz").json()["worker"] is True


def test_readyz_without_broker(client: Client, db: None, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["broker"] is False
