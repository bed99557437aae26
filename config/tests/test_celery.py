"""Messages are hints: the broker's absence is nobody's error."""

import subprocess
import sys

from config.environment import BASE_DIR
from enrollment.tasks import run_job

RING = """
import django
django.setup()
from enrollment.tasks import run_job
print(run_job.delay(1))
"""


def test_a_lost_message_raises_nothing(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")

    done = subprocess.run(
        [sys.executable, "-c", RING], cwd=BASE_DIR, capture_output=True, text=True, timeout=30
    )

    assert done.stdout == "None\n"
    assert "waits for the next tick" in done.stderr


def test_a_worker_takes_a_task(worker, eventually):
    run_job.delay(0)

    eventually(lambda: "enrollment.tasks.run_job" in worker.log.partition("ready.")[2])
