// Vectors of rows: GCC and clang vector extensions, no intrinsics.
//
// The translation unit defines
//     MIXTURA_ARCH           name of the instruction set, used as a namespace
//     MIXTURA_VECTOR_BYTES   16, 32 or 64
//     MIXTURA_PANEL          features a register tile: 3 with 16 vector registers, 4 with 32
// Everything that holds code lives in that namespace, so that copies for different instruction sets never meet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#define MIXTURA_INLINE inline __attribute__((always_inline))
#define MIXTURA_LAMBDA __attribute__((always_inline))

namespace mixtura::MIXTURA_ARCH {

template <class T>
struct VectorOf {
    typedef T type __attribute__((vector_size(MIXTURA_VECTOR_BYTES)));
    typedef T unaligned __attribute__((vector_size(MIXTURA_VECTOR_BYTES), aligned(sizeof(T)), may_alias));
    using Integer = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;
    typedef double wide __attribute__((vector_size(8 / sizeof(T) * MIXTURA_VECTOR_BYTES)));
    typedef Integer integers __attribute__((vector_size(MIXTURA_VECTOR_BYTES)));
};
template <class T>
using Vec = typename VectorOf<T>::type;
template <class T>
using IntVec = typename VectorOf<T>::integers;

template <class T>
inline constexpr int lanes = MIXTURA_VECTOR_BYTES / int(sizeof(T));
inline constexpr int panel = MIXTURA_PANEL;  // features in a register tile
inline constexpr int group = 4;              // vectors of rows in a register tile
template <class T>
inline constexpr int slab = group * lanes<T>;  // rows in a register tile: the unit of storage

// f(0), f(1), ..., f(N - 1) with constant arguments, so that arrays indexed by them stay in registers.
template <int N, class F>
MIXTURA_INLINE void unrolled(F&& f) {
    [&]<int... I>(std::integer_sequence<int, I...>) MIXTURA_LAMBDA {
        (f(std::integral_constant<int, I>{}), ...);
    }(std::make_integer_sequence<int, N>{});
}

template <class T>
MIXTURA_INLINE Vec<T> broadcast(T s) {
    return [&]<int... I>(std::integer_sequence<int, I...>) MIXTURA_LAMBDA {
        return Vec<T>{((void)I, s)...};
    }(std::make_integer_sequence<int, lanes<T>>{});
}

template <class T>
MIXTURA_INLINE Vec<T> load(const T* p) {
    return *reinterpret_cast<const typename VectorOf<T>::unaligned*>(p);
}

template <class T>
MIXTURA_INLINE void store(T* p, Vec<T> v) {
    *reinterpret_cast<typename VectorOf<T>::unaligned*>(p) = v;
}

template <class V>
MIXTURA_INLINE V larger(V a, V b) {
    return a > b ? a : b;
}

// Interleave groups of G lanes of x and y: the even groups of both, or the odd ones.
template <class T, int G, int odd>
MIXTURA_INLINE Vec<T> interleave(Vec<T> x, Vec<T> y) {
    return [&]<int... I>(std::integer_sequence<int, I...>) MIXTURA_LAMBDA {
        return __builtin_shufflevector(
            x, y, ((I / G) % 2 == 0 ? (I / G + odd) * G + I % G : lanes<T> + (I / G - 1 + odd) * G + I % G)...);
    }(std::make_integer_sequence<int, lanes<T>>{});
}

// lanes<T> vectors in, one vector out: lane i holds the sum over the lanes of v[i].
template <class T, int G = 1>
MIXTURA_INLINE Vec<T> lane_sums(const Vec<T>* v) {
    if constexpr (G == lanes<T>) {
        return v[0];
    } else {
        constexpr int half = lanes<T> / G / 2;
        Vec<T> folded[half];
        unrolled<half>([&](auto i) MIXTURA_LAMBDA {
            folded[i] = interleave<T, G, 0>(v[2 * i], v[2 * i + 1]) + interleave<T, G, 1>(v[2 * i], v[2 * i + 1]);
        });
        return lane_sums<T, 2 * G>(folded);
    }
}

// out[0 .. lanes) += v, in float64
template <class T>
MIXTURA_INLINE void add_widened(double* out, Vec<T> v) {
    if constexpr (sizeof(T) == 8) {
        store<double>(out, load<double>(out) + v);
    } else {
        constexpr int half = lanes<float> / 2;
        [&]<int... I>(std::integer_sequence<int, I...>) MIXTURA_LAMBDA {
            store<double>(out, load<double>(out) +
                                   __builtin_convertvector(__builtin_shufflevector(v, v, I...), Vec<double>));
            store<double>(out + half, load<double>(out + half) + __builtin_convertvector(
                                          __builtin_shufflevector(v, v, (half + I)...), Vec<double>));
        }(std::make_integer_sequence<int, half>{});
    }
}

// out[i] += sum over the lanes of v[i], i < N; `out` has room for N rounded up to a multiple of lanes<T>.
template <class T, int N>
MIXTURA_INLINE void add_lane_sums(double* out, const Vec<T> (&v)[N]) {
    constexpr int batches = (N + lanes<T> - 1) / lanes<T>;
    unrolled<batches>([&](auto b) MIXTURA_LAMBDA {
        Vec<T> part[lanes<T>];
        unrolled<lanes<T>>([&](auto i) MIXTURA_LAMBDA {
            constexpr int source = b * lanes<T> + i;
            if constexpr (source < N)
                part[i] = v[source];
            else
                part[i] = Vec<T>{};
        });
        add_widened<T>(out + b * lanes<T>, lane_sums<T>(part));
    });
}

template <int N, class T>
inline constexpr int padded = (N + lanes<T> - 1) / lanes<T> * lanes<T>;

template <class T>
MIXTURA_INLINE double sum_of_lanes(Vec<T> v) {
    double total = 0;
    for (int i = 0; i < lanes<T>; ++i) total += double(v[i]);
    return total;
}

// A running sum of vectors, in float64 whatever T is.
template <class T>
struct WideSum {
    typename VectorOf<T>::wide lane = {};
    MIXTURA_INLINE void add(Vec<T> v) { lane += __builtin_convertvector(v, typename VectorOf<T>::wide); }
    MIXTURA_INLINE double total() const {
        double sum = 0;
        for (int i = 0; i < lanes<T>; ++i) sum += lane[i];
        return sum;
    }
};

}  // namespace mixtura::MIXTURA_ARCH
