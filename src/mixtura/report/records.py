"""The same facts for machines: plain dicts with every digit, ready for JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.persistence import mixture_record

if TYPE_CHECKING:
    from mixtura.result import Fit


def fit_record(fit: Fit) -> dict[str, Any]:
    """A fit with its mixture, candidates and trace; what is not a finite number is None."""
    rival = fit.runner_up
    record = {
        "mixture": mixture_record(fit.mixture),
        "n_components": fit.mixture.n_components,
        "structure": fit.mixture.structure,
        "n_samples": fit.n_samples,
        "total_weight": fit.total_weight,
        "log_likelihood": fit.log_likelihood,
        "n_parameters": fit.mixture.n_parameters,
        "bic": fit.bic,
        "icl": fit.icl,
        "aic": fit.aic,
        "criterion": fit.criterion,
        "runner_up": None if rival is None else {"structure": rival.structure, "n_components": rival.n_components},
        "lead": fit.lead,
        "converged": fit.converged,
        "n_iter": fit.n_iter,
        "remaining_gain": fit.remaining_gain,
        "starts": asdict(fit.starts),
        "certainty": asdict(fit.certainty),
        "missing": None if fit.missing is None else asdict(fit.missing),
        "labelled": fit.labelled,
        "warnings": list(fit.warnings),
        "candidates": list(fit.table.rows()),
        "trace": list(fit.trace.rows()),
    }
    return {key: plain(value) for key, value in record.items()}


def plain(value: Any) -> Any:
    """Nested plain Python: arrays as lists, NumPy's numbers as Python's, NaN and infinities as None."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
