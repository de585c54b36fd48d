"""Discriminant analysis by mixtures: classes are known, and each has a density of its own.

p(class c | x) = τ_c p(x | c) / Σ_b τ_b p(x | b)

EDDA gives each class one component, all under one structure (Bensmail & Celeux 1996). MclustDA gives each class a
mixture of its own (Hastie & Tibshirani 1996; Fraley & Raftery 2002).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mixtura.algorithms.iteration import inner_floor, outward
from mixtura.algorithms.start import Grouping
from mixtura.errors import CollapseError, DataError, DegenerateWarning, MixturaWarning
from mixtura.families.covariance import resolve_structure, resolve_structures
from mixtura.fitting import fit
from mixtura.mixture import Mixture
from mixtura.result import Fit
from mixtura.sources import Source, as_source
from mixtura.sources.strata import StratifiedSource
from mixtura.sweep.reference import log_sum_exp
from mixtura.tables import Table
from mixtura.validation import Array, Labels, frozen

CLASS_COMPONENTS = range(1, 6)
"""Components of a class to try where no number is given: mclust's choice."""

SHARED = (("EEE", "EEI", "EII"), ("E",))
"""Structures with one covariance for all classes, in several columns and in one."""


@dataclass(frozen=True, slots=True)
class Discriminant:
    """A mixture for each class, and how frequent the classes are.

    Attributes
    ----------
    mixtures : one a class
    priors : (n_classes,), τ, summing to one
    n_parameters : of all classes, n_classes − 1 priors among them
    table : what was compared: structures for EDDA, the chosen model of each class for MclustDA
    warnings : what to be careful about, in words
    """

    mixtures: tuple[Mixture[Any], ...]
    priors: Array
    n_parameters: int
    table: Table
    warnings: list[str]

    def joint_log_prob(self, X: Any) -> Array:
        """(n_samples, n_classes): log τ_c + log p(x | c), nats."""
        with np.errstate(divide="ignore"):
            log_priors = np.log(self.priors)
        return np.stack([mixture.log_prob(X) for mixture in self.mixtures], axis=1) + log_priors

    def log_prob(self, X: Any) -> Array:
        """(n_samples,): log p(x) over all classes, nats."""
        return log_sum_exp(self.joint_log_prob(X))[0]

    def responsibilities(self, X: Any) -> Array:
        """(n_samples, n_classes): p(class | x); rows sum to one."""
        return log_sum_exp(self.joint_log_prob(X))[2]

    def predict(self, X: Any) -> Labels:
        """(n_samples,): the most probable class, from 0."""
        labels: Labels = self.joint_log_prob(X).argmax(axis=1)
        return labels

    def log_likelihood(self, X: Any, sample_weight: Any = None) -> float:
        """Σ w log p(x), total nats."""
        return float(np.sum(self.log_prob(X) * (1.0 if sample_weight is None else np.asarray(sample_weight))))

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """p log n − 2 L; smaller is better."""
        total = float(len(X) if sample_weight is None else np.sum(sample_weight))
        return self.n_parameters * math.log(total) - 2 * self.log_likelihood(X, sample_weight)

    def with_priors(self, priors: Any) -> Discriminant:
        """The same densities with other priors (n_classes,)."""
        return replace(self, priors=frozen(np.array(priors, dtype=np.float64)))


def edda(X: Any, labels: Labels, structure: str | Iterable[str] = "all", sample_weight: Any = None) -> Discriminant:
    """One component a class, all under the structure of the smallest BIC: the M-step at the labels.

    Parameters
    ----------
    X : (n_samples, n_features)
    labels : (n_samples,), classes from 0, each with rows
    structure : "all", a name or several
    sample_weight : (n_samples,), optional

    Raises
    ------
    CollapseError
        Where no structure is sound: with few rows in a class, structures that share covariances are.

    Examples
    --------
    >>> edda([[0.0], [1.0], [5.0], [8.0]], np.array([0, 0, 1, 1]), "V").predict([[2.0], [4.0]])
    array([0, 1])
    """
    source = as_source(X, sample_weight)
    densities = _with_gaps if isinstance(source, StratifiedSource) else _whole
    found, trouble = [], []
    for joint, words in densities(source, labels, resolve_structures(structure, source.n_features)):
        found.append((joint, joint.log_likelihood(X, sample_weight)))
        trouble.append(words)
    bic = [joint.n_parameters * math.log(source.total_weight) - 2 * value for joint, value in found]
    table = Table(
        {
            "structure": [joint.structure for joint, _ in found],
            "log_likelihood": [value for _, value in found],
            "n_parameters": [joint.n_parameters for joint, _ in found],
            "bic": bic,
            "trouble": trouble,
        }
    )
    sound = [i for i, words in enumerate(trouble) if not words]
    if not sound:
        raise CollapseError(
            f"no structure of {', '.join(table['structure'])} is sound: {trouble[0]}. Allow structures that share "
            "covariances, such as EEE, EEI or EII, or leave out columns that depend on each other."
        )
    joint = found[min(sound, key=lambda i: bic[i])][0]
    alone = tuple(joint.take([c]) for c in range(joint.n_components))
    return Discriminant(alone, joint.weights, joint.n_parameters, table, [])


def _whole(source: Source, labels: Labels, structures: Sequence[str]) -> Iterator[tuple[Mixture[Any], str]]:
    """One component a class, and what is wrong with them in words, for each structure: the M-step at the labels."""
    grouping, floor = Grouping.of(source, np.eye(int(labels.max()) + 1)[labels]), inner_floor(source)
    for name in structures:
        start = grouping.mixture(resolve_structure(name, source.n_features), floor, "known classes")
        trouble = f"class {start.collapsed[0]} has no spread in some direction" if start.collapsed else ""
        yield outward(start.mixture, source.coordinates).with_names(columns=source.columns), trouble


def _with_gaps(source: Source, labels: Labels, structures: Sequence[str]) -> Iterator[tuple[Mixture[Any], str]]:
    """The same where cells are missing: EM with all labels known."""
    for name in structures:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MixturaWarning)  # what is wrong is handed on
            found = fit(source, int(labels.max()) + 1, name, y=labels, n_starts=1, improve=False)
        yield found.mixture, found.chosen.trouble


def mclust_da(
    X: Any,
    labels: Labels,
    n_components: int | Iterable[int] | None = None,
    structure: str | Iterable[str] = "all",
    sample_weight: Any = None,
    names: Sequence[str] | None = None,
    **options: Any,
) -> Discriminant:
    """A mixture for each class, with its own number of components and structure by the criterion.

    Parameters
    ----------
    X : (n_samples, n_features)
    labels : (n_samples,), classes from 0, each with rows
    n_components, structure : candidates for every class, as in `mixtura.fit`; 1 to 5 components where not given
    sample_weight : (n_samples,), optional
    names : of the classes, for the table and warnings
    options : of `mixtura.fit`

    Raises
    ------
    CollapseError
        Where a class has no sound model of its own, and classes together have no covariance to share either.

    Notes
    -----
    A class without a sound model of its own (too few rows, a column that does not vary in it) takes one component with
    the covariance that all classes share, as in EDDA; a warning names it.

    Examples
    --------
    >>> X = [[0.0], [0.2], [9.0], [9.1], [4.0], [4.5], [5.0]]
    >>> found = mclust_da(X, np.array([0, 0, 0, 0, 1, 1, 1]), n_components=[1, 2], structure="E")
    >>> [mixture.n_components for mixture in found.mixtures]
    [2, 1]
    """
    rows, classes = np.asarray(X), int(labels.max()) + 1
    weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    mixtures: list[Mixture[Any]] = []
    said: list[str] = []
    for c in range(classes):
        own, name = labels == c, c if names is None else names[c]
        try:
            found = _own_fit(rows[own], n_components, structure, None if weights is None else weights[own], options)
            mixtures.append(found.mixture)
            said += [f"class {name}: {words}" for words in found.warnings]
        except (CollapseError, DataError) as error:
            mixtures.append(edda(rows, labels, SHARED[rows.shape[1] == 1], weights).mixtures[c])
            said.append(
                f"class {name} with {own.sum()} rows has no sound mixture of its own; it takes one component with the "
                f"covariance that all classes share. The reason: {error}"
            )
    for words in said:
        warnings.warn(words, DegenerateWarning, stacklevel=2)
    counts = np.bincount(labels, weights)
    table = Table(
        {
            "class": [str(name) for name in (range(classes) if names is None else names)],
            "share": counts / counts.sum(),
            "structure": [mixture.structure for mixture in mixtures],
            "n_components": [mixture.n_components for mixture in mixtures],
            "n_parameters": [mixture.n_parameters for mixture in mixtures],
        }
    )
    n_parameters = sum(mixture.n_parameters for mixture in mixtures) + classes - 1
    return Discriminant(tuple(mixtures), frozen(counts / counts.sum()), n_parameters, table, said)


def _own_fit(rows: Any, n_components: Any, structure: Any, weights: Array | None, options: dict[str, Any]) -> Fit:
    """`fit` of the rows of one class, with no more components than it has rows; nothing is warned about here."""
    numbers = CLASS_COMPONENTS if n_components is None else n_components
    if isinstance(numbers, Iterable):
        numbers = [k for k in numbers if k <= len(rows)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixturaWarning)  # they are in the fit's own list
        return fit(rows, numbers, structure, sample_weight=weights, on_degenerate="raise", **options)
