"""Everything mixtura raises or warns about.

An error says what was wrong, where, what came, what was wanted, and what to do.
All errors are `MixturaError`; those about values are also `ValueError`, so ordinary handlers work.
"""


class MixturaError(Exception):
    """Base of every error that mixtura raises on purpose."""


class DataError(MixturaError, ValueError):
    """The rows cannot be used: missing cells, text, infinities, too few of them, a constant column."""


class ShapeError(MixturaError, ValueError):
    """Two arrays do not fit together."""


class ParameterError(MixturaError, ValueError):
    """A parameter of a mixture or an option of a call has a value that makes no sense."""


class StructureError(ParameterError):
    """An unknown covariance structure, or one that does not suit the covariances given."""


class SourceError(MixturaError, OSError):
    """A data file is missing, empty or not in a format that can be read."""


class ModelFileError(MixturaError, ValueError):
    """A model file is truncated, altered, or written by a newer version."""


class CollapseError(MixturaError, ArithmeticError):
    """Every start ended in a collapsed or emptied component, so there is no sound result."""


class CertificateError(MixturaError, AssertionError):
    """Likelihood <= bound <= next likelihood failed beyond rounding: a bug in mixtura, please report it."""


class CheckpointError(MixturaError, ValueError):
    """A checkpoint is of other rows, of another version, or damaged."""


class Interrupted(KeyboardInterrupt):
    """A fit with a checkpoint was interrupted; the text says how to continue."""


class MixturaWarning(UserWarning):
    """Base of every warning that mixtura gives."""


class DegenerateWarning(MixturaWarning):
    """A component collapsed (the likelihood is unbounded there) or lost all its rows."""


class ConvergenceWarning(MixturaWarning):
    """EM stopped at max_iter, before the estimated remaining gain fell below tol."""


class CheckpointWarning(MixturaWarning):
    """A checkpoint could not be written; the fit goes on, and tries again later."""
