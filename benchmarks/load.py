"""Clerks at work: each asks for a page, thinks, asks for the next; how long the pages take.

Threads and the standard library are enough for five requests a second. The mix is what a day in
the campaign looks like: the landing page most of all, then the names still missing, then search
and targets.
"""

import http.client
import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass

MIX = (
    ("landing", 6, "/341524/2024/progress/"),
    ("names", 2, "/341524/2024/names/missing/"),
    ("residents", 1, "/341524/2024/residents/"),
    ("targets", 1, "/341524/2024/targets/"),
)
TIMEOUT = 30


@dataclass
class Load:
    """What was measured: seconds of each request by page, and answers that were no page."""

    seconds: dict[str, list[float]]
    failures: list[str]

    def at(self, page: str, share: float) -> float:
        """The percentile of a page, 0.95 for p95."""
        found = sorted(self.seconds[page])
        return found[min(len(found) - 1, int(len(found) * share))] if found else float("nan")


def run(port: int, cookies: list[str], *, seconds: float, think: float, warm: float) -> Load:
    """Let one clerk per cookie work for `warm` + `seconds`; what came within `warm` is not counted.

    The pauses are drawn evenly from half to one and a half times `think`.
    """
    load = Load(defaultdict(list), [])
    begin = time.monotonic()

    def clerk(number: int) -> None:
        chance = random.Random(number)  # noqa: S311
        time.sleep(chance.uniform(0, think))
        names, weights, paths = zip(*MIX, strict=True)
        while (now := time.monotonic() - begin) < warm + seconds:
            place = chance.choices(range(len(names)), weights)[0]
            took, status = _get(port, paths[place], cookies[number])
            if status != 200:
                load.failures.append(f"{paths[place]}: {status}")
            elif now >= warm:
                load.seconds[names[place]].append(took)
            time.sleep(chance.uniform(think / 2, think * 1.5))

    threads = [threading.Thread(target=clerk, args=(n,)) for n in range(len(cookies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return load


def _get(port: int, path: str, cookie: str) -> tuple[float, int | str]:
    """Ask for a page; seconds to its last byte, and the status or what went wrong."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", path, headers={"Cookie": f"sessionid={cookie}"})
        answer = connection.getresponse()
        answer.read()
        return time.perf_counter() - began, answer.status
    except OSError as error:
        return time.perf_counter() - began, type(error).__name__
    finally:
        connection.close()
