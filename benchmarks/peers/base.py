"""What a peer must do to be measured."""

from __future__ import annotations

import importlib
import importlib.metadata
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from workloads import Array, Parameters


@dataclass(frozen=True)
class Run:
    """One timed call: wall-clock seconds, where it ended, and how many iterations it says it took."""

    seconds: float
    parameters: Parameters
    n_iter: int | None = None


class Peer(ABC):
    """A way to fit Gaussian mixtures."""

    name: ClassVar[str]
    module: ClassVar[str]
    package: ClassVar[str]
    structures: ClassVar[tuple[str, ...]] = ("full", "tied", "diag", "spherical")
    single: ClassVar[bool] = True
    """Whether it computes in float32 when the rows are float32."""
    note: ClassVar[str] = ""

    def missing(self) -> str:
        """Why it cannot be run here; empty where it can."""
        try:
            importlib.import_module(self.module)
        except Exception as error:  # a broken installation is as good as none, and is reported
            return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        return ""

    def version(self) -> str:
        """Of the package."""
        return importlib.metadata.version(self.package)

    def refuses(self, structure: str, dtype: str) -> str:
        """Why it does not take part in a workload; empty where it does."""
        if structure not in self.structures:
            return f"no {structure} covariances"
        if dtype == "float32" and not self.single:
            return "double precision only"
        return ""

    def bytes_a_row(self, k: int, d: int) -> float:
        """Scratch memory it takes for each row, roughly; rows are cut where that would not fit."""
        return 0.0

    @abstractmethod
    def iterate(self, X: Array, start: Parameters, n_iter: int) -> Run:
        """EM from a start, exactly `n_iter` E-steps and M-steps."""

    @abstractmethod
    def fit(self, X: Array, k: int, structure: str, seed: int = 0, n_init: int | None = None) -> Run:
        """The default call: only the number of components and the structure are given (and n_init, where not None)."""

    def fit_each(self, batch: Array, k: int, structure: str) -> tuple[float, list[Parameters]]:
        """Default fits of many problems (problems, rows, columns): seconds in all, and where each ended."""
        runs = [self.fit(X, k, structure) for X in batch]
        return sum(run.seconds for run in runs), [run.parameters for run in runs]


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Wall-clock seconds of a call, and what it returned."""
    begin = time.perf_counter()
    value = call()
    return time.perf_counter() - begin, value


def numpy_of(tensor: Any) -> Array:
    """float64 of a torch tensor or anything like an array."""
    array = tensor.detach().cpu().numpy() if hasattr(tensor, "detach") else tensor
    return np.asarray(array, dtype=np.float64)
