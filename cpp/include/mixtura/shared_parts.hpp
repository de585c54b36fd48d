// M-steps of structures whose components share volume, shape or orientation: src/mixtura/families/shared_parts.py in C++.
//
// Sigma_k = lambda_k D_k A_k D_k', det A_k = 1. Each takes square roots of the mean scatter, W_k / N_k = R_k R_k', and leaves
// the factors of the new covariances. Parts are minimised in turn from the old ones, so the objective
// sum_k N_k log det Sigma_k + tr(W_k Sigma_k^-1) falls in every round; a few rounds are enough on the way (a generalised
// EM step), and the volume comes last, so that the squares left are one a row and column, as everywhere.
#pragma once

#include "jacobi.hpp"
#include "mstep.hpp"

namespace mixtura::MIXTURA_ARCH {

class SharedParts {
public:
    SharedParts(Parts parts, std::int64_t K, std::int64_t D)
        : parts_(parts), K_(K), D_(D), spread_(K * D + 1), log_lambda_(K + 1), shape_(D + 1), rows_(K * D * D + 1),
          other_(K * D * D + 1), matrix_(D * D + 1), turn_(D * D + 1) {}

    // Floats of state beside the factors: common axes (D, D), where there are any.
    static std::int64_t state_size(Parts parts, std::int64_t D) { return common_axes(parts) ? D * D : 0; }

    // The axes of given factors, into `axes`; only where there is state.
    void look(const double* factors, double* axes) {
        for (std::int64_t k = 0; k < K_; ++k) {
            const double scale = std::sqrt(1 + 0.618 * double(k)) * std::exp(-0.5 * log_volume(factors, k));
            for (std::int64_t i = 0; i < D_; ++i)
                for (std::int64_t j = 0; j < D_; ++j)
                    rows_[(i * K_ + k) * D_ + j] = j <= i ? scale * factors[(k * D_ + i) * D_ + j] : 0;
        }
        orthogonalise(rows_.get(), D_, K_ * D_, axes);
    }

    // R_k -> L_k in place; false where something is not finite. `old` are the factors before: only their volumes count.
    bool operator()(const double* counts, const double* old, double* factors, double* axes) {
        return (*this)(counts, old, factors, axes, common_axes(parts_) ? few_rounds : many_rounds);
    }
    bool operator()(const double* counts, const double* old, double* factors, double* axes, int rounds) {
        total_ = 0;
        for (std::int64_t k = 0; k < K_; ++k) total_ += counts[k];
        switch (parts_) {
            case Parts::vei: diagonal_spreads(factors); own_volumes(counts, old, rounds); return put_diagonal(factors);
            case Parts::evi: diagonal_spreads(factors); one_volume(counts); return put_diagonal(factors);
            case Parts::evv: return scale_to_one_volume(counts, factors);
            case Parts::eev: own_axes(factors); mean_spreads(counts); return put_along_own_axes(factors);
            case Parts::vev: own_axes(factors); own_volumes(counts, old, rounds); return put_along_own_axes(factors);
            case Parts::vee: return one_shape(counts, old, factors, rounds);
            case Parts::vve:
            case Parts::eve: return along_common_axes(counts, factors, axes, rounds);
            default: return true;
        }
    }

private:
    static bool common_axes(Parts parts) { return parts == Parts::vve || parts == Parts::eve; }
    bool diagonal() const { return parts_ == Parts::vei || parts_ == Parts::evi; }

    // log det Sigma_k / D of a factor
    double log_volume(const double* factors, std::int64_t k) const {
        double total = 0;
        for (std::int64_t j = 0; j < D_; ++j)
            total += std::log(diagonal() ? factors[k * D_ + j] : factors[k * D_ * D_ + j * (D_ + 1)]);
        return 2 * total / double(D_);
    }

    // spread_ (K, D): variances. Their geometric mean:
    double geometric_mean(const double* variances) const {
        double total = 0;
        for (std::int64_t j = 0; j < D_; ++j) total += std::log(variances[j]);
        return std::exp(total / double(D_));
    }
    void diagonal_spreads(const double* roots) {
        for (std::int64_t i = 0; i < K_ * D_; ++i) spread_[i] = roots[i] * roots[i];
    }
    bool put_diagonal(double* factors) const {
        for (std::int64_t i = 0; i < K_ * D_; ++i) factors[i] = std::sqrt(spread_[i]);
        return finite(factors, K_ * D_);
    }
    // spread_kj <- lambda gm-normed: one volume, own shapes
    void one_volume(const double* counts) {
        double volume = 0;
        for (std::int64_t k = 0; k < K_; ++k) volume += counts[k] * geometric_mean(spread_.get() + k * D_);
        volume /= total_;
        for (std::int64_t k = 0; k < K_; ++k) {
            const double scale = volume / geometric_mean(spread_.get() + k * D_);
            for (std::int64_t j = 0; j < D_; ++j) spread_[k * D_ + j] *= scale;
        }
    }
    // spread_kj <- lambda_k a_j: own volumes, one shape
    void own_volumes(const double* counts, const double* old, int rounds) {
        for (std::int64_t k = 0; k < K_; ++k) log_lambda_[k] = log_volume(old, k);
        for (int round = 0; round < rounds; ++round) {
            for (std::int64_t j = 0; j < D_; ++j) {
                shape_[j] = 0;
                for (std::int64_t k = 0; k < K_; ++k)
                    shape_[j] += counts[k] * std::exp(-log_lambda_[k]) * spread_[k * D_ + j];
            }
            const double norm = geometric_mean(shape_.get());
            for (std::int64_t j = 0; j < D_; ++j) shape_[j] /= norm;
            double moved = 0;
            for (std::int64_t k = 0; k < K_; ++k) {
                double mean = 0;
                for (std::int64_t j = 0; j < D_; ++j) mean += spread_[k * D_ + j] / shape_[j];
                mean = std::log(mean / double(D_));
                moved = std::fmax(moved, std::fabs(mean - log_lambda_[k]));
                log_lambda_[k] = mean;
            }
            if (moved <= tolerance) break;
        }
        for (std::int64_t k = 0; k < K_; ++k)
            for (std::int64_t j = 0; j < D_; ++j) spread_[k * D_ + j] = std::exp(log_lambda_[k]) * shape_[j];
    }
    void mean_spreads(const double* counts) {
        for (std::int64_t j = 0; j < D_; ++j) {
            double mean = 0;
            for (std::int64_t k = 0; k < K_; ++k) mean += counts[k] * spread_[k * D_ + j];
            shape_[j] = mean / total_;
        }
        for (std::int64_t i = 0; i < K_ * D_; ++i) spread_[i] = shape_[i % D_];
    }
    bool scale_to_one_volume(const double* counts, double* factors) {
        double volume = 0;
        for (std::int64_t k = 0; k < K_; ++k) volume += counts[k] * std::exp(log_volume(factors, k));
        volume = 0.5 * std::log(volume / total_);
        for (std::int64_t k = 0; k < K_; ++k) {
            const double scale = std::exp(volume - 0.5 * log_volume(factors, k));
            for (std::int64_t i = 0; i < D_ * D_; ++i) factors[k * D_ * D_ + i] *= scale;
        }
        return finite(factors, K_ * D_ * D_);
    }

    // Each R_k's principal axes, as columns of rows_[k], and variances, largest first, in spread_.
    void own_axes(const double* roots) {
        for (std::int64_t k = 0; k < K_; ++k) {
            double *work = other_.get(), *axes = rows_.get() + k * D_ * D_;
            std::memcpy(work, roots + k * D_ * D_, D_ * D_ * sizeof(double));
            orthogonalise(work, D_, D_, axes);
            for (std::int64_t j = 0; j < D_; ++j) spread_[k * D_ + j] = square(work + j * D_, D_);
            for (std::int64_t i = 0; i < D_; ++i)  // sort, largest first
                for (std::int64_t j = i + 1; j < D_; ++j)
                    if (spread_[k * D_ + j] > spread_[k * D_ + i]) {
                        exchange(spread_[k * D_ + i], spread_[k * D_ + j]);
                        for (std::int64_t m = 0; m < D_; ++m) exchange(axes[m * D_ + i], axes[m * D_ + j]);
                    }
        }
    }
    bool put_along_own_axes(double* factors) {
        for (std::int64_t k = 0; k < K_; ++k) put(rows_.get() + k * D_ * D_, k, factors);
        return finite(factors, K_ * D_ * D_);
    }
    // L_k with L L' = axes diag(spread_k) axes'
    void put(const double* axes, std::int64_t k, double* factors) {
        for (std::int64_t i = 0; i < D_; ++i)
            for (std::int64_t j = 0; j < D_; ++j) matrix_[i * D_ + j] = axes[i * D_ + j] * std::sqrt(spread_[k * D_ + j]);
        lower(matrix_.get(), D_, factors + k * D_ * D_);
    }

    bool one_shape(const double* counts, const double* old, double* factors, int rounds) {
        for (std::int64_t k = 0; k < K_; ++k) log_lambda_[k] = log_volume(old, k);
        double* common = turn_.get();
        for (int round = 0; round < rounds; ++round) {
            for (std::int64_t k = 0; k < K_; ++k) {
                const double scale = std::sqrt(counts[k] * std::exp(-log_lambda_[k]));
                for (std::int64_t i = 0; i < D_; ++i)
                    for (std::int64_t j = 0; j < D_; ++j)
                        rows_[(i * K_ + k) * D_ + j] = scale * factors[(k * D_ + i) * D_ + j];
            }
            lower(rows_.get(), K_ * D_, common);
            double norm = 0;
            for (std::int64_t j = 0; j < D_; ++j) norm += std::log(common[j * (D_ + 1)]);
            norm = std::exp(-norm / double(D_));
            for (std::int64_t i = 0; i < D_ * D_; ++i) common[i] *= norm;
            double moved = 0;
            for (std::int64_t k = 0; k < K_; ++k) {
                const double mean = std::log(ratio_squares(common, factors + k * D_ * D_) / double(D_));
                moved = std::fmax(moved, std::fabs(mean - log_lambda_[k]));
                log_lambda_[k] = mean;
            }
            if (moved <= tolerance) break;
        }
        for (std::int64_t k = 0; k < K_; ++k)
            for (std::int64_t i = 0; i < D_ * D_; ++i)
                factors[k * D_ * D_ + i] = std::exp(0.5 * log_lambda_[k]) * common[i];
        return finite(factors, K_ * D_ * D_);
    }
    // |C^-1 R|^2 for lower triangular C and R
    double ratio_squares(const double* C, const double* R) {
        double total = 0;
        for (std::int64_t j = 0; j < D_; ++j)
            for (std::int64_t i = j; i < D_; ++i) {
                double value = R[i * D_ + j];
                for (std::int64_t m = j; m < i; ++m) value -= C[i * D_ + m] * matrix_[m];
                matrix_[i] = value / C[i * D_ + i];
                total += matrix_[i] * matrix_[i];
            }
        return total;
    }

    bool along_common_axes(const double* counts, double* factors, double* axes, int rounds) {
        // From the old axes, or from those of the pooled scatter where these are better.
        for (std::int64_t k = 0; k < K_; ++k)
            for (std::int64_t i = 0; i < D_; ++i)
                for (std::int64_t j = 0; j < D_; ++j)
                    rows_[(i * K_ + k) * D_ + j] = std::sqrt(counts[k]) * factors[(k * D_ + i) * D_ + j];
        orthogonalise(rows_.get(), D_, K_ * D_, turn_.get());
        turned(factors, turn_.get(), rows_.get());
        turned(factors, axes, other_.get());
        if (objective(counts, rows_.get()) < objective(counts, other_.get()))
            std::memcpy(axes, turn_.get(), D_ * D_ * sizeof(double));
        else
            std::memcpy(rows_.get(), other_.get(), K_ * D_ * D_ * sizeof(double));
        for (int round = 0; round < rounds; ++round) {
            begin_round(counts);
            double widest = 0;
            for (std::int64_t i = 0; i < D_; ++i)
                for (std::int64_t j = i + 1; j < D_; ++j) widest = std::fmax(widest, rotate(axes, i, j));
            if (widest <= tolerance) break;
        }
        squares(rows_.get());
        if (parts_ == Parts::eve) one_volume(counts);
        for (std::int64_t k = 0; k < K_; ++k) put(axes, k, factors);
        return finite(factors, K_ * D_ * D_) && finite(axes, D_ * D_);
    }
    // out_k = axes' R_k, (K, D, D)
    void turned(const double* roots, const double* axes, double* out) const {
        for (std::int64_t k = 0; k < K_; ++k)
            for (std::int64_t a = 0; a < D_; ++a)
                for (std::int64_t j = 0; j < D_; ++j) {
                    double total = 0;
                    for (std::int64_t i = j; i < D_; ++i) total += axes[i * D_ + a] * roots[(k * D_ + i) * D_ + j];
                    out[(k * D_ + a) * D_ + j] = total;
                }
    }
    void squares(const double* rows) {
        for (std::int64_t i = 0; i < K_ * D_; ++i) spread_[i] = square(rows + i * D_, D_);
    }
    double objective(const double* counts, const double* rows) {
        squares(rows);
        double total = 0;
        for (std::int64_t k = 0; k < K_; ++k) {
            const double mean = geometric_mean(spread_.get() + k * D_);
            total += counts[k] * (parts_ == Parts::eve ? mean : std::log(mean));
        }
        return total;
    }
    // What one round of rotations takes as given: the pull of each component, and for EVE its variances, so that the
    // arithmetic mean of new over old variances bounds the geometric one from above.
    void begin_round(const double* counts) {
        if (parts_ == Parts::eve) squares(rows_.get());
        for (std::int64_t k = 0; k < K_; ++k)
            log_lambda_[k] = counts[k] * (parts_ == Parts::eve ? geometric_mean(spread_.get() + k * D_) : 1.0);
    }
    // Turn axes i and j in their plane to the least of the objective with the variances as they are; the sine.
    double rotate(double* axes, std::int64_t i, std::int64_t j) {
        double p = 0, q = 0, r = 0;
        for (std::int64_t k = 0; k < K_; ++k) {
            const double *a = rows_.get() + (k * D_ + i) * D_, *b = rows_.get() + (k * D_ + j) * D_;
            double aa = 0, bb = 0, ab = 0;
            products(a, b, D_, aa, bb, ab);
            const bool fixed = parts_ == Parts::eve;
            const double vi = fixed ? spread_[k * D_ + i] : aa, vj = fixed ? spread_[k * D_ + j] : bb;
            const double pull = log_lambda_[k] * (1 / vi - 1 / vj);
            p += pull * aa;
            r += pull * bb;
            q += pull * ab;
        }
        double c, s;
        half_angle(r - p, -2 * q, c, s);
        for (std::int64_t k = 0; k < K_; ++k)
            turn_pair(rows_.get() + (k * D_ + i) * D_, rows_.get() + (k * D_ + j) * D_, D_, 1, c, s);
        turn_pair(axes + i, axes + j, D_, D_, c, s);
        return std::fabs(s);
    }

    // Lower triangular L (D, D) with L L' = M M' for M (D, width), by modified Gram-Schmidt on its rows; M is used up.
    void lower(double* M, std::int64_t width, double* L) const {
        for (std::int64_t i = 0; i < D_; ++i) {
            double* row = M + i * width;
            const double norm = std::sqrt(square(row, width));
            for (std::int64_t j = 0; j < D_; ++j) L[i * D_ + j] = j == i ? norm : j > i ? 0 : L[i * D_ + j];
            for (std::int64_t m = 0; m < width; ++m) row[m] /= norm;
            for (std::int64_t j = i + 1; j < D_; ++j) {
                double* next = M + j * width;
                double along = 0;
                for (std::int64_t m = 0; m < width; ++m) along += row[m] * next[m];
                L[j * D_ + i] = along;
                for (std::int64_t m = 0; m < width; ++m) next[m] -= along * row[m];
            }
        }
    }
    static void exchange(double& a, double& b) {
        const double kept = a;
        a = b;
        b = kept;
    }
    static bool finite(const double* x, std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i)
            if (!(std::fabs(x[i]) <= std::numeric_limits<double>::max())) return false;
        return true;
    }

    static constexpr double tolerance = 1e-11;
    static constexpr int few_rounds = 4, many_rounds = 50;
    const Parts parts_;
    const std::int64_t K_, D_;
    double total_ = 0;
    Buffer<double> spread_, log_lambda_, shape_, rows_, other_, matrix_, turn_;
};

// The M-step of one stack of roots, to the end; `old` gives volumes and axes to start from.
inline bool share_parts(Parts parts, std::int64_t K, std::int64_t D, const double* counts, const double* old,
                        double* factors, int rounds) {
    SharedParts shared(parts, K, D);
    Buffer<double> axes(D * D);
    if (SharedParts::state_size(parts, D) > 0) shared.look(old, axes.get());
    return shared(counts, old, factors, axes.get(), rounds);
}

}  // namespace mixtura::MIXTURA_ARCH
