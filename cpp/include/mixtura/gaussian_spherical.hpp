// One standard deviation a component, and what the tied kernel shares with it: distances and weighted sums of plain
// differences u - mu_k, N K D multiply-adds each.
//
// Features are taken in chunks that stay in the first cache while all components pass over them.
//
// sums: counts (K), squares (K), s (K, D), then room for one vector.
#pragma once

#include "kernel.hpp"

namespace mixtura::MIXTURA_ARCH {

// How many features of a block of `slabs` slabs make about 16 KiB.
template <class T>
constexpr std::int64_t chunk_features(std::int64_t slabs) {
    const std::int64_t features = 16384 / (slabs * slab<T> * std::int64_t(sizeof(T)));
    return features < 8 ? 8 : features / 8 * 8;
}

// Features j0 .. j1 of one slab for c centers at once, so that u is loaded once for them; the last chunk scales.
template <class T, int c>
MIXTURA_INLINE void add_distances(const T* u, const T* means, std::int64_t D, std::int64_t j0, std::int64_t j1,
                                  const T* scale, T* out, std::int64_t k_stride) {
    Vec<T> square[c][group];
    unrolled<c>([&](auto k) MIXTURA_LAMBDA {
        unrolled<group>([&](auto v) MIXTURA_LAMBDA {
            square[k][v] = j0 ? load<T>(out + k * k_stride + v * lanes<T>) : Vec<T>{};
        });
    });
    for (std::int64_t j = j0; j < j1; ++j) {
        Vec<T> x[group];
        unrolled<group>([&](auto v) MIXTURA_LAMBDA { x[v] = load<T>(u + j * slab<T> + v * lanes<T>); });
        unrolled<c>([&](auto k) MIXTURA_LAMBDA {
            const Vec<T> mean = broadcast<T>(means[k * D + j]);
            unrolled<group>([&](auto v) MIXTURA_LAMBDA {
                const Vec<T> z = x[v] - mean;
                square[k][v] += z * z;
            });
        });
    }
    unrolled<c>([&](auto k) MIXTURA_LAMBDA {
        const Vec<T> factor = broadcast<T>(j1 == D ? scale[k] : T(1));
        unrolled<group>([&](auto v) MIXTURA_LAMBDA {
            store<T>(out + k * k_stride + v * lanes<T>, square[k][v] * factor);
        });
    });
}

// distances[k, row] = scale[k] |u - means[k]|^2
template <class T>
inline void squared_distances(const Block<T>& block, const T* means, std::int64_t K, std::int64_t D, const T* scale,
                              T* distances) {
    const std::int64_t chunk = chunk_features<T>(block.slabs), k_stride = block.slabs * slab<T>;
    for (std::int64_t j0 = 0; j0 < D; j0 += chunk) {
        const std::int64_t j1 = j0 + chunk < D ? j0 + chunk : D;
        for (std::int64_t s = 0; s < block.slabs; ++s) {
            const T* u = block.u + s * block.stride;
            T* out = distances + s * slab<T>;
            std::int64_t k = 0;
            for (; k + 2 <= K; k += 2)
                add_distances<T, 2>(u, means + k * D, D, j0, j1, scale + k, out + k * k_stride, k_stride);
            if (k < K) add_distances<T, 1>(u, means + k * D, D, j0, j1, scale + k, out + k * k_stride, k_stride);
        }
    }
}

// out[k, j] += sum over rows of r_k (u_j - mean_kj): p features from j on, c components
template <class T, int p, int c>
inline void add_differences(const Block<T>& block, const T* resp, const T* means, std::int64_t D, std::int64_t j,
                            double* out) {
    const std::int64_t k_stride = block.slabs * slab<T>;
    Vec<T> total[c][p] = {}, m[c][p];
    unrolled<c>([&](auto k) MIXTURA_LAMBDA {
        unrolled<p>([&](auto f) MIXTURA_LAMBDA { m[k][f] = broadcast<T>(means[k * D + j + f]); });
    });
    for (std::int64_t s = 0; s < block.slabs; ++s)
        for (int v = 0; v < slab<T>; v += lanes<T>) {
            Vec<T> weight[c];
            unrolled<c>([&](auto k) MIXTURA_LAMBDA { weight[k] = load<T>(resp + k * k_stride + s * slab<T> + v); });
            unrolled<p>([&](auto f) MIXTURA_LAMBDA {
                const Vec<T> u = load<T>(block.u + s * block.stride + (j + f) * slab<T> + v);
                unrolled<c>([&](auto k) MIXTURA_LAMBDA { total[k][f] += weight[k] * (u - m[k][f]); });
            });
        }
    unrolled<c>([&](auto k) MIXTURA_LAMBDA { add_lane_sums<T>(out + k * D + j, total[k]); });
}

// sums[k, j] += sum over rows of r_k (u_j - means[k, j]); `sums` has room for one vector more
template <class T>
inline void weighted_differences(const Block<T>& block, const T* means, const T* resp, std::int64_t K,
                                 std::int64_t D, double* sums) {
    const std::int64_t chunk = chunk_features<T>(block.slabs), k_stride = block.slabs * slab<T>;
    const auto components = [&](auto count, std::int64_t k, std::int64_t j0, std::int64_t j1) MIXTURA_LAMBDA {
        constexpr int c = count;
        std::int64_t j = j0;
        for (; j + 4 <= j1; j += 4)
            add_differences<T, 4, c>(block, resp + k * k_stride, means + k * D, D, j, sums + k * D);
        unrolled<3>([&](auto rest) MIXTURA_LAMBDA {
            if (j1 - j == rest + 1)
                add_differences<T, rest + 1, c>(block, resp + k * k_stride, means + k * D, D, j, sums + k * D);
        });
    };
    for (std::int64_t j0 = 0; j0 < D; j0 += chunk) {
        const std::int64_t j1 = j0 + chunk < D ? j0 + chunk : D;
        std::int64_t k = 0;
        for (; k + 2 <= K; k += 2) components(std::integral_constant<int, 2>{}, k, j0, j1);
        if (k < K) components(std::integral_constant<int, 1>{}, k, j0, j1);
    }
}

template <class T>
class SphericalKernel final : public Kernel<T> {
public:
    using Kernel<T>::K;
    using Kernel<T>::D;

    SphericalKernel(std::int64_t n_components, std::int64_t n_features, bool tied)
        : Kernel<T>(n_components, n_features), tied_(tied), means_(n_components * n_features), scale_(n_components),
          inverse_(n_components) {}

    void load(const ModelView& model) override {
        for (std::int64_t k = 0; k < K; ++k) {
            const double deviation = model.factors[tied_ ? 0 : k];
            this->set_constant(k, model.log_weights[k], double(D) * std::log(deviation));
            inverse_[k] = 1 / deviation;
            scale_[k] = T(0.5 * inverse_[k] * inverse_[k]);
        }
        for (std::int64_t i = 0; i < K * D; ++i) means_[i] = T(model.means[i]);
    }
    std::size_t scratch_size(std::int64_t) const override { return 0; }
    std::size_t sums_size() const override { return 2 * K + K * D + 64; }

    void densities(const Block<T>& block, T*, T* energies) const override {
        squared_distances<T>(block, means_.get(), K, D, scale_.get(), energies);
    }
    void statistics(const Block<T>& block, T*, const T* energies, const T* resp, double* sums) const override {
        this->add_counts(block, energies, resp, sums, sums + K);
        weighted_differences<T>(block, means_.get(), resp, K, D, sums + 2 * K);
    }
    void finish(const double* sums, const Moments& out) const override {
        for (std::int64_t k = 0; k < K; ++k) {
            out.counts[k] = sums[k];
            out.squares[k] = sums[K + k];
            for (std::int64_t j = 0; j < D; ++j) out.sums[k * D + j] = sums[2 * K + k * D + j] * inverse_[k];
        }
    }

private:
    const bool tied_;
    Buffer<T> means_, scale_;
    Buffer<double> inverse_;
};

}  // namespace mixtura::MIXTURA_ARCH
