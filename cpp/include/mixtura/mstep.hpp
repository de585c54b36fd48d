// The M-step of square-root EM for the structures of the six kinds, in place.
//
//     delta = s / N,  mu <- mu + L delta,  M = T / N - delta delta',  L <- L chol(M),  pi_k <- N_k / sum N
// tied: M = sum_k (T_k - N_k delta_k delta_k') / sum N;  diag: sd_j <- sd_j sqrt(T_jj / N - delta_j^2);
// spherical: the mean over j of the same, (q / N - |delta|^2) / D.
#pragma once

#include "kernel.hpp"

namespace mixtura::MIXTURA_ARCH {

constexpr std::int64_t factors_size(Kind kind, std::int64_t K, std::int64_t D) {
    switch (kind) {
        case Kind::full: return K * D * D;
        case Kind::tied: return D * D;
        case Kind::diag: return K * D;
        case Kind::tied_diag: return D;
        case Kind::spherical: return K;
        default: return 1;
    }
}

constexpr std::int64_t scatter_size(Kind kind, std::int64_t K, std::int64_t D) {
    return kind == Kind::spherical || kind == Kind::tied_spherical ? 0 : factors_size(kind, K, D);
}

// Lower Cholesky factor in place; false where a pivot is not positive.
inline bool cholesky(double* M, std::int64_t D) {
    for (std::int64_t j = 0; j < D; ++j) {
        for (std::int64_t k = 0; k < j; ++k) M[j * D + j] -= M[j * D + k] * M[j * D + k];
        if (!(M[j * D + j] > 0)) return false;
        M[j * D + j] = std::sqrt(M[j * D + j]);
        for (std::int64_t i = j + 1; i < D; ++i) {
            for (std::int64_t k = 0; k < j; ++k) M[i * D + j] -= M[i * D + k] * M[j * D + k];
            M[i * D + j] /= M[j * D + j];
        }
    }
    return true;
}

// L <- L C, both lower triangular
inline void multiply_lower(double* L, const double* C, std::int64_t D) {
    for (std::int64_t i = 0; i < D; ++i)
        for (std::int64_t j = 0; j <= i; ++j) {
            double total = 0;
            for (std::int64_t m = j; m <= i; ++m) total += L[i * D + m] * C[m * D + j];
            L[i * D + j] = total;
        }
}

class MStep {
public:
    MStep(Kind kind, std::int64_t K, std::int64_t D) : kind_(kind), K_(K), D_(D), delta_(K * D), matrix_(D * D) {}

    bool equal_weights = false;  // all components have the same
    double noise = 0;            // the count of the noise, which shares in the weights

    // False where a factor collapsed; the parameters are then useless. Needs every count to be positive.
    bool operator()(const Moments& moments, double* log_weights, double* means, double* factors) {
        total_ = 0;
        for (std::int64_t k = 0; k < K_; ++k) total_ += moments.counts[k];
        for (std::int64_t k = 0; k < K_; ++k) {
            if (!equal_weights) log_weights[k] = std::log(moments.counts[k] / (total_ + noise));
            if (equal_weights && noise > 0) log_weights[k] = std::log(total_ / (total_ + noise) / double(K_));
            for (std::int64_t j = 0; j < D_; ++j) delta_[k * D_ + j] = moments.sums[k * D_ + j] / moments.counts[k];
            move_mean(k, means + k * D_, factors);
        }
        if (kind_ == Kind::full) {
            for (std::int64_t k = 0; k < K_; ++k)
                if (!update_full(moments, k, factors + k * D_ * D_)) return false;
            return true;
        }
        if (kind_ == Kind::tied) return update_tied(moments, factors);
        if (kind_ == Kind::diag || kind_ == Kind::tied_diag) return update_diag(moments, factors);
        return update_spherical(moments, factors);
    }

    double noise_log_weight() const { return std::log(noise / (total_ + noise)); }

    // Is some diagonal entry of L, or some deviation, below the floor of its column?
    bool below(const double* factors, const double* floor) const {
        const std::int64_t copies = factors_size(kind_, K_, D_);
        if (kind_ == Kind::spherical || kind_ == Kind::tied_spherical) {
            for (std::int64_t i = 0; i < copies; ++i)
                for (std::int64_t j = 0; j < D_; ++j)
                    if (!(factors[i] >= floor[j])) return true;
            return false;
        }
        const bool square = kind_ == Kind::full || kind_ == Kind::tied;
        const std::int64_t row = square ? D_ * D_ : D_, step = square ? D_ + 1 : 1;
        for (std::int64_t i = 0; i < copies; i += row)
            for (std::int64_t j = 0; j < D_; ++j)
                if (!(factors[i + j * step] >= floor[j])) return true;
        return false;
    }

private:
    void move_mean(std::int64_t k, double* mean, const double* factors) const {
        const double* delta = delta_.get() + k * D_;
        for (std::int64_t i = 0; i < D_; ++i) switch (kind_) {
                case Kind::full:
                case Kind::tied: {
                    const double* row = factors + (kind_ == Kind::full ? k * D_ * D_ : 0) + i * D_;
                    for (std::int64_t j = 0; j <= i; ++j) mean[i] += row[j] * delta[j];
                    break;
                }
                case Kind::diag: mean[i] += factors[k * D_ + i] * delta[i]; break;
                case Kind::tied_diag: mean[i] += factors[i] * delta[i]; break;
                case Kind::spherical: mean[i] += factors[k] * delta[i]; break;
                case Kind::tied_spherical: mean[i] += factors[0] * delta[i]; break;
            }
    }
    bool update_full(const Moments& moments, std::int64_t k, double* factor) {
        const double *scatter = moments.scatter + k * D_ * D_, *delta = delta_.get() + k * D_;
        for (std::int64_t i = 0; i < D_; ++i)
            for (std::int64_t j = 0; j <= i; ++j)
                matrix_[i * D_ + j] = scatter[i * D_ + j] / moments.counts[k] - delta[i] * delta[j];
        if (!cholesky(matrix_.get(), D_)) return false;
        multiply_lower(factor, matrix_.get(), D_);
        return true;
    }
    bool update_tied(const Moments& moments, double* factor) {
        for (std::int64_t i = 0; i < D_; ++i)
            for (std::int64_t j = 0; j <= i; ++j) {
                double value = moments.scatter[i * D_ + j];
                for (std::int64_t k = 0; k < K_; ++k)
                    value -= moments.counts[k] * delta_[k * D_ + i] * delta_[k * D_ + j];
                matrix_[i * D_ + j] = value / total_;
            }
        if (!cholesky(matrix_.get(), D_)) return false;
        multiply_lower(factor, matrix_.get(), D_);
        return true;
    }
    bool update_diag(const Moments& moments, double* factors) {
        const bool tied = kind_ == Kind::tied_diag;
        for (std::int64_t k = 0; k < (tied ? 1 : K_); ++k)
            for (std::int64_t j = 0; j < D_; ++j) {
                double value = 0;
                if (tied) {
                    value = moments.scatter[j];
                    for (std::int64_t m = 0; m < K_; ++m)
                        value -= moments.counts[m] * delta_[m * D_ + j] * delta_[m * D_ + j];
                    value /= total_;
                } else {
                    const double delta = delta_[k * D_ + j];
                    value = moments.scatter[k * D_ + j] / moments.counts[k] - delta * delta;
                }
                if (!(value > 0)) return false;
                factors[k * D_ + j] *= std::sqrt(value);
            }
        return true;
    }
    bool update_spherical(const Moments& moments, double* factors) {
        double pooled = 0;
        for (std::int64_t k = 0; k < K_; ++k) {
            double square = 0;
            for (std::int64_t j = 0; j < D_; ++j) square += delta_[k * D_ + j] * delta_[k * D_ + j];
            const double within = moments.squares[k] - moments.counts[k] * square;
            pooled += within;
            if (kind_ == Kind::tied_spherical) continue;
            if (!(within > 0)) return false;
            factors[k] *= std::sqrt(within / (moments.counts[k] * double(D_)));
        }
        if (kind_ == Kind::spherical) return true;
        if (!(pooled > 0)) return false;
        factors[0] *= std::sqrt(pooled / (total_ * double(D_)));
        return true;
    }

    const Kind kind_;
    const std::int64_t K_, D_;
    double total_ = 0;
    Buffer<double> delta_, matrix_;
};

}  // namespace mixtura::MIXTURA_ARCH
