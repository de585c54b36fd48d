"""Reading ahead: blocks are decoded on a thread of their own while the kernels work on the last ones."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")

DEPTH = 2
"""Blocks that wait decoded; one more is being filled."""

PATIENCE = 0.1
"""Seconds after which a waiting reader looks whether anybody still wants its blocks."""


def read_ahead(items: Iterator[T], depth: int = DEPTH) -> Iterator[T]:
    """The same items in the same order, produced by a thread that stays at most `depth` ahead.

    An exception of the producer is raised here, in its place. Where the consumer stops early, so does the thread.
    """
    ready: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(depth)
    given_up = threading.Event()

    def put(item: tuple[bool, T | BaseException | None]) -> bool:
        while not given_up.is_set():
            try:
                ready.put(item, timeout=PATIENCE)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))

    thread = threading.Thread(target=produce, name="mixtura-read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            more, item = ready.get()
            if not more:
                if isinstance(item, BaseException):
                    raise item
                return
            yield item  # type: ignore[misc]
    finally:
        given_up.set()
        thread.join()
