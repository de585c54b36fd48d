// One standard deviation a feature: 'diag' (K, D), and 'tied_diag' (D,) with pooled scatter.
//
//     z_kj = (u_j - mu_kj) / sd_kj,   s_kj = sum_i r z,   T_kj = sum_i r z^2
//
// The sums are taken of u - mu; dividing them by sd and sd^2 at the end is the same number, and cheaper.
// sums: counts (K), squares (K), then for every k and batch of up to `batch` features s and T side by side: (K, D, 2)
// with feature j = j0 + f of a batch of p features at 2 j0 + f and 2 j0 + p + f; then room for one vector.
#pragma once

#include "gaussian_spherical.hpp"

namespace mixtura::MIXTURA_ARCH {

template <class T>
inline constexpr int batch = lanes<T> < 16 ? 4 : 8;  // features summed at once: s and T fill a vector

template <class T>
class DiagKernel final : public Kernel<T> {
public:
    using Kernel<T>::K;
    using Kernel<T>::D;

    DiagKernel(std::int64_t n_components, std::int64_t n_features, bool tied, bool scatter)
        : Kernel<T>(n_components, n_features), tied_(tied), scatter_(scatter), means_(n_components * n_features),
          precisions_(n_components * n_features), inverse_(n_components * n_features) {}

    void load(const ModelView& model) override {
        for (std::int64_t k = 0; k < K; ++k) {
            const double* deviation = model.factors + (tied_ ? 0 : k * D);
            this->set_constant(k, model.log_weights[k], log_of_diagonal(deviation, D, 1));
            for (std::int64_t j = 0; j < D; ++j) {
                means_[k * D + j] = T(model.means[k * D + j]);
                inverse_[k * D + j] = 1 / deviation[j];
                precisions_[k * D + j] = T(inverse_[k * D + j]);
            }
        }
    }
    std::size_t scratch_size(std::int64_t) const override { return 0; }
    std::size_t sums_size() const override { return 2 * K + 2 * K * D + 64; }

    void densities(const Block<T>& block, T*, T* energies) const override {
        const std::int64_t chunk = chunk_features<T>(block.slabs);
        for (std::int64_t j0 = 0; j0 < D; j0 += chunk)
            for (std::int64_t k = 0; k < K; ++k)
                for (std::int64_t s = 0; s < block.slabs; ++s)
                    add_squares(block.u + s * block.stride, k, j0, j0 + chunk < D ? j0 + chunk : D,
                                energies + (k * block.slabs + s) * slab<T>);
    }

    void statistics(const Block<T>& block, T*, const T* energies, const T* resp, double* sums) const override {
        this->add_counts(block, energies, resp, sums, sums + K);
        const std::int64_t chunk = chunk_features<T>(block.slabs);
        for (std::int64_t j0 = 0; j0 < D; j0 += chunk)
            for (std::int64_t k = 0; k < K; ++k) {
                const T* r = resp + k * block.slabs * slab<T>;
                const std::int64_t j1 = j0 + chunk < D ? j0 + chunk : D;
                double* out = sums + 2 * K + 2 * k * D;
                std::int64_t j = j0;
                for (; j + batch<T> <= j1; j += batch<T>) add_moments<batch<T>>(block, r, k, j, out + 2 * j);
                unrolled<batch<T> - 1>([&](auto rest) MIXTURA_LAMBDA {
                    if (j1 - j == rest + 1) add_moments<rest + 1>(block, r, k, j, out + 2 * j);
                });
            }
    }

    void finish(const double* sums, const Moments& out) const override {
        for (std::int64_t i = 0; scatter_ && i < (tied_ ? 1 : K) * D; ++i) out.scatter[i] = 0;
        for (std::int64_t k = 0; k < K; ++k) {
            out.counts[k] = sums[k];
            out.squares[k] = sums[K + k];
            for (std::int64_t j = 0; j < D; ++j) {
                const std::int64_t j0 = j / batch<T> * batch<T>, p = D - j0 < batch<T> ? D - j0 : batch<T>;
                const double* pair = sums + 2 * K + 2 * k * D + 2 * j0 + j - j0;
                const double inverse = inverse_[k * D + j];
                out.sums[k * D + j] = pair[0] * inverse;
                if (scatter_) out.scatter[(tied_ ? 0 : k * D) + j] += (pair[p] * inverse) * inverse;
            }
        }
    }

private:
    MIXTURA_INLINE void add_squares(const T* u, std::int64_t k, std::int64_t j0, std::int64_t j1, T* out) const {
        Vec<T> square[group];
        unrolled<group>([&](auto v) MIXTURA_LAMBDA {
            square[v] = j0 ? mixtura::MIXTURA_ARCH::load<T>(out + v * lanes<T>) : Vec<T>{};
        });
        for (std::int64_t j = j0; j < j1; ++j) {
            const Vec<T> mean = broadcast<T>(means_[k * D + j]), precision = broadcast<T>(precisions_[k * D + j]);
            unrolled<group>([&](auto v) MIXTURA_LAMBDA {
                const Vec<T> z =
                    (mixtura::MIXTURA_ARCH::load<T>(u + j * slab<T> + v * lanes<T>) - mean) * precision;
                square[v] += z * z;
            });
        }
        const Vec<T> factor = broadcast<T>(j1 == D ? T(0.5) : T(1));
        unrolled<group>([&](auto v) MIXTURA_LAMBDA { store<T>(out + v * lanes<T>, square[v] * factor); });
    }

    template <int p>
    void add_moments(const Block<T>& block, const T* r, std::int64_t k, std::int64_t j, double* out) const {
        Vec<T> total[2 * p] = {}, mean[p];
        unrolled<p>([&](auto f) MIXTURA_LAMBDA { mean[f] = broadcast<T>(means_[k * D + j + f]); });
        for (std::int64_t s = 0; s < block.slabs; ++s)
            for (int v = 0; v < slab<T>; v += lanes<T>) {
                const Vec<T> weight = mixtura::MIXTURA_ARCH::load<T>(r + s * slab<T> + v);
                unrolled<p>([&](auto f) MIXTURA_LAMBDA {
                    const T* u = block.u + s * block.stride + (j + f) * slab<T> + v;
                    const Vec<T> difference = mixtura::MIXTURA_ARCH::load<T>(u) - mean[f];
                    const Vec<T> product = weight * difference;
                    total[f] += product;
                    total[p + f] += product * difference;
                });
            }
        add_lane_sums<T>(out, total);
    }

    const bool tied_, scatter_;
    Buffer<T> means_, precisions_;
    Buffer<double> inverse_;
};

}  // namespace mixtura::MIXTURA_ARCH
