"""Gaussian components: shapes and structures, coordinates that keep digits, and numbers of any condition."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import ParameterError, ShapeError, StructureError
from mixtura.families.covariance import STRUCTURES, resolve_structure
from mixtura.families.gaussian import Gaussian
from mixtura.sources.base import Coordinates

K, D = 3, 2
COMPACT = {
    "VVV": (K, D, D),
    "EEE": (D, D),
    "VVI": (K, D),
    "EEI": (D,),
    "VII": (K,),
    "EII": (),
}


def gaussian(structure: str) -> mx.Gaussian:
    shape = COMPACT[structure]
    values = np.broadcast_to(np.eye(D) * 2 + 0.5, shape) if shape[-2:] == (D, D) else np.full(shape, 2.0)
    return mx.Gaussian(np.arange(K * D).reshape(K, D), values, structure)


@pytest.mark.parametrize("structure", COMPACT)
def test_covariances_keep_their_compact_shape(structure):
    components = gaussian(structure)
    assert components.structure == structure
    assert components.covariances.shape == COMPACT[structure]
    assert components.covariance_matrices.shape == (K, D, D)
    again = Gaussian.from_factors(components.means, components.factors, components.constraint)
    np.testing.assert_allclose(again.covariances, components.covariances, rtol=1e-15)


@pytest.mark.parametrize(("shape", "structure"), [((K, D, D), "VVV"), ((K, D), "VVI"), ((K,), "VII")])
def test_shape_says_the_structure(shape, structure):
    values = np.broadcast_to(np.eye(D), shape) if len(shape) == 3 else np.ones(shape)
    assert mx.Gaussian(np.zeros((K, D)), values).structure == structure


@pytest.mark.parametrize(("alias", "name"), [("full", "VVV"), ("tied", "EEE"), ("diag", "VVI"), ("spherical", "VII")])
def test_scikit_learns_names_are_understood(alias, name):
    assert gaussian(name) == mx.Gaussian(gaussian(name).means, gaussian(name).covariances, alias)


def test_one_matrix_for_all_asks_for_its_name():
    with pytest.raises(StructureError, match="structure='EEE'"):
        mx.Gaussian(np.zeros((K, D)), np.eye(D))


@pytest.mark.parametrize(("given", "name"), [("VVV", "V"), ("EEE", "E"), ("VII", "V"), ("tied", "E")])
def test_in_one_dimension_the_volume_letter_counts(given, name):
    assert mx.Gaussian([0, 1], [1, 2] if name == "V" else 1.0, given).structure == name


@pytest.mark.parametrize("structure", COMPACT)
def test_log_density_is_the_formula(structure):
    """−½ (D log 2π + log |Σ| + (x − μ)ᵀ Σ⁻¹ (x − μ)), each with 40 digits."""
    components, x = gaussian(structure), np.array([0.3, -1.7])
    got = components.component_log_prob(x[None, :])[0]
    with mpmath.workdps(40):
        for k in range(K):
            sigma = mpmath.matrix(components.covariance_matrices[k].tolist())
            off = mpmath.matrix((x - components.means[k]).tolist())
            square = (off.T * mpmath.lu_solve(sigma, off))[0]
            want = -(D * mpmath.log(2 * mpmath.pi) + mpmath.log(mpmath.det(sigma)) + square) / 2
            assert got[k] == pytest.approx(float(want), rel=1e-14)


@pytest.mark.parametrize("structure", COMPACT)
def test_inner_coordinates_are_another_view_of_the_same_density(structure):
    components = gaussian(structure)
    coordinates = Coordinates(np.array([3.0, -7.0]), 0.25)
    inner = coordinates.inward(components)
    x = np.array([[1.0, 2.0], [-3.0, 0.5]])
    got = inner.component_log_prob(coordinates.rows_inward(x)) + coordinates.log_jacobian
    np.testing.assert_allclose(got, components.component_log_prob(x), rtol=1e-14)
    back = coordinates.outward(inner)
    np.testing.assert_array_equal(back.means, components.means)
    np.testing.assert_array_equal(back.factors, components.factors)


def test_ill_conditioned_covariance_keeps_its_log_determinant():
    """Condition 1e12, entries exact: log |Σ| against 50 digits."""
    slope, eps = 0.5, 2.0**-40
    sigma = [[1.0, slope], [slope, slope**2 + eps]]  # det = eps, exactly
    components = mx.Gaussian([[0.0, 0.0]], [sigma])
    assert 2 * components.log_dets[0] == pytest.approx(math.log(eps), rel=1e-4)  # the square root costs half the digits
    exact = Gaussian.from_factors(np.zeros((1, 2)), np.array([[[1.0, 0.0], [slope, 2.0**-20]]]), STRUCTURES["VVV"])
    assert 2 * exact.log_dets[0] == pytest.approx(math.log(eps), rel=1e-15)


def test_columns_of_very_different_units_lose_no_digits():
    sigma = np.array([[1e18, 0.5], [0.5, 1e-18]])
    components = mx.Gaussian([[0.0, 0.0]], [sigma])
    np.testing.assert_allclose(components.factors[0] @ components.factors[0].T, sigma, rtol=1e-14)
    correlation = 0.5 / math.sqrt(1e18 * 1e-18)
    assert 2 * components.log_dets[0] == pytest.approx(math.log(1 - correlation**2), rel=1e-12)


@pytest.mark.parametrize(
    ("covariances", "structure", "error", "words"),
    [
        ([[[1, 2], [2, 1]]], "VVV", ParameterError, r"covariances\[0\] is not positive definite"),
        ([[[1, 0.5], [0.4, 1]]], "VVV", ParameterError, r"covariances\[0\] is not symmetric"),
        ([[[1, 0], [0, 0]]], "VVV", ParameterError, "not positive"),
        ([[1, -1]], "VVI", ParameterError, r"covariances\[0, 1\] is -1.0; a variance must be positive"),
        ([0.0], "VII", ParameterError, r"covariances\[0\] is 0.0"),
        ([np.nan], "VII", ParameterError, r"covariances\[0\] is nan"),
        ([[1, 1]], "EEE", ShapeError, r"shape \(1, 2\) but structure EEE .* \(2, 2\)"),
        ([[["a", 0], [0, 1]]], "VVV", ParameterError, "covariances must hold numbers"),
        ([1.0], "E", StructureError, "EII is its round analogue"),
        ([1.0], "VIV", StructureError, "Did you mean"),
    ],
)
def test_covariances_that_make_no_sense_are_refused(covariances, structure, error, words):
    with pytest.raises(error, match=words):
        mx.Gaussian([[0.0, 0.0]], covariances, structure)


@pytest.mark.parametrize("means", [np.zeros((2, 2, 2)), np.zeros((0, 2)), [[1.0, np.inf]], [[1.0], [1.0, 2.0]]])
def test_means_that_make_no_sense_are_refused(means):
    with pytest.raises((ShapeError, ParameterError), match="means"):
        mx.Gaussian(means, [1.0])


def test_dict_is_exact(theta0):
    for structure in COMPACT:
        assert Gaussian.from_dict(gaussian(structure).to_dict()) == gaussian(structure)


def test_repr_says_what_it_is():
    assert repr(gaussian("EEE")) == "Gaussian(n_components=3, n_features=2, structure='EEE')"
    assert resolve_structure("tied", 2).name == "EEE"
