// Lower triangular factors in 1 to 4 dimensions, D known to the compiler.
//
// z never leaves the registers: it costs less to compute again for the statistics than to store. One component's
// count, sums and products are 1 + D + D (D + 1) / 2 vector accumulators over the whole block.
//
// Each component has two sets of parameters. For densities those of z / sqrt 2, whose square is the energy; for the
// statistics those of z_i L_ii, that is of the factor with a unit diagonal: dividing the sums by L_ii (and L_jj) at the
// end is the same number, and spares a product a feature.
// sums: per component count, s (D), lower T row by row; then room for one vector.
#pragma once

#include "kernel.hpp"

namespace mixtura::MIXTURA_ARCH {

template <class T, int D>
struct SmallFactor {
    Vec<T> mean[D], factor[D * (D + 1) / 2];  // on the diagonal what to multiply by

    MIXTURA_INLINE explicit SmallFactor(const T* parameters) {
        unrolled<D>([&](auto j) MIXTURA_LAMBDA { mean[j] = broadcast<T>(parameters[j]); });
        unrolled<D*(D + 1) / 2>([&](auto j) MIXTURA_LAMBDA { factor[j] = broadcast<T>(parameters[D + j]); });
    }
    template <bool unit>
    MIXTURA_INLINE void whiten(const T* u, Vec<T> (&z)[D]) const {
        unrolled<D>([&](auto i) MIXTURA_LAMBDA {
            z[i] = load<T>(u + i * slab<T>) - mean[i];
            unrolled<i>([&](auto j) MIXTURA_LAMBDA { z[i] -= factor[i * (i + 1) / 2 + j] * z[j]; });
            if constexpr (!unit) z[i] *= factor[i * (i + 1) / 2 + i];
        });
    }
};

template <class T, int Dims>
class SmallKernel final : public Kernel<T> {
    static constexpr int triangle = Dims * (Dims + 1) / 2, parameters = Dims + triangle, moments = 1 + Dims + triangle;

public:
    using Kernel<T>::K;

    SmallKernel(std::int64_t n_components, bool tied, bool scatter)
        : Kernel<T>(n_components, Dims, true), tied_(tied), scatter_(scatter),
          parameters_(2 * n_components * parameters), inverse_(n_components * Dims) {}

    void load(const ModelView& model) override {
        for (std::int64_t k = 0; k < K; ++k) {
            const double* factor = model.factors + (tied_ ? 0 : k * Dims * Dims);
            this->set_constant(k, model.log_weights[k], log_of_diagonal(factor, Dims, Dims + 1));
            pack(model.means + k * Dims, factor, true, parameters_.get() + 2 * k * parameters);
            pack(model.means + k * Dims, factor, false, parameters_.get() + (2 * k + 1) * parameters);
            for (int j = 0; j < Dims; ++j) inverse_[k * Dims + j] = 1 / factor[j * Dims + j];
        }
    }
    std::size_t scratch_size(std::int64_t) const override { return 0; }
    std::size_t sums_size() const override { return K * moments + 64; }

    void densities(const Block<T>& block, T*, T* energies) const override {
        for (std::int64_t k = 0; k < K; ++k) {
            const SmallFactor<T, Dims> factor(parameters_.get() + (2 * k + 1) * parameters);
            T* out = energies + k * block.slabs * slab<T>;
            for (std::int64_t s = 0; s < block.slabs; ++s)
                unrolled<group>([&](auto v) MIXTURA_LAMBDA {
                    Vec<T> z[Dims], square = {};
                    factor.template whiten<false>(block.u + s * block.stride + v * lanes<T>, z);
                    unrolled<Dims>([&](auto j) MIXTURA_LAMBDA { square += z[j] * z[j]; });
                    store<T>(out + s * slab<T> + v * lanes<T>, square);
                });
        }
    }

    void statistics(const Block<T>& block, T*, const T*, const T* resp, double* sums) const override {
        const T* scale = resp + K * block.slabs * slab<T>;
        for (std::int64_t k = 0; k < K; ++k) {
            const SmallFactor<T, Dims> factor(parameters_.get() + 2 * k * parameters);
            Vec<T> acc[moments] = {};
            for (std::int64_t s = 0; s < block.slabs; ++s)
                unrolled<group>([&](auto v) MIXTURA_LAMBDA {
                    Vec<T> z[Dims];
                    factor.template whiten<true>(block.u + s * block.stride + v * lanes<T>, z);
                    const std::int64_t row = s * slab<T> + v * lanes<T>;
                    const Vec<T> r = mixtura::MIXTURA_ARCH::load<T>(resp + k * block.slabs * slab<T> + row) *
                                     mixtura::MIXTURA_ARCH::load<T>(scale + row);
                    acc[0] += r;
                    unrolled<Dims>([&](auto i) MIXTURA_LAMBDA {
                        const Vec<T> product = r * z[i];
                        acc[1 + i] += product;
                        unrolled<i + 1>([&](auto j) MIXTURA_LAMBDA {
                            acc[1 + Dims + i * (i + 1) / 2 + j] += product * z[j];
                        });
                    });
                });
            add_lane_sums<T>(sums + k * moments, acc);
        }
    }

    void finish(const double* sums, const Moments& out) const override {
        if (scatter_)
            for (std::int64_t i = 0; i < (tied_ ? 1 : K) * Dims * Dims; ++i) out.scatter[i] = 0;
        for (std::int64_t k = 0; k < K; ++k, sums += moments) {
            out.counts[k] = sums[0];
            out.squares[k] = 0;
            const double *second = sums + 1 + Dims, *inverse = inverse_.get() + k * Dims;
            for (int i = 0; i < Dims; ++i) {
                out.sums[k * Dims + i] = sums[1 + i] * inverse[i];
                out.squares[k] += (second[i * (i + 1) / 2 + i] * inverse[i]) * inverse[i];
            }
            if (!scatter_) continue;
            double* scatter = out.scatter + (tied_ ? 0 : k * Dims * Dims);
            for (int i = 0; i < Dims; ++i)
                for (int j = 0; j <= i; ++j) scatter[i * Dims + j] += (second[i * (i + 1) / 2 + j] * inverse[i]) * inverse[j];
        }
        if (!scatter_) return;
        for (std::int64_t k = 0; k < (tied_ ? 1 : K); ++k)
            for (int i = 0; i < Dims; ++i)
                for (int j = 0; j < i; ++j)
                    out.scatter[(k * Dims + j) * Dims + i] = out.scatter[(k * Dims + i) * Dims + j];
    }

private:
    // The mean, then the lower triangle with multipliers on the diagonal, of z_i L_ii or of z / sqrt 2
    static void pack(const double* mean, const double* factor, bool unit, T* out) {
        const double root = std::sqrt(0.5);
        for (int j = 0; j < Dims; ++j) *out++ = T(mean[j]);
        for (int i = 0; i < Dims; ++i)
            for (int j = 0; j <= i; ++j)
                if (unit)
                    *out++ = T(factor[i * Dims + j] / factor[j * Dims + j]);
                else
                    *out++ = T(i == j ? root / factor[i * Dims + i] : factor[i * Dims + j] / root);
    }

    const bool tied_, scatter_;
    Buffer<T> parameters_;
    Buffer<double> inverse_;
};

}  // namespace mixtura::MIXTURA_ARCH
