// From squared distances to responsibilities, one block at a time.
//
//     l_ik = c_k - |z_ik|^2 / 2,   m_i = max_k l_ik,   S_i = sum_k exp(l_ik - m_i),   r_ik = w_i exp(l_ik - m_i) / S_i
//     log_likelihood = sum_i w_i (m_i + log S_i),   log_max_resp = -sum_i w_i log S_i
//
// distances, resp: (K, slabs, slab). Every S_i lies in [1, K]. Without weights the log is taken of products of S over
// the vectors of a slab, which cannot overflow for any number of components that fits into memory.
#pragma once

#include "block.hpp"
#include "exp.hpp"

namespace mixtura::MIXTURA_ARCH {

struct LogSums {
    double log_likelihood, log_max_resp;
};

// One slab: the maxima, then exponentials and their sums.
template <class T>
MIXTURA_INLINE void exponentials(const T* constants, std::int64_t n_components, const T* distances, T* resp,
                                 std::int64_t k_stride, Vec<T> (&maximum)[group], Vec<T> (&sum)[group]) {
    const Vec<T> half = broadcast<T>(T(0.5));
    unrolled<group>([&](auto v) MIXTURA_LAMBDA {
        maximum[v] = broadcast<T>(std::numeric_limits<T>::lowest());
        sum[v] = Vec<T>{};
    });
    for (std::int64_t k = 0; k < n_components; ++k) {
        const Vec<T> c = broadcast<T>(constants[k]);
        unrolled<group>([&](auto v) MIXTURA_LAMBDA {
            maximum[v] = larger(c - half * load<T>(distances + k * k_stride + v * lanes<T>), maximum[v]);
        });
    }
    for (std::int64_t k = 0; k < n_components; ++k) {
        const Vec<T> c = broadcast<T>(constants[k]);
        unrolled<group>([&](auto v) MIXTURA_LAMBDA {
            const Vec<T> l = c - half * load<T>(distances + k * k_stride + v * lanes<T>);
            const Vec<T> e = exp<T>(l - maximum[v]);
            sum[v] += e;
            store<T>(resp + k * k_stride + v * lanes<T>, e);
        });
    }
}

// Sums over lanes in float64 whatever T is.
template <class T>
struct WideSum {
    double lane[lanes<T>] = {};
    MIXTURA_INLINE void add(Vec<T> v) { add_widened<T>(lane, v); }
    double total() const {
        double sum = 0;
        for (int i = 0; i < lanes<T>; ++i) sum += lane[i];
        return sum;
    }
};

template <class T, bool weighted>
inline LogSums responsibilities(const T* constants, std::int64_t n_components, const Block<T>& block,
                                const T* distances, T* resp) {
    const std::int64_t k_stride = block.slabs * slab<T>;
    WideSum<T> maxima, logs;
    for (std::int64_t s = 0; s < block.slabs; ++s) {
        const std::int64_t at = s * slab<T>;
        Vec<T> maximum[group], sum[group], factor[group];
        exponentials<T>(constants, n_components, distances + at, resp + at, k_stride, maximum, sum);
        unrolled<group>([&](auto v) MIXTURA_LAMBDA {
            factor[v] = broadcast<T>(T(1)) / sum[v];
            if constexpr (weighted) {
                const Vec<T> w = load<T>(block.w + at + v * lanes<T>);
                maxima.add(w * maximum[v]);
                logs.add(w * log<T>(sum[v]));
                factor[v] = factor[v] * w;
            }
        });
        if constexpr (!weighted) {
            unrolled<group>([&](auto v) MIXTURA_LAMBDA { maxima.add(maximum[v]); });
            logs.add(log<T>((sum[0] * sum[1]) * (sum[2] * sum[3])));
        }
        for (std::int64_t k = 0; k < n_components; ++k)
            unrolled<group>([&](auto v) MIXTURA_LAMBDA {
                T* r = resp + at + k * k_stride + v * lanes<T>;
                store<T>(r, load<T>(r) * factor[v]);
            });
    }
    const double log_sum = logs.total();
    return {maxima.total() + log_sum, -log_sum};
}

template <class T>
inline LogSums responsibilities(const T* constants, std::int64_t n_components, const Block<T>& block,
                                const T* distances, T* resp) {
    return block.w ? responsibilities<T, true>(constants, n_components, block, distances, resp)
                   : responsibilities<T, false>(constants, n_components, block, distances, resp);
}

}  // namespace mixtura::MIXTURA_ARCH
