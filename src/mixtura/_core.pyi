"""The compiled kernels. Everything here works in the coordinates u = (x - centre) * inverse_scale.

The instruction set is chosen when a function is called: the fastest that the machine has, or the one that the
environment variable ``MIXTURA_INSTRUCTION_SET`` (``baseline``, ``avx2`` or ``avx512``) names at that moment;
a name that is unknown or not available raises ValueError.

Every function releases the GIL while it computes and may be called from several threads at once. Threads are
started for the call alone, never more than ``n_threads``, than there are leaves of rows, or than the work is
worth. Results have the same bits for any ``n_threads``: leaves have a fixed number of rows and are added in order.

``X`` is float64 or float32 with any strides, read-only or not. With float32 the inner loops run in float32 and the sums
of blocks in float64; results are float64 always.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]
_Data = NDArray[np.float64] | NDArray[np.float32]

Statistics = tuple[float, float, _Float, _Float, _Float, _Float | None, float]
"""log_likelihood, log_max_resp, counts, sums, squares, scatter, count of noise: what `sweep` returns for a model."""

_Whole = NDArray[np.int64]

Climbed = tuple[_Float, _Float, _Float, _Float, _Float, _Float, _Whole, _Whole, _Whole, _Float]
"""What `climb` returns; B starts, K components, D features.

log_weights (B, K), means (B, K, D), factors (B, ...) as they came;
log_likelihood (B,) of these parameters, in u coordinates; log_max_resp (B,);
remaining (B,): Aitken's estimate of the log-likelihood still to be gained, inf where unknown;
n_iter (B,): readings of the rows after the first; n_kept (B,): those that the climb went on from;
status (B,): 0 converged, 1 max_iter reached, 2 collapsed, 3 emptied, 4 certificate violated (a bug);
noise_log_weights (B,), or (0,) where there is no noise.
"""

def instruction_sets() -> list[str]:
    """Names of the instruction sets that this machine can run, from the plainest to the fastest."""

def instruction_set() -> str:
    """The instruction set in force now."""

class Model:
    """The parameters of a mixture, copied and checked.

    Parameters
    ----------
    kind : {'full', 'tied', 'diag', 'tied_diag', 'spherical', 'tied_spherical'}
    log_weights : (K,) natural logarithms; -inf is legal and gives responsibilities of exactly 0
    means : (K, D)
    factors : L with covariance = L L': lower triangular (K, D, D) for 'full' and (D, D) for 'tied' (the strict upper
        part is ignored), standard deviations (K, D), (D,), (K,) and () or (1,) for the others
    noise_log_weight, noise_log_density : of noise that has the same density everywhere; -inf, the default, is none.
        Noise has a count in `sweep`, and in `evaluate` the label -1 and one more column, the last.

    Raises
    ------
    ValueError
        For an unknown kind, or shapes that do not fit together.
    TypeError
        For anything but float64 arrays.
    """

    def __init__(
        self,
        kind: str,
        log_weights: _Float,
        means: _Float,
        factors: _Float,
        noise_log_weight: float = ...,
        noise_log_density: float = 0.0,
    ) -> None: ...
    @property
    def kind(self) -> str: ...
    @property
    def n_components(self) -> int: ...
    @property
    def n_features(self) -> int: ...

def sweep(
    X: _Data,
    sample_weight: _Float | None,
    centre: _Float,
    inverse_scale: _Float,
    models: Sequence[Model],
    scatter: Sequence[bool],
    n_threads: int,
    about: Sequence[Model | None] | None = None,
) -> list[Statistics]:
    """One pass over the rows for a list of models: E-step and sufficient statistics of each.

    With z_ik = L_k^-1 (u_i - mu_k), l_ik = log pi_k + log p(u_i | k), r_ik = exp(l_ik - log sum_k exp l_ik)::

        log_likelihood = sum_i w_i log sum_k exp l_ik     (u coordinates: the caller adds the Jacobian)
        log_max_resp   = sum_i w_i log max_k r_ik
        counts[k]      = sum_i w_i r_ik
        sums[k]        = sum_i w_i r_ik z_ik
        squares[k]     = sum_i w_i r_ik |z_ik|^2
        scatter        = sum_i w_i r_ik z_ik z_ik'   (K, D, D) for 'full', summed over k (D, D) for 'tied',
                         its diagonal (K, D) for 'diag', summed over k (D,) for 'tied_diag', None for the others

    Parameters
    ----------
    X : (n, D)
    sample_weight : (n,) non-negative, or None; rows of weight 0 contribute exactly nothing, whatever they hold
    centre, inverse_scale : (D,)
    models : the mixtures; they share one reading of the rows
    scatter : whether the second moments are wanted, for each model; without them 'tied' costs N (D^2 / 2 + K D)
    n_threads : at least 1
    about : for each model None, or a model of the same kind and shape: responsibilities come from `models[i]`, z in
        sums, squares and scatter from `about[i]`

    Notes
    -----
    Finite as long as |z|^2 is finite for some component. Cost N K D^2 multiply-adds for 'full' with scatter.
    """

def evaluate(
    X: _Data,
    centre: _Float,
    inverse_scale: _Float,
    model: Model,
    *,
    component_log_prob: _Float | None = None,
    log_prob: _Float | None = None,
    responsibilities: _Float | None = None,
    labels: NDArray[np.int64] | None = None,
    uncertainty: _Float | None = None,
    n_threads: int,
) -> None:
    """Write what a model says about every row into C-contiguous arrays of the caller.

    component_log_prob : (n, K) log p(u | k), without the weight
    log_prob : (n,) log sum_k pi_k p(u | k)
    responsibilities : (n, K)
    labels : (n,) the component with the largest responsibility, the first on ties
    uncertainty : (n,) the sum of all responsibilities but that one: 1 - max without its rounding
    """

def scan(X: _Data, n_threads: int) -> tuple[_Float, _Float, int]:
    """The range of every column, and where the first cell stands that is NaN or infinite.

    Returns lowest (D,), highest (D,) as float64, and the cell counted along the rows (i * D + j), or -1. NaN takes no
    part in the ranges; without rows they are inf and -inf.
    """

def nearest(
    X: _Data,
    sample_weight: _Float | None,
    centre: _Float,
    inverse_scale: _Float,
    centers: _Float,
    labels: NDArray[np.int64] | NDArray[np.int32] | None,
    n_threads: int,
) -> tuple[float, _Float, _Float]:
    """One pass of Lloyd's algorithm: the nearest of the centers (K, D) by squared Euclidean distance, first on ties.

    Returns inertia = sum_i w_i min_k |u_i - c_k|^2, counts (K,) = sum of w, sums (K, D) = sum of w u, by cluster.
    Labels are written in place where an array (n,) is given.
    """

def update_distances(
    X: _Data,
    centre: _Float,
    inverse_scale: _Float,
    center: _Float,
    distances: _Float,
    n_threads: int,
) -> float:
    """distances[i] = min(distances[i], |u_i - center|^2) in place; returns their sum. For k-means++."""

def partition(
    X: _Data,
    sample_weight: _Float | None,
    centres: _Float,
    inverse_scales: _Float,
    factors: Sequence[_Float | None],
    some: _Whole | None,
    views: _Whole,
    lloyd: _Whole,
    spread: _Whole,
    uniforms: _Float,
    n_threads: int,
) -> NDArray[np.int32]:
    """Labels (B, n) of B partitions into K groups, one a start; starts run in parallel.

    Start b looks at the rows through view v = views[b]: L^-1 (x - centres[v]) * inverse_scales[v], L = factors[v] lower
    triangular or None for the identity; centres and inverse_scales (V, D). Its K centers are rows drawn with the
    numbers uniforms (B, K, T) in [0, 1), in proportion to their weight times the squared distance from those drawn
    before (k-means++): of spread[b] <= T draws the one that leaves the least. Where spread[b] is 0 the weight alone
    counts, and no row is drawn twice. lloyd[b] iterations follow at most. Seeds and
    iterations see the rows `some` alone, where given; all rows then go to the nearest center, the first on ties.
    Groups are numbered in the order in which they first appear: equal partitions have equal labels.
    """

def group(
    X: _Data,
    sample_weight: _Float | None,
    centre: _Float,
    inverse_scale: _Float,
    labels: NDArray[np.int32],
    n_components: int,
    n_threads: int,
) -> tuple[_Float, _Float, _Float]:
    """Moments of the groups of B partitions labels (B, n): counts (B, K), means (B, K, D), scatter (B, K, D, D).

    Two passes, the scatter sum_i w_i (u_i - mean)(u_i - mean)' about the means, so that nothing cancels; float64
    whatever X is. An empty group has mean and scatter 0.
    """

def shared_parts(structure: str, counts: _Float, old: _Float, roots: _Float, rounds: int) -> _Float:
    """M-steps of B stacks: square roots (B, K, D, D) or (B, K, D) of the mean scatter become factors of a structure.

    counts (B, K); old, like roots, gives volumes and axes to start from. At most `rounds` rounds. What is not finite is
    left so. The NumPy twin is mixtura.families.shared_parts.
    """

def factor_step(
    roots: _Float, loadings: _Float, uniquenesses: _Float, floor: _Float, rounds: int
) -> tuple[_Float, _Float, NDArray[np.bool_]]:
    """Rounds of an M-step of K factor analysers, from old ones: loadings (K, D, q), uniquenesses (K, D), served (K,).

    roots (K, D, r): R R' is the mean scatter; floor (D,), the smallest standard deviation. What is not served, graded
    parts and loadings of a rank below q, has undefined results. The NumPy twin is mixtura.families.factor_analysis.
    """

def factor_sum(loadings: _Float, uniquenesses: _Float) -> _Float:
    """Lower triangular factors (K, D, D) of Lambda Lambda' + Psi."""

def agglomerate(counts: _Float, means: _Float, scatter: _Float, tau: float, nu: float) -> NDArray[np.int32]:
    """Merge G groups two at a time, always those whose merging costs least, until one is left.

    Takes counts (G,), means (G, D) and scatter (G, D, D) about the means; the cost of a group is
    N log |(W + nu tau I) / (N + nu)| - 2 N log N. Gives (G - 1, 2): in each step the second group goes into the first.
    """

def climb(
    X: _Data,
    sample_weight: _Float | None,
    centre: _Float,
    inverse_scale: _Float,
    structure: str,
    log_weights: _Float,
    means: _Float,
    factors: _Float,
    floor: _Float,
    tol: float,
    max_iter: int,
    n_threads: int,
    trace: _Float | None = None,
    accelerate: bool = True,
    equal_weights: bool = False,
    noise_log_weights: _Float | None = None,
    noise_log_density: float = 0.0,
) -> Climbed:
    """EM from B starts on the same rows, each to its end, accelerated by SQUAREM; starts run in parallel.

    structure is one of VVV EEE VVI EEI VII EII; log_weights (B, K), means (B, K, D), factors (B, ...). A start stops
    where Aitken's estimate of what is left to gain lies below `tol` nats a unit of weight three times running, at
    `max_iter` M-steps, where some entry of the new factor's diagonal (or deviation) in column j falls below floor[j]
    or its Cholesky factor fails ('collapsed'), or where a component has no rows left ('emptied'). The parameters
    returned are the last sound ones, with their own log-likelihood.

    In trace (B, rows, 3), where given, each start writes (log-likelihood before, bound after, remaining) of the
    iterations it kept, as many as fit: log-likelihood <= bound <= next log-likelihood.
    """

def climb_many(
    X: _Data,
    sample_weight: _Float | None,
    centre: _Float,
    inverse_scale: _Float,
    structure: str,
    log_weights: _Float,
    means: _Float,
    factors: _Float,
    floor: _Float,
    tol: float,
    max_iter: int,
    n_threads: int,
    trace: _Float | None = None,
    accelerate: bool = True,
) -> Climbed:
    """`climb` for B data sets with one start each.

    X (B, n, D), sample_weight (B, n) or None, centre, inverse_scale and floor (B, D); the rest as in `climb`.
    """

def vector_function(name: Literal["exp", "log"], x: _Data) -> _Data:
    """exp (for x <= 0) or log (for x >= 1) as the kernels compute them, for tests of their error bounds; x is (n,)."""
