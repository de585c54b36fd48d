"""What `verbose` prints, in scikit-learn's words."""

from __future__ import annotations

from time import perf_counter


class Progress:
    """Says where a fit is: nothing at verbose 0, a line each at 1, with times and changes at 2.

    Parameters
    ----------
    verbose : 0, 1, 2
    interval : iterations between two lines
    """

    def __init__(self, verbose: int, interval: int) -> None:
        self.verbose, self.interval = int(verbose), interval
        self._began = self._last = perf_counter()

    def begin(self, init: int) -> None:
        """Before the first iteration of a start."""
        self._began = self._last = perf_counter()
        if self.verbose:
            print(f"Initialization {init}")

    def iteration(self, n_iter: int, change: float) -> None:
        """After each iteration; the change is the bound's."""
        if not self.verbose or n_iter % self.interval:
            return
        if self.verbose == 1:
            print(f"  Iteration {n_iter}")
            return
        now = perf_counter()
        print(f"  Iteration {n_iter}\t time lapse {now - self._last:.5f}s\t ll change {change:.5f}")
        self._last = now

    def end(self, lower_bound: float, converged: bool) -> None:
        """After the last iteration of a start."""
        if not self.verbose:
            return
        how = "converged" if converged else "did not converge"
        times = f" time lapse {perf_counter() - self._began:.5f}s\t lower bound {lower_bound:.5f}."
        print(f"Initialization {how}." + (times if self.verbose > 1 else ""))
