// One lower triangular factor for all components, without scatter: N (D^2 / 2 + K D) a pass.
//
//     y = L^-1 (u - reference)    once a row
//     z_k = y - a_k,  a_k = L^-1 (mu_k - reference)
//
// The reference is the mean of the means. Where the scatter is wanted too, FullKernel subtracts before it whitens.
// sums: counts (K), squares (K), s (K, D), then room for one vector.
#pragma once

#include "gaussian_spherical.hpp"
#include "triangular.hpp"

namespace mixtura::MIXTURA_ARCH {

template <class T>
class TiedKernel final : public Kernel<T> {
public:
    using Kernel<T>::K;
    using Kernel<T>::D;

    TiedKernel(std::int64_t n_components, std::int64_t n_features)
        : Kernel<T>(n_components, n_features), packed_(packed_triangle_size(n_features)), reference_(n_features),
          offsets_(n_components * n_features),
          halves_(n_components), whitened_(n_features) {}

    void load(const ModelView& model) override {
        const double* L = model.factors;
        const double log_det = log_of_diagonal(L, D, D + 1);
        pack_triangle<T>(L, D, packed_.get());
        for (std::int64_t j = 0; j < D; ++j) {
            double total = 0;
            for (std::int64_t k = 0; k < K; ++k) total += model.means[k * D + j];
            reference_[j] = T(total / double(K));
        }
        for (std::int64_t k = 0; k < K; ++k) {
            this->set_constant(k, model.log_weights[k], log_det);
            halves_[k] = T(0.5);
            for (std::int64_t i = 0; i < D; ++i) {
                double value = model.means[k * D + i] - double(reference_[i]);
                for (std::int64_t j = 0; j < i; ++j) value -= L[i * D + j] * whitened_[j];
                whitened_[i] = value / L[i * D + i];
                offsets_[k * D + i] = T(whitened_[i]);
            }
        }
    }
    std::size_t scratch_size(std::int64_t slabs) const override { return slabs * (slab_stride<T>(D) + slab<T>); }
    std::size_t sums_size() const override { return 2 * K + K * D + 64; }

    void densities(const Block<T>& block, T* scratch, T* energies) const override {
        T* norms = scratch + block.slabs * block.stride;
        for (std::int64_t s = 0; s < block.slabs; ++s)
            solve_slab<T>(packed_.get(), reference_.get(), D, block.u + s * block.stride, scratch + s * block.stride,
                          norms + s * slab<T>);
        squared_distances<T>(whitened(block, scratch), offsets_.get(), K, D, halves_.get(), energies);
    }
    void statistics(const Block<T>& block, T* scratch, const T* energies, const T* resp,
                    double* sums) const override {
        this->add_counts(block, energies, resp, sums, sums + K);
        weighted_differences<T>(whitened(block, scratch), offsets_.get(), resp, K, D, sums + 2 * K);
    }
    void finish(const double* sums, const Moments& out) const override {
        for (std::int64_t k = 0; k < K; ++k) {
            out.counts[k] = sums[k];
            out.squares[k] = sums[K + k];
            for (std::int64_t j = 0; j < D; ++j) out.sums[k * D + j] = sums[2 * K + k * D + j];
        }
    }

private:
    static Block<T> whitened(const Block<T>& block, const T* scratch) {
        return {scratch, block.w, block.stride, block.slabs, block.rows};
    }

    Buffer<T> packed_, reference_, offsets_, halves_;
    Buffer<double> whitened_;
};

}  // namespace mixtura::MIXTURA_ARCH
