// Lower triangular factors: 'full' (one a component), and 'tied' where the pooled scatter is wanted.
//
//     z_k = L_k^-1 (u - mu_k)                          D^2 / 2 multiply-adds a row
//     T_k = sum_i r_ik z_k z_k',  s_k = sum_i r_ik z_k    D^2 / 2 multiply-adds a row
//
// z is kept in the scratch, (K, slabs, stride). The symmetric product runs over tiles of panel x panel features on and
// below the diagonal; a tile's vector accumulators live in registers over the whole block and leave them once.
//
// sums: counts (K), squares (K), s (K, panels * panel), T (K or 1, tiles, tile_room); tile (I, J), J <= I, is number
// I (I + 1) / 2 + J and holds T[I * panel + f, J * panel + g] at f * panel + g.
#pragma once

#include "kernel.hpp"
#include "triangular.hpp"

namespace mixtura::MIXTURA_ARCH {

inline constexpr std::int64_t z_bytes = 5 << 18;
inline constexpr int tile_room = 16;  // doubles; at least panel * panel rounded up to vectors of either type

// out += sum over rows of scaled[f] z[g], f < p, g < panel
template <class T, int p>
inline void add_tile(const T* scaled, const T* z, std::int64_t z_stride, std::int64_t slabs, double* out) {
    Vec<T> acc[p * panel] = {};
    for (std::int64_t s = 0; s < slabs; ++s, scaled += p * slab<T>, z += z_stride)
        for (int v = 0; v < slab<T>; v += lanes<T>) {
            Vec<T> b[panel];
            unrolled<panel>([&](auto g) MIXTURA_LAMBDA { b[g] = load<T>(z + g * slab<T> + v); });
            unrolled<p>([&](auto f) MIXTURA_LAMBDA {
                const Vec<T> a = load<T>(scaled + f * slab<T> + v);
                unrolled<panel>([&](auto g) MIXTURA_LAMBDA { acc[f * panel + g] += a * b[g]; });
            });
        }
    add_lane_sums<T>(out, acc);
}

// The tile on the diagonal, g <= f, which also makes scaled = r z for the others, and first += sum over rows of r z.
template <class T, int p, bool products, bool keep>
inline void add_diagonal(const T* r, const T* z, std::int64_t z_stride, std::int64_t slabs, T* scaled, double* first,
                         double* out) {
    Vec<T> acc[(p - 1) * panel + p] = {}, total[p] = {};
    for (std::int64_t s = 0; s < slabs; ++s, r += slab<T>, scaled += p * slab<T>, z += z_stride)
        for (int v = 0; v < slab<T>; v += lanes<T>) {
            const Vec<T> weight = load<T>(r + v);
            Vec<T> b[p];
            unrolled<p>([&](auto f) MIXTURA_LAMBDA {
                b[f] = load<T>(z + f * slab<T> + v);
                const Vec<T> a = weight * b[f];
                total[f] += a;
                if constexpr (keep) store<T>(scaled + f * slab<T> + v, a);
                if constexpr (products)
                    unrolled<f + 1>([&](auto g) MIXTURA_LAMBDA { acc[f * panel + g] += a * b[g]; });
            });
        }
    add_lane_sums<T>(first, total);
    if constexpr (products) add_lane_sums<T>(out, acc);
}

template <class T>
class FullKernel final : public Kernel<T> {
public:
    using Kernel<T>::K;
    using Kernel<T>::D;

    FullKernel(std::int64_t n_components, std::int64_t n_features, bool tied, bool scatter)
        : Kernel<T>(n_components, n_features), tied_(tied), scatter_(scatter), width_(panels_for(n_features) * panel),
          packed_size_(packed_triangle_size(n_features)), means_(n_components * n_features),
          packed_((tied ? 1 : n_components) * packed_size_) {}

    void load(const ModelView& model) override {
        for (std::int64_t k = 0; k < K; ++k) {
            const double* factor = model.factors + (tied_ ? 0 : k * D * D);
            this->set_constant(k, model.log_weights[k], log_of_diagonal(factor, D, D + 1));
            if (k == 0 || !tied_) pack_triangle<T>(factor, D, packed(k));
        }
        for (std::int64_t i = 0; i < K * D; ++i) means_[i] = T(model.means[i]);
    }

    // z of all components stays in the second cache, or, in many dimensions, is worth reading from the third.
    std::int64_t slabs_at_once(std::int64_t most) const override {
        const std::int64_t bytes = K * slab_stride<T>(D) * std::int64_t(sizeof(T));
        while (D < 64 && most > 2 && most * bytes > z_bytes) most /= 2;
        return most;
    }
    std::size_t scratch_size(std::int64_t slabs) const override {
        return K * slabs * slab_stride<T>(D) + panel * slabs * slab<T>;
    }
    std::size_t sums_size() const override {
        return 2 * K + K * width_ + (scatter_ ? factors() * tiles() * tile_room : 0) + tile_room;
    }

    void densities(const Block<T>& block, T* scratch, T* energies) const override {
        for (std::int64_t k = 0; k < K; ++k)
            for (std::int64_t s = 0; s < block.slabs; ++s)
                solve_slab<T>(packed(k), means_.get() + k * D, D, block.u + s * block.stride,
                              scratch + (k * block.slabs + s) * block.stride,
                              energies + (k * block.slabs + s) * slab<T>);
    }

    void statistics(const Block<T>& block, T* scratch, const T* energies, const T* resp,
                    double* sums) const override {
        double *counts = sums, *squares = sums + K, *first = sums + 2 * K, *second = first + K * width_;
        this->add_counts(block, energies, resp, counts, squares);
        T* scaled = scratch + K * block.slabs * block.stride;
        for (std::int64_t k = 0; k < K; ++k) {
            const T* z = scratch + k * block.slabs * block.stride;
            const T* r = resp + k * block.slabs * slab<T>;
            double* tile = second + (tied_ ? 0 : k * tiles() * tile_room);
            for (std::int64_t i = 0; i < D; i += panel) {
                unrolled<panel>([&](auto rest) MIXTURA_LAMBDA {
                    constexpr int p = rest + 1;
                    if ((p == panel && D - i >= panel) || D - i == p)
                        add_panel<p>(block, z, r, i, scaled, first + k * width_ + i, tile);
                });
                tile += (i / panel + 1) * tile_room;
            }
        }
    }

    void finish(const double* sums, const Moments& out) const override {
        const double *first = sums + 2 * K, *second = first + K * width_;
        for (std::int64_t k = 0; k < K; ++k) {
            out.counts[k] = sums[k];
            out.squares[k] = sums[K + k];
            for (std::int64_t j = 0; j < D; ++j) out.sums[k * D + j] = first[k * width_ + j];
        }
        if (!scatter_) return;
        for (std::int64_t k = 0; k < factors(); ++k)
            for (std::int64_t i = 0; i < D; ++i)
                for (std::int64_t j = 0; j <= i; ++j) {
                    const std::int64_t I = i / panel, J = j / panel, number = I * (I + 1) / 2 + J;
                    const double value =
                        second[(k * tiles() + number) * tile_room + i % panel * panel + j % panel];
                    out.scatter[(k * D + i) * D + j] = out.scatter[(k * D + j) * D + i] = value;
                }
    }

private:
    std::int64_t factors() const { return tied_ ? 1 : K; }
    std::int64_t tiles() const { return panels_for(D) * (panels_for(D) + 1) / 2; }
    T* packed(std::int64_t k) { return packed_.get() + (tied_ ? 0 : k * packed_size_); }
    const T* packed(std::int64_t k) const { return packed_.get() + (tied_ ? 0 : k * packed_size_); }

    // Features i .. i + p of one component: r z, its sum, and its products with the panels up to its own.
    template <int p>
    void add_panel(const Block<T>& block, const T* z, const T* r, std::int64_t i, T* scaled, double* first,
                   double* tile) const {
        double* diagonal = tile + i / panel * tile_room;
        const T* own = z + i * slab<T>;
        if (!scatter_)
            return add_diagonal<T, p, false, false>(r, own, block.stride, block.slabs, scaled, first, diagonal);
        if (i == 0) return add_diagonal<T, p, true, false>(r, own, block.stride, block.slabs, scaled, first, diagonal);
        add_diagonal<T, p, true, true>(r, own, block.stride, block.slabs, scaled, first, diagonal);
        for (std::int64_t j = 0; j < i; j += panel, tile += tile_room)
            add_tile<T, p>(scaled, z + j * slab<T>, block.stride, block.slabs, tile);
    }

    const bool tied_, scatter_;
    const std::int64_t width_, packed_size_;
    Buffer<T> means_, packed_;
};

}  // namespace mixtura::MIXTURA_ARCH
