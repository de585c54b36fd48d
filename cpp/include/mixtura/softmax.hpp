// From energies to responsibilities, one block at a time.
//
//     l_ik = c_k - |z_ik|^2 / 2,   m_i = max_k l_ik,   S_i = sum_k exp(l_ik - m_i),   r_ik = w_i exp(l_ik - m_i) / S_i
//     log_likelihood = sum_i w_i (m_i + log S_i),   log_max_resp = -sum_i w_i log S_i
//
// energies (K, slabs, slab); resp (K + 1, slabs, slab): r, or with `scaled` false exp(l - m) and in the last row w / S.
// Uniform noise is one more l that is the same in every row; its count is summed here, and its r
// is the last row of resp where `scaled`.
// Every S_i lies in [1, K], or [1, K + 1] with noise. Without weights the log is taken of products of S over
// 16 vectors (float32: 4), which cannot overflow for any number of components that fits into memory.
#pragma once

#include "exp.hpp"
#include "kernel.hpp"

namespace mixtura::MIXTURA_ARCH {

struct LogSums {
    double log_likelihood, log_max_resp, noise;
};

// One slab: the maxima, then exponentials and their sums; `noise` becomes exp(l - m) of the noise.
template <class T, bool noisy>
MIXTURA_INLINE void exponentials(const T* constants, std::int64_t n_components, T log_noise, const T* energies, T* resp,
                                 std::int64_t k_stride, Vec<T> (&maximum)[group], Vec<T> (&sum)[group],
                                 Vec<T> (&noise)[group]) {
    unrolled<group>([&](auto v) MIXTURA_LAMBDA {
        maximum[v] = broadcast<T>(noisy ? log_noise : std::numeric_limits<T>::lowest());
        sum[v] = Vec<T>{};
    });
    for (std::int64_t k = 0; k < n_components; ++k) {
        const Vec<T> c = broadcast<T>(constants[k]);
        unrolled<group>([&](auto v) MIXTURA_LAMBDA {
            maximum[v] = larger(c - load<T>(energies + k * k_stride + v * lanes<T>), maximum[v]);
        });
    }
    if constexpr (noisy) {
        unrolled<group>([&](auto v) MIXTURA_LAMBDA { noise[v] = broadcast<T>(log_noise) - maximum[v]; });
        exp<T, group>(noise);
        unrolled<group>([&](auto v) MIXTURA_LAMBDA { sum[v] = noise[v]; });
    }
    for (std::int64_t k = 0; k < n_components; ++k) {
        const Vec<T> c = broadcast<T>(constants[k]);
        Vec<T> e[group];
        unrolled<group>([&](auto v) MIXTURA_LAMBDA {
            e[v] = (c - load<T>(energies + k * k_stride + v * lanes<T>)) - maximum[v];
        });
        exp<T, group>(e);
        unrolled<group>([&](auto v) MIXTURA_LAMBDA {
            sum[v] += e[v];
            store<T>(resp + k * k_stride + v * lanes<T>, e[v]);
        });
    }
}

// 1 / sum for four vectors with one division: every sum lies in [1, K + 1].
template <class T>
MIXTURA_INLINE Vec<T> reciprocals(const Vec<T> (&sum)[group], Vec<T> (&inverse)[group]) {
    const Vec<T> first = sum[0] * sum[1], second = sum[2] * sum[3], product = first * second;
    const Vec<T> whole = broadcast<T>(T(1)) / product;
    const Vec<T> inverse_first = whole * second, inverse_second = whole * first;
    inverse[0] = inverse_first * sum[1];
    inverse[1] = inverse_first * sum[0];
    inverse[2] = inverse_second * sum[3];
    inverse[3] = inverse_second * sum[2];
    return product;
}

template <class T, bool weighted, bool noisy>
inline LogSums responsibilities(const T* constants, std::int64_t n_components, T log_noise, bool scaled,
                                const Block<T>& block, const T* energies, T* resp) {
    const std::int64_t k_stride = block.slabs * slab<T>;
    constexpr std::int64_t slabs_a_log = sizeof(T) == 8 ? 4 : 1;  // K^16 and K^4 stay finite
    WideSum<T> maxima, logs, noise_count;
    Vec<T> pending = broadcast<T>(T(1));
    for (std::int64_t s = 0; s < block.slabs; ++s) {
        const std::int64_t at = s * slab<T>;
        Vec<T> maximum[group], sum[group], factor[group], noise[group];
        exponentials<T, noisy>(constants, n_components, log_noise, energies + at, resp + at, k_stride, maximum, sum, noise);
        const Vec<T> product = reciprocals<T>(sum, factor);
        if constexpr (weighted) {
            unrolled<group>([&](auto v) MIXTURA_LAMBDA {
                const Vec<T> w = load<T>(block.w + at + v * lanes<T>);
                maxima.add(w * maximum[v]);
                logs.add(w * log<T>(sum[v]));
                factor[v] *= w;
            });
        } else {
            unrolled<group>([&](auto v) MIXTURA_LAMBDA { maxima.add(maximum[v]); });
            pending *= product;
            if ((s + 1) % slabs_a_log == 0 || s + 1 == block.slabs) {
                logs.add(log<T>(pending));
                pending = broadcast<T>(T(1));
            }
        }
        if constexpr (noisy)
            unrolled<group>([&](auto v) MIXTURA_LAMBDA { noise_count.add(noise[v] * factor[v]); });
        if (!scaled)
            unrolled<group>([&](auto v) MIXTURA_LAMBDA {
                store<T>(resp + at + n_components * k_stride + v * lanes<T>, factor[v]);
            });
        if constexpr (noisy)
            if (scaled)
                unrolled<group>([&](auto v) MIXTURA_LAMBDA {
                    store<T>(resp + at + n_components * k_stride + v * lanes<T>, noise[v] * factor[v]);
                });
        for (std::int64_t k = 0; k < n_components && scaled; ++k)
            unrolled<group>([&](auto v) MIXTURA_LAMBDA {
                T* r = resp + at + k * k_stride + v * lanes<T>;
                store<T>(r, load<T>(r) * factor[v]);
            });
    }
    const double log_sum = logs.total();
    return {maxima.total() + log_sum, -log_sum, noisy ? noise_count.total() : 0};
}

template <class T, bool weighted>
inline LogSums responsibilities(const Kernel<T>& kernel, bool scaled, const Block<T>& block, const T* energies, T* resp) {
    const T *constants = kernel.constants(), log_noise = kernel.log_noise();
    return log_noise > std::numeric_limits<T>::lowest()
               ? responsibilities<T, weighted, true>(constants, kernel.K, log_noise, scaled, block, energies, resp)
               : responsibilities<T, weighted, false>(constants, kernel.K, log_noise, scaled, block, energies, resp);
}

template <class T>
inline LogSums responsibilities(const Kernel<T>& kernel, const Block<T>& block, const T* energies, T* resp) {
    return block.w ? responsibilities<T, true>(kernel, !kernel.scales, block, energies, resp)
                   : responsibilities<T, false>(kernel, !kernel.scales, block, energies, resp);
}

}  // namespace mixtura::MIXTURA_ARCH
