"""What a caller gives of a start: parameters, responsibilities or labels, checked in scikit-learn's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.utils import check_array

from mixtura.estimators.covariance_types import covariance_shape, shapes_of
from mixtura.families.covariance import resolve_structure
from mixtura.families.gaussian import Gaussian
from mixtura.fixed import Fixed
from mixtura.mixture import Mixture
from mixtura.validation import Array, as_responsibilities


@dataclass(frozen=True, slots=True)
class Inits:
    """What a caller gives of a start, checked in scikit-learn's words.

    Attributes
    ----------
    weights, means, covariances : each may be None
    resp : (n_samples, n_components), from responsibilities or labels; None where neither is given
    """

    weights: Array | None
    means: Array | None
    covariances: Array | None
    resp: Array | None

    @classmethod
    def checked(cls, given: Mapping[str, Any], kind: str, n_components: int, shape: tuple[int, int]) -> Self:
        """From the estimator's parameters `weights_init`, `means_init`, …; `shape` is that of the rows."""
        n, d = shape
        weights, means = given["weights_init"], given["means_init"]
        if weights is not None:
            weights = _array(weights, "weights", (n_components,))
            if (weights < 0).any() or (weights > 1).any():
                raise ValueError(
                    "The parameter 'weights' should be in the range [0, 1], but got max value "
                    f"{weights.min():.5f}, min value {weights.max():.5f}"
                )
            if abs(1 - weights.sum()) > (1e-6 if weights.dtype == np.float32 else 1e-8):
                raise ValueError(
                    f"The parameter 'weights' should be normalized, but got sum(weights) = {weights.sum():.5f}"
                )
        if means is not None:
            means = _array(means, "means", (n_components, d))
        covariances = _covariances(given, kind, covariance_shape(kind, n_components, d))
        return cls(weights, means, covariances, _responsibilities(given, n, n_components))

    @property
    def whole(self) -> bool:
        """Whether nothing is left to find."""
        return self.weights is not None and self.means is not None and self.covariances is not None

    def check_fixed(self, fixed: Any, n_components: int) -> None:
        """Refuse parts that are to stay where nobody has said where."""
        asked = Fixed.parsed(fixed, n_components)
        if asked is None or self.resp is not None:
            return
        for part, given in (("weights", self.weights), ("means", self.means), ("covariances", self.covariances)):
            if getattr(asked, part) and given is None:
                raise ValueError(f"fixed holds {part} but {part}_init is not given; expected both, or labels_init.")

    def own_start(self, kind: str) -> Any:
        """What `mixtura.fit` may start from: a mixture, responsibilities, or None for its own starts."""
        if self.whole:
            return self.mixture(None, kind)
        if self.weights is not None or self.means is not None or self.covariances is not None:
            raise ValueError(
                "preset='mixtura' starts from weights_init, means_init and covariances_init together, from labels_init "
                "or responsibilities_init, or by itself."
            )
        return self.resp

    def mixture(self, found: Mixture[Any] | None, kind: str) -> Mixture[Any]:
        """What is given, and for the rest what was found."""
        if self.weights is None and self.means is None and self.covariances is None:
            assert found is not None
            return found
        weights = found.weights if self.weights is None and found is not None else self.weights
        means = found.components.means if self.means is None and found is not None else self.means
        assert weights is not None
        assert means is not None
        n_features = np.shape(means)[1]
        if self.covariances is None:
            assert found is not None
            components = Gaussian.from_factors(
                np.array(means, dtype=np.float64), found.components.factors, found.components.constraint
            )
        else:
            structure = resolve_structure(kind, n_features)
            shape = structure.form.stack_shape(1 if structure.shared else len(means), n_features)
            components = Gaussian(means, self.covariances.reshape(shape[1:] if structure.shared else shape), kind)
        weights = np.array(weights, dtype=np.float64)
        return Mixture(weights / weights.sum(), components)


def _array(value: Any, name: str, shape: tuple[int, ...]) -> Array:
    array: Array = check_array(value, dtype=[np.float64, np.float32], ensure_2d=False, allow_nd=len(shape) > 2)
    if array.shape != shape:
        raise ValueError(f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}")
    return array


def _covariances(given: Mapping[str, Any], kind: str, shape: tuple[int, ...]) -> Array | None:
    """Those given, or the inverses of the precisions."""
    precisions, covariances = given["precisions_init"], given["covariances_init"]
    if precisions is not None and covariances is not None:
        raise ValueError("precisions_init and covariances_init are both given; leave one out.")
    if precisions is None and covariances is None:
        return None
    matrices = shapes_of(kind).form.ndim == 2
    what = f"{kind} {'covariance' if precisions is None else 'precision'}"
    values = _array(covariances if precisions is None else precisions, what, shape)
    checked = np.asarray(_positive(values, what, matrices), dtype=np.float64)
    if precisions is None:
        return checked
    if not matrices:
        reciprocal: Array = 1 / checked
        return reciprocal
    stack = checked.reshape(-1, *checked.shape[-2:])
    identity = np.eye(stack.shape[-1])
    return np.stack([cho_solve(cho_factor(p, lower=True), identity) for p in stack]).reshape(shape)


def _positive(values: Array, name: str, matrices: bool) -> Array:
    """The values, if each is positive, or a symmetric and positive definite matrix."""
    if not matrices:
        if (values <= 0).any():
            raise ValueError(f"'{name}' should be positive")
        return values
    for matrix in values.reshape(-1, *values.shape[-2:]):
        if not np.allclose(matrix, matrix.T) or not (np.linalg.eigvalsh(matrix) > 0).all():
            raise ValueError(f"'{name}' should be symmetric, positive-definite")
    return values


def _responsibilities(given: Mapping[str, Any], n_samples: int, n_components: int) -> Array | None:
    resp, labels = given["responsibilities_init"], given["labels_init"]
    if resp is not None and labels is not None:
        raise ValueError("responsibilities_init and labels_init are both given; leave one out.")
    if resp is None and labels is None:
        return None
    checked = as_responsibilities(np.asarray(labels if resp is None else resp), n_samples)
    if resp is None and checked.shape[1] < n_components:
        checked = np.pad(checked, ((0, 0), (0, n_components - checked.shape[1])))
    if checked.shape[1] != n_components:
        raise ValueError(
            f"labels_init or responsibilities_init has {checked.shape[1]} components; expected {n_components}."
        )
    return checked
