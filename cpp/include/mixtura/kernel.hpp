// What a covariance structure must provide for one block of rows.
//
//     densities   energies |z_ik|^2 / 2, (K, slabs, slab); may leave z in the scratch
//     statistics  adds the sums of one block to `sums`, given responsibilities times weights (K, slabs, slab), or,
//                 where `scales`, exp(l - m) and in one more row what to multiply it by
//     finish      from `sums` to arrays in the caller's shapes
//
// statistics() relies on densities() of the same kernel having run on the same block and scratch just before.
#pragma once

#include <cmath>

#include "block.hpp"

namespace mixtura::MIXTURA_ARCH {

template <class T>
class Kernel {
public:
    Kernel(std::int64_t n_components, std::int64_t n_features, bool scales_itself = false)
        : K(n_components), D(n_features), scales(scales_itself), constants_(n_components), normalisers_(n_components) {}
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    virtual ~Kernel() {}

    void read(const ModelView& model) {
        log_noise_ = T(model.noise_log_weight + model.noise_log_density);
        load(model);
    }
    virtual std::int64_t slabs_at_once(std::int64_t most) const { return most; }  // how many it likes to be given
    virtual std::size_t scratch_size(std::int64_t slabs) const = 0;  // in T
    virtual std::size_t sums_size() const = 0;                       // in double
    virtual void densities(const Block<T>& block, T* scratch, T* energies) const = 0;
    virtual void statistics(const Block<T>& block, T* scratch, const T* energies, const T* resp,
                            double* sums) const = 0;
    virtual void finish(const double* sums, const Moments& out) const = 0;

    const T* constants() const { return constants_.get(); }      // log pi_k + log normaliser
    const T* normalisers() const { return normalisers_.get(); }  // without log pi_k
    T log_noise() const { return log_noise_; }                   // log of weight times density of uniform noise

    const std::int64_t K, D;
    const bool scales;

protected:
    virtual void load(const ModelView& model) = 0;

    // log pi_k - log det L_k - D / 2 log 2 pi
    void set_constant(std::int64_t k, double log_weight, double log_det) {
        constexpr double half_log_two_pi = 0.91893853320467274178;
        const double normaliser = -log_det - double(D) * half_log_two_pi;
        normalisers_[k] = T(normaliser);
        constants_[k] = T(log_weight + normaliser);
    }

    // counts[k] += sum r, squares[k] += sum r |z|^2
    void add_counts(const Block<T>& block, const T* energies, const T* resp, double* counts, double* squares) const {
        const std::int64_t size = block.slabs * slab<T>;
        for (std::int64_t k = 0; k < K; ++k) {
            Vec<T> count[group] = {}, square[group] = {};
            for (std::int64_t i = k * size; i < (k + 1) * size; i += slab<T>)
                unrolled<group>([&](auto v) MIXTURA_LAMBDA {
                    const Vec<T> r = mixtura::MIXTURA_ARCH::load<T>(resp + i + v * lanes<T>);
                    count[v] += r;
                    square[v] += r * mixtura::MIXTURA_ARCH::load<T>(energies + i + v * lanes<T>);
                });
            counts[k] += sum_of_lanes<T>((count[0] + count[1]) + (count[2] + count[3]));
            squares[k] += 2 * sum_of_lanes<T>((square[0] + square[1]) + (square[2] + square[3]));
        }
    }

private:
    T log_noise_ = 0;
    Buffer<T> constants_, normalisers_;
};

inline double log_of_diagonal(const double* factor, std::int64_t n_features, std::int64_t step) {
    double total = 0;
    for (std::int64_t j = 0; j < n_features; ++j) total += std::log(factor[j * step]);
    return total;
}

}  // namespace mixtura::MIXTURA_ARCH
