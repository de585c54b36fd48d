"""Engines, real data and the course exercise, for all tests."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

# Tests run in as many processes as there are cores, and matrices are small: BLAS's own threads would only spin.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest

import mixtura as mx

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session", params=["native", "reference"])
def engine(request) -> str:
    """Each engine: what holds for one must hold for the other."""
    return request.param


@pytest.fixture(scope="session")
def rows():
    """`rows("faithful")`: the rows of a data set, read-only."""

    def read(name: str):
        X = np.loadtxt(DATA / f"{name}.csv", delimiter=",", skiprows=1, ndmin=2)
        X.setflags(write=False)
        return X

    return read


@pytest.fixture(scope="session")
def columns():
    """`columns("faithful")`: the names of its columns."""

    def read(name: str) -> list[str]:
        with (DATA / f"{name}.csv").open() as file:
            return next(csv.reader(file))

    return read


@pytest.fixture(scope="session")
def mclust():
    """`mclust("faithful")`: what R's mclust 6.0.0 made of it."""
    return lambda name: json.loads((DATA / f"{name}.json").read_text())


@pytest.fixture(scope="session")
def faithful(rows):
    return rows("faithful")


@pytest.fixture(scope="session")
def theta0() -> mx.Mixture:
    """Where the course exercise starts."""
    return mx.Mixture(weights=[0.5, 0.5], components=mx.Gaussian(means=[6, 7], covariances=[1, 4]))


@pytest.fixture(scope="session")
def five() -> list[float]:
    """The five points of the course exercise."""
    return [-1, 0, 4, 5, 6]
