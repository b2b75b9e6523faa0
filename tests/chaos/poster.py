"""What happens at the clinic meanwhile: bookings, moves, cancellations, replies and opt-outs, posted as Wix and a
provider of texts post them, again and again until they are answered with 2xx. Every 2xx is journalled.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.chaos.clinic import INSTANCE, TOKEN, WIX_TOKEN
from tests.webhooks.wix_builder import WixBooking, claims, event, key_pair

THREADS = 4
TIMEOUT = 15
AGAIN = 0.5
WIX = f"/webhooks/wix/bookings/{WIX_TOKEN}"
TEXTS = f"/webhooks/sms/inbound/{TOKEN}"


@dataclass(frozen=True)
class Post:
    """One delivery: `key` is its identity, `patient` whom it is about."""

    key: str
    what: str
    patient: int
    path: str
    body: bytes
    type: str


def phone(patient: int) -> str:
    return f"+6149{patient:07d}"


def plan(events: int, seed: int) -> list[Post]:
    """As many deliveries, in the order in which they are posted; a patient's first is always a booking."""
    draw = random.Random(f"events {seed}")
    following: list[tuple[float, Post]] = []
    patient = 0
    while len(following) < events:
        patient += 1
        at = float(len(following)) + draw.random()
        following.append((at, _booking("confirmed", patient, 1)))
        later = at + draw.uniform(3, 60)
        kind = draw.random()
        if kind < 0.15:
            following.append((later, _booking("rescheduled", patient, 2, moved=True)))
        elif kind < 0.3:
            following.append((later, _booking("canceled", patient, 2)))
        elif kind < 0.5:
            following.append((later, _text(patient, "YES")))
        elif kind < 0.6:
            following.append((later, _text(patient, "STOP")))
    return [post for _, post in sorted(following[:events], key=lambda pair: pair[0])]


@lru_cache(maxsize=1)
def _key() -> Any:
    """The private key that deliveries are signed with, read once: reading it takes longer than signing."""
    return load_pem_private_key(key_pair()[0].encode(), None)


def _booking(kind: str, patient: int, sequence: int, *, moved: bool = False) -> Post:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(
        days=5 + patient % 20, hours=3 if moved else 0
    )
    booking = WixBooking(
        id=f"b-{patient}", start=start, phone=phone(patient), email=f"p{patient}@example.com",
        contact_id=f"c-{patient}", first_name=f"Pat{patient}", last_name="Chaos", instance_id=INSTANCE,
    )  # fmt: skip
    told = event(kind, booking, sequence=sequence, at=datetime.now(UTC) + timedelta(seconds=sequence))
    payload = {"data": claims(told, instance_id=INSTANCE)["data"]}
    body = jwt.encode(payload, _key(), algorithm="RS256").encode()
    return Post(f"evt-b-{patient}-{kind}-{sequence}", kind, patient, WIX, body, "text/plain")


def _text(patient: int, words: str) -> Post:
    key = f"in-{patient}-{words}"
    sms = {"message_id": key, "from": phone(patient), "to": "", "body": words}
    return Post(key, words, patient, TEXTS, json.dumps(sms).encode(), "application/json")


@dataclass
class Poster:
    """Posts a plan at `rate` a second (0: as fast as it can), a few of them twice."""

    port: int
    journal: Path
    posts: list[Post]
    rate: float
    seed: int
    #: Every answer: when it came (Unix seconds), its status, 0 where none came, and how long it took.
    answers: list[tuple[float, int, float]] = field(default_factory=list)
    #: When each key was answered with 2xx first.
    taken: dict[str, float] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._queue: queue.Queue[Post] = queue.Queue()
        self._file = self.journal.open("a")
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._post_all, daemon=True) for _ in range(THREADS)]
        for thread in [threading.Thread(target=self._feed, daemon=True), *self._threads]:
            thread.start()

    def join(self, seconds: float) -> bool:
        """Wait until everything was taken; False when that takes longer."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Give up what was not taken."""
        self.stopped.set()
        self.join(2 * TIMEOUT)

    def _feed(self) -> None:
        twice = random.Random(f"twice {self.seed}")
        began = time.monotonic()
        for number, post in enumerate(self.posts):
            if self.rate:
                time.sleep(max(began + number / self.rate - time.monotonic(), 0))
            for _ in range(2 if twice.random() < 0.05 else 1):
                self._queue.put(post)
        self._done.set()

    def _post_all(self) -> None:
        while not self.stopped.is_set():
            try:
                post = self._queue.get(timeout=0.2)
            except queue.Empty:
                if self._done.is_set():
                    return
                continue
            while not self.stopped.is_set() and not self._post(post):
                time.sleep(AGAIN)

    def _post(self, post: Post) -> bool:
        began = time.monotonic()
        status = 0
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request("POST", post.path, post.body, {"Content-Type": post.type})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            status = 0
        finally:
            connection.close()
        now = time.time()
        with self._lock:
            self.answers.append((now, status, time.monotonic() - began))
            if 200 <= status < 300:
                self.taken.setdefault(post.key, now)
                self._file.write(json.dumps({"key": post.key, "at": now}) + "\n")
                self._file.flush()
                os.fsync(self._file.fileno())
        return 200 <= status < 300
