// The M-step of factor analysers: src/mixtura/families/factor_analysis.py in C++, for components that are well scaled.
//
// S = R R' is the mean scatter, Sigma = Lambda Lambda' + Psi. Each round takes Lambda to its best within a subspace that
// holds the old one, and then every psi_i to its conditional optimum, so log |Sigma| + tr(S Sigma^-1) never rises.
#pragma once

#include <limits>

#include "jacobi.hpp"
#include "memory.hpp"

namespace mixtura::MIXTURA_ARCH {

class FactorStep {
public:
    FactorStep(std::int64_t D, std::int64_t r, std::int64_t q)
        : D_(D), r_(r), q_(q), most_(blocks * q), white_(D * r + 1), basis_(most_ * D + 1), seen_(most_ * r + 1),
          turn_(most_ * most_ + 1), inner_(q * q + 1), lower_(q * q + 1), beta_(q + 1), sums_(q * r + 1), rest_(r + 1),
          spread_(D + 1) {}

    // lambda (D, q) and psi (D) become better; false, with both undefined, where they are graded or of too low a rank.
    bool operator()(const double* R, const double* floor, double* lambda, double* psi, int rounds) {
        for (int round = 0; round < rounds; ++round)
            if (!better_loadings(R, psi, lambda) || !better_uniquenesses(R, floor, lambda, psi)) return false;
        return true;
    }

private:
    // Rayleigh-Ritz on A A', A = Psi^-1/2 R, over a block Krylov space that begins with the old factors: Ritz values never
    // fall, and these steps of a subspace iteration with memory follow the leading axes from M-step to M-step.
    bool better_loadings(const double* R, const double* psi, double* lambda) {
        for (std::int64_t i = 0; i < D_; ++i) {
            spread_[i] = std::sqrt(psi[i]);
            for (std::int64_t m = 0; m < r_; ++m) white_[i * r_ + m] = R[i * r_ + m] / spread_[i];
            if (!(square(white_.get() + i * r_, r_) <= graded)) return false;
        }
        found_ = 0;
        for (std::int64_t f = 0; f < q_; ++f) {
            for (std::int64_t i = 0; i < D_; ++i) basis_[found_ * D_ + i] = lambda[i * q_ + f] / spread_[i];
            if (!take()) return false;
        }
        for (std::int64_t first = 0, block = 0; block < blocks; ++block) {
            const std::int64_t last = found_;
            for (std::int64_t v = first; v < last; ++v) look(v);
            for (std::int64_t v = first; block + 1 < blocks && v < last && found_ < D_; ++v) {
                for (std::int64_t i = 0; i < D_; ++i)
                    basis_[found_ * D_ + i] = dot(white_.get() + i * r_, seen_.get() + v * r_, r_);
                take();
            }
            first = last;
        }
        orthogonalise(seen_.get(), found_, r_, turn_.get());
        for (std::int64_t f = 0; f < q_; ++f) {
            std::int64_t best = 0;
            double theta = -1;
            for (std::int64_t v = 0; v < found_; ++v) {
                const double value = square(seen_.get() + v * r_, r_);
                if (value > theta) theta = value, best = v;
            }
            std::memset(static_cast<void*>(seen_.get() + best * r_), 0, r_ * sizeof(double));
            const double size = theta > 1 ? std::sqrt(theta - 1) : 0;
            for (std::int64_t i = 0; i < D_; ++i) {
                double total = 0;
                for (std::int64_t v = 0; v < found_; ++v) total += basis_[v * D_ + i] * turn_[v * found_ + best];
                lambda[i * q_ + f] = size * spread_[i] * total;
            }
        }
        return true;
    }
    // The next vector of the basis, made orthogonal to those before it and kept unless nothing is left.
    bool take() {
        double* v = basis_.get() + found_ * D_;
        const double before = std::sqrt(square(v, D_));
        for (int pass = 0; pass < 2; ++pass)
            for (std::int64_t j = 0; j < found_; ++j) {
                const double* u = basis_.get() + j * D_;
                const double along = dot(u, v, D_);
                for (std::int64_t i = 0; i < D_; ++i) v[i] -= along * u[i];
            }
        const double norm = std::sqrt(square(v, D_));
        if (!(norm > nothing * before)) return false;
        for (std::int64_t i = 0; i < D_; ++i) v[i] /= norm;
        ++found_;
        return true;
    }
    // seen_v = A' basis_v
    void look(std::int64_t v) {
        double* out = seen_.get() + v * r_;
        std::memset(static_cast<void*>(out), 0, r_ * sizeof(double));
        for (std::int64_t i = 0; i < D_; ++i) {
            const double along = basis_[v * D_ + i];
            const double* row = white_.get() + i * r_;
            for (std::int64_t m = 0; m < r_; ++m) out[m] += along * row[m];
        }
    }

    // psi_i <- max(rho_i - c_i, floor^2): c_i is the variance of the common part of column i given the other columns, and
    // rho_i the mean square of what their regression leaves of it. With M = I + sum_j lambda_j lambda_j' / psi_j over the
    // others, c_i = lambda_i' M^-1 lambda_i and the regression is lambda_i' M^-1 sum_j lambda_j x_j / psi_j.
    bool better_uniquenesses(const double* R, const double* floor, const double* lambda, double* psi) {
        for (std::int64_t a = 0; a < q_ * q_; ++a) inner_[a] = a % (q_ + 1) == 0 ? 1 : 0;
        std::memset(static_cast<void*>(sums_.get()), 0, q_ * r_ * sizeof(double));
        for (std::int64_t i = 0; i < D_; ++i) add(R, lambda, i, 1 / psi[i]);
        double trace = 0;
        for (std::int64_t a = 0; a < q_; ++a) trace += inner_[a * (q_ + 1)];
        if (!(trace <= graded)) return false;
        for (std::int64_t i = 0; i < D_; ++i) {
            const double* own = lambda + i * q_;
            add(R, lambda, i, -1 / psi[i]);
            if (!solve(own)) return false;
            double common = 0;
            for (std::int64_t m = 0; m < r_; ++m) rest_[m] = R[i * r_ + m];
            for (std::int64_t a = 0; a < q_; ++a) {
                common += own[a] * beta_[a];
                const double* row = sums_.get() + a * r_;
                for (std::int64_t m = 0; m < r_; ++m) rest_[m] -= beta_[a] * row[m];
            }
            const double least = std::fmax(floor[i] * floor[i], smallest_step * psi[i]);
            psi[i] = std::fmax(square(rest_.get(), r_) - common, least);
            add(R, lambda, i, 1 / psi[i]);
        }
        return true;
    }
    void add(const double* R, const double* lambda, std::int64_t i, double share) {
        for (std::int64_t a = 0; a < q_; ++a) {
            const double scaled = share * lambda[i * q_ + a];
            for (std::int64_t b = 0; b < q_; ++b) inner_[a * q_ + b] += scaled * lambda[i * q_ + b];
            for (std::int64_t m = 0; m < r_; ++m) sums_[a * r_ + m] += scaled * R[i * r_ + m];
        }
    }
    // beta = M^-1 x by Cholesky
    bool solve(const double* x) {
        for (std::int64_t a = 0; a < q_; ++a)
            for (std::int64_t b = 0; b <= a; ++b) {
                double left = inner_[a * q_ + b];
                for (std::int64_t c = 0; c < b; ++c) left -= lower_[a * q_ + c] * lower_[b * q_ + c];
                if (a == b && !(left > 0)) return false;
                lower_[a * q_ + b] = a == b ? std::sqrt(left) : left / lower_[b * q_ + b];
            }
        for (std::int64_t a = 0; a < q_; ++a) {
            double left = x[a];
            for (std::int64_t b = 0; b < a; ++b) left -= lower_[a * q_ + b] * beta_[b];
            beta_[a] = left / lower_[a * q_ + a];
        }
        for (std::int64_t a = q_ - 1; a >= 0; --a) {
            double left = beta_[a];
            for (std::int64_t b = a + 1; b < q_; ++b) left -= lower_[b * q_ + a] * beta_[b];
            beta_[a] = left / lower_[a * q_ + a];
        }
        return true;
    }
    static double dot(const double* a, const double* b, std::int64_t n) {
        double part[4] = {0, 0, 0, 0};
        std::int64_t m = 0;
        for (; m + 4 <= n; m += 4)
            for (int l = 0; l < 4; ++l) part[l] += a[m + l] * b[m + l];
        for (; m < n; ++m) part[0] += a[m] * b[m];
        return (part[0] + part[1]) + (part[2] + part[3]);
    }

    static constexpr std::int64_t blocks = 3;
    static constexpr double graded = 1e8;     // |A|^2 of a row, and the trace of M: sums of squares cost so many digits
    static constexpr double nothing = 1e-10;  // of a vector's length, in the span of those before it
    static constexpr double smallest_step = 0.01;  // as SMALLEST_STEP in Python
    const std::int64_t D_, r_, q_, most_;
    std::int64_t found_ = 0;
    Buffer<double> white_, basis_, seen_, turn_, inner_, lower_, beta_, sums_, rest_, spread_;
};

inline bool factor_step(std::int64_t D, std::int64_t r, std::int64_t q, const double* R, const double* floor, double* lambda,
                        double* psi, int rounds) {
    return FactorStep(D, r, q)(R, floor, lambda, psi, rounds);
}

// Lower triangular L (D, D), L L' = Lambda Lambda' + Psi: sqrt(Psi) and one column of Lambda after the other, by rotations.
inline void factor_sum(std::int64_t D, std::int64_t q, const double* lambda, const double* psi, double* L) {
    Buffer<double> upper(D * D + 1), column(D + 1);
    for (std::int64_t i = 0; i < D; ++i) upper[i * (D + 1)] = std::sqrt(psi[i]);
    for (std::int64_t f = 0; f < q; ++f) {
        for (std::int64_t i = 0; i < D; ++i) column[i] = lambda[i * q + f];
        for (std::int64_t j = 0; j < D; ++j) {
            double* row = upper.get() + j * D;
            const double length = std::hypot(row[j], column[j]), c = row[j] / length, s = column[j] / length;
            turn_pair(row + j, column.get() + j, D - j, 1, c, s);
            row[j] = length;
        }
    }
    for (std::int64_t i = 0; i < D; ++i)
        for (std::int64_t j = 0; j < D; ++j) L[i * D + j] = j <= i ? upper[j * D + i] : 0;
}

}  // namespace mixtura::MIXTURA_ARCH
