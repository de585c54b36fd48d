// Free coordinates of a mixture, in which any straight step stays a mixture.
//
//     phi = (log pi_k - mean log pi,  mu_k / s,  L_k by rows: strict lower part / s_i, log diagonal)
// with s (D,) the spread of each column under the starting mixture, so that lengths do not depend on units. Deviations
// (diag, spherical) go in as logarithms. The log weight of noise, which stands last, goes in beside the same mean.
#pragma once

#include "mstep.hpp"

namespace mixtura::MIXTURA_ARCH {

class FreeParameters {
public:
    FreeParameters(Kind kind, std::int64_t K, std::int64_t D, bool noisy)
        : kind_(kind), K_(K), D_(D), noisy_(noisy), spread_(D) {}

    // s_j^2 = sum_k pi_k ((mu_kj - mean_j)^2 + Sigma_kjj)
    void measure(const double* log_weights, const double* means, const double* factors) {
        for (std::int64_t j = 0; j < D_; ++j) {
            double mean = 0, square = 0;
            for (std::int64_t k = 0; k < K_; ++k) mean += std::exp(log_weights[k]) * means[k * D_ + j];
            for (std::int64_t k = 0; k < K_; ++k) {
                const double off = means[k * D_ + j] - mean;
                square += std::exp(log_weights[k]) * (off * off + variance(factors, k, j));
            }
            spread_[j] = square > 0 ? std::sqrt(square) : 1;
        }
    }
    // False where the mixture lies on the boundary: a weight of zero.
    bool pack(const double* parameters, double* phi) const {
        double mean = 0;
        for (std::int64_t k = 0; k < K_; ++k) mean += parameters[k] / double(K_);
        if (!(std::fabs(mean) <= std::numeric_limits<double>::max())) return false;
        for (std::int64_t k = 0; k < K_; ++k) phi[k] = parameters[k] - mean;
        for (std::int64_t i = 0; i < K_ * D_; ++i) phi[K_ + i] = parameters[K_ + i] / spread_[i % D_];
        const double* factors = parameters + K_ + K_ * D_;
        double* out = phi + K_ + K_ * D_;
        const std::int64_t size = factors_size(kind_, K_, D_);
        for (std::int64_t i = 0; i < size; ++i) {
            if (!square() || on_diagonal(i)) out[i] = std::log(factors[i]);
            else out[i] = factors[i] / spread_[i / D_ % D_];
        }
        if (noisy_) out[size] = factors[size] - mean;
        return !noisy_ || std::fabs(out[size]) <= std::numeric_limits<double>::max();
    }
    // False where something is not finite.
    bool unpack(const double* phi, double* parameters) const {
        const std::int64_t size = factors_size(kind_, K_, D_), last = K_ + K_ * D_ + size;
        double largest = noisy_ ? phi[last] : phi[0], total = 0;
        for (std::int64_t k = 0; k < K_; ++k) largest = phi[k] > largest ? phi[k] : largest;
        if (noisy_) total = std::exp(phi[last] - largest);
        for (std::int64_t k = 0; k < K_; ++k) total += std::exp(phi[k] - largest);
        for (std::int64_t k = 0; k < K_; ++k) parameters[k] = phi[k] - largest - std::log(total);
        for (std::int64_t i = 0; i < K_ * D_; ++i) parameters[K_ + i] = phi[K_ + i] * spread_[i % D_];
        const double* in = phi + K_ + K_ * D_;
        double* factors = parameters + K_ + K_ * D_;
        if (noisy_) factors[size] = phi[last] - largest - std::log(total);
        for (std::int64_t i = 0; i < size; ++i) {
            if (!square() || on_diagonal(i)) factors[i] = std::exp(in[i]);
            else factors[i] = i % D_ < i / D_ % D_ ? in[i] * spread_[i / D_ % D_] : 0;
        }
        for (std::int64_t i = 0; i < last + noisy_; ++i)
            if (!(std::fabs(parameters[i]) <= std::numeric_limits<double>::max())) return false;
        return true;
    }

private:
    bool square() const { return kind_ == Kind::full || kind_ == Kind::tied; }
    bool on_diagonal(std::int64_t i) const { return i % D_ == i / D_ % D_; }
    double variance(const double* factors, std::int64_t k, std::int64_t j) const {
        double total = 0;
        switch (kind_) {
            case Kind::full:
            case Kind::tied: {
                const double* row = factors + (kind_ == Kind::full ? k * D_ * D_ : 0) + j * D_;
                for (std::int64_t m = 0; m <= j; ++m) total += row[m] * row[m];
                return total;
            }
            case Kind::diag: return factors[k * D_ + j] * factors[k * D_ + j];
            case Kind::tied_diag: return factors[j] * factors[j];
            case Kind::spherical: return factors[k] * factors[k];
            default: return factors[0] * factors[0];
        }
    }

    const Kind kind_;
    const std::int64_t K_, D_;
    const bool noisy_;
    Buffer<double> spread_;
};

}  // namespace mixtura::MIXTURA_ARCH
