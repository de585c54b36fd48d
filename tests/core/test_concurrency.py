"""Several Python threads at once, and calls after a fork."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import core_twin as twin
import numpy as np
import pytest

from mixtura import _core


def sweep_bytes(seed, n_threads=2):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((20000, 5))
    model = _core.Model("full", *twin.random_model(rng, "full", 4, 5))
    got = _core.sweep(X, None, np.zeros(5), np.ones(5), [model], [True], n_threads)[0]
    return b"".join(np.asarray(part).tobytes() for part in got)


def test_several_python_threads_at_once():
    want = [sweep_bytes(seed, 1) for seed in range(12)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(sweep_bytes, range(12))) == want


def _child(connection):
    connection.send(sweep_bytes(0))
    connection.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this platform")
def test_works_after_fork():
    want = sweep_bytes(0)
    context = multiprocessing.get_context("fork")
    for _ in range(3):
        here, there = context.Pipe()
        child = context.Process(target=_child, args=(there,))
        child.start()
        assert here.poll(30)
        assert here.recv() == want
        child.join(30)
        assert child.exitcode == 0
