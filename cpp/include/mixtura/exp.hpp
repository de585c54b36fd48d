// exp and log of a vector.
//
// exp(x), x <= 0: n = round(x / ln 2), r = x - n ln 2 in two pieces, |r| <= ln 2 / 2,
//     exp(x) = 2^n (1 + r + r^2 q(r)), q minimax (relative error of the whole 4e-18 for float64, 3e-10 for float32).
// With AVX-512 a table of 2^(j/16) fits into one or two registers: n = round(16 x / ln 2) = 16 e + j, |r| <= ln 2 / 32,
//     exp(x) = 2^e 2^(j/16) (1 + r + r^2 q(r)), and q is half as long (3e-17 and 5e-9).
// Below -708 (float64) or -87 (float32) the result is 0; exp(-inf) = 0; NaN stays NaN. Error below 2 ulp elsewhere.
//
// log(x), x >= 1 or x = 0 or NaN: x = 2^k m, m in [sqrt 1/2, sqrt 2), f = m - 1, s = f / (2 + f), an odd series in s
// (the reduction of FreeBSD's e_log.c). Error below 1 ulp. log(0) = -inf.
#pragma once

#include <limits>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "simd.hpp"

namespace mixtura::MIXTURA_ARCH {

template <class T>
struct ExpConstants;

template <>
struct ExpConstants<double> {
    static constexpr double log2e = 1.4426950408889634074;
    static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
    static constexpr double lowest = -708.0;
    static constexpr double magic = 6755399441055744.0 + 1023.0;  // 1.5 * 2^52 plus the exponent's bias
    static constexpr int mantissa = 52;
    static constexpr double q[] = {0.5000000000000010627,     0.16666666666666412522,    0.04166666666653015977,
                                   0.0083333333334944638693,  0.001388888894362984184,   0.00019841269506571106111,
                                   0.000024801493099144011969, 2.7557586382581074262e-6, 2.763024830872524193e-7,
                                   2.5000058349050144127e-8};
};

template <>
struct ExpConstants<float> {
    static constexpr float log2e = 1.44269504088896341f;
    static constexpr float ln2_high = 6.9314575195e-01f, ln2_low = 1.4286067653e-06f;
    static constexpr float lowest = -87.0f;
    static constexpr float magic = 12582912.0f + 127.0f;
    static constexpr int mantissa = 23;
    static constexpr float q[] = {0.50000000134658092f, 0.16666666681623231f,   0.041666464925285906f,
                                  0.0083333109254809f,  0.0013933649996309250f, 0.00019890990824673654f};
};

// q[0] + q[1] x + ... by Estrin's scheme: pairs, then pairs of pairs.
template <class T, int N>
MIXTURA_INLINE Vec<T> polynomial(const Vec<T> (&term)[N], Vec<T> x) {
    if constexpr (N == 1) {
        return term[0];
    } else {
        constexpr int half = (N + 1) / 2;
        Vec<T> next[half];
        unrolled<half>([&](auto i) MIXTURA_LAMBDA {
            if constexpr (2 * i + 1 < N)
                next[i] = term[2 * i] + term[2 * i + 1] * x;
            else
                next[i] = term[2 * i];
        });
        return polynomial<T, half>(next, x * x);
    }
}

#ifdef __AVX512F__

// 2^(j/16) as bits, less j shifted to where n's low four bits will be added
template <class T>
struct ExpTable;

template <>
struct ExpTable<double> {
    static constexpr double q[] = {0.5, 0.16666666665301144786, 0.041666666664959767097, 0.0083334497245283561569,
                                   0.0013889034377693011883};
    static constexpr double magic = 6755399441055744.0;
    static constexpr std::int64_t bits[16] = {
        0x3ff0000000000000, 0x3fefb5586cf9890f, 0x3fef72b83c7d517b, 0x3fef387a6e756238,
        0x3fef06fe0a31b715, 0x3feedea64c123422, 0x3feebfdad5362a27, 0x3feeab07dd485429,
        0x3feea09e667f3bcd, 0x3feea11473eb0187, 0x3feeace5422aa0db, 0x3feec49182a3f090,
        0x3feee89f995ad3ad, 0x3fef199bdd85529c, 0x3fef5818dcfba487, 0x3fefa4afa2a490da};
    // The table's entry for the low four bits of n, times 2^(n / 16)
    MIXTURA_INLINE static Vec<double> scale(IntVec<double> n) {
        const IntVec<double> low = load<std::int64_t>(bits), high = load<std::int64_t>(bits + 8);
        const auto entry = _mm512_permutex2var_epi64((__m512i)low, (__m512i)n, (__m512i)high);
        return Vec<double>(IntVec<double>(entry) + (n << 48));
    }
};

template <>
struct ExpTable<float> {
    static constexpr float q[] = {0.50000977687312674977f, 0.16666862203692235372f};
    static constexpr float magic = 12582912.0f;
    static constexpr std::int32_t bits[16] = {
        0x3f800000, 0x3f7daac3, 0x3f7b95c2, 0x3f79c3d3, 0x3f7837f0, 0x3f76f532, 0x3f75fed7, 0x3f75583f,
        0x3f7504f3, 0x3f7508a4, 0x3f75672a, 0x3f76248c, 0x3f7744fd, 0x3f78ccdf, 0x3f7ac0c7, 0x3f7d257d};
    MIXTURA_INLINE static Vec<float> scale(IntVec<float> n) {
        const auto entry = _mm512_permutexvar_epi32((__m512i)n, (__m512i)load<std::int32_t>(bits));
        return Vec<float>(IntVec<float>(entry) + (n << 19));
    }
};

// Several vectors in step, x in place: one alone would wait for its own latencies.
template <class T, int M>
MIXTURA_INLINE void exp(Vec<T> (&x)[M]) {
    using C = ExpConstants<T>;
    using Table = ExpTable<T>;
    constexpr int N = sizeof(Table::q) / sizeof(T);
    Vec<T> shifted[M], n[M], r[M], square[M], p[M];
    const auto each = [&](auto&& step) MIXTURA_LAMBDA { unrolled<M>(step); };
    each([&](auto i) MIXTURA_LAMBDA { shifted[i] = x[i] * broadcast<T>(16 * C::log2e) + broadcast<T>(Table::magic); });
    each([&](auto i) MIXTURA_LAMBDA { n[i] = shifted[i] - broadcast<T>(Table::magic); });
    each([&](auto i) MIXTURA_LAMBDA { r[i] = x[i] - n[i] * broadcast<T>(C::ln2_high / 16); });
    each([&](auto i) MIXTURA_LAMBDA { r[i] = r[i] - n[i] * broadcast<T>(C::ln2_low / 16); });
    each([&](auto i) MIXTURA_LAMBDA { square[i] = r[i] * r[i]; });
    each([&](auto i) MIXTURA_LAMBDA { p[i] = broadcast<T>(Table::q[N - 2]) + broadcast<T>(Table::q[N - 1]) * r[i]; });
    unrolled<N - 2>([&](auto j) MIXTURA_LAMBDA {
        each([&](auto i) MIXTURA_LAMBDA { p[i] = broadcast<T>(Table::q[N - 3 - j]) + p[i] * r[i]; });
    });
    each([&](auto i) MIXTURA_LAMBDA { p[i] = r[i] + square[i] * p[i]; });
    each([&](auto i) MIXTURA_LAMBDA { shifted[i] = Table::scale(IntVec<T>(shifted[i])); });
    each([&](auto i) MIXTURA_LAMBDA {
        x[i] = x[i] < broadcast<T>(C::lowest) ? Vec<T>{} : shifted[i] + shifted[i] * p[i];
    });
}

#else

template <class T>
MIXTURA_INLINE Vec<T> exp_one(Vec<T> x) {
    using C = ExpConstants<T>;
    constexpr int N = sizeof(C::q) / sizeof(T);
    const Vec<T> shifted = x * broadcast<T>(C::log2e) + broadcast<T>(C::magic);
    const Vec<T> n = shifted - broadcast<T>(C::magic);
    const Vec<T> r = (x - n * broadcast<T>(C::ln2_high)) - n * broadcast<T>(C::ln2_low);
    Vec<T> term[N];
    unrolled<N>([&](auto i) MIXTURA_LAMBDA { term[i] = broadcast<T>(C::q[i]); });
    const Vec<T> p = broadcast<T>(T(1)) + (r + (r * r) * polynomial<T, N>(term, r));
    const Vec<T> scale = Vec<T>(IntVec<T>(shifted) << C::mantissa);
    return x < broadcast<T>(C::lowest) ? Vec<T>{} : p * scale;
}

template <class T, int M>
MIXTURA_INLINE void exp(Vec<T> (&x)[M]) {
    unrolled<M>([&](auto i) MIXTURA_LAMBDA { x[i] = exp_one<T>(x[i]); });
}

#endif

template <class T>
MIXTURA_INLINE Vec<T> exp(Vec<T> x) {
    Vec<T> one[1] = {x};
    exp<T, 1>(one);
    return one[0];
}

template <class T>
struct LogConstants;

template <>
struct LogConstants<double> {
    static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
    static constexpr std::int64_t root_half = 0x3fe6a09e667f3bcd, exponent_magic = 0x4330000000000000;
    static constexpr double exponent_offset = 4503599627370496.0;
    static constexpr int mantissa = 52;
    static constexpr double g[] = {6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
                                   2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
                                   1.479819860511658591e-01};
};

template <>
struct LogConstants<float> {
    static constexpr float ln2_high = 6.9313812256e-01f, ln2_low = 9.0580006145e-06f;
    static constexpr std::int32_t root_half = 0x3f3504f3, exponent_magic = 0x4b000000;
    static constexpr float exponent_offset = 8388608.0f;
    static constexpr int mantissa = 23;
    static constexpr float g[] = {0.66666662693f, 0.40000972152f, 0.28498786688f, 0.24279078841f};
};

template <class T>
MIXTURA_INLINE Vec<T> log(Vec<T> x) {
    using C = LogConstants<T>;
    using I = IntVec<T>;
    constexpr int N = sizeof(C::g) / sizeof(T);
    const I bits = I(x);
    const I k = (bits - C::root_half) >> C::mantissa;  // >= 0 for x >= sqrt 1/2
    const Vec<T> m = Vec<T>(bits - (k << C::mantissa));
    const Vec<T> e = Vec<T>(k | C::exponent_magic) - broadcast<T>(C::exponent_offset);
    const Vec<T> f = m - broadcast<T>(T(1));
    const Vec<T> s = f / (broadcast<T>(T(2)) + f);
    const Vec<T> z = s * s, half_square = broadcast<T>(T(0.5)) * f * f;
    Vec<T> term[N];
    unrolled<N>([&](auto i) MIXTURA_LAMBDA { term[i] = broadcast<T>(C::g[i]); });
    const Vec<T> tail = s * (half_square + z * polynomial<T, N>(term, z)) + e * broadcast<T>(C::ln2_low);
    const Vec<T> result = e * broadcast<T>(C::ln2_high) - ((half_square - tail) - f);
    const Vec<T> minus_infinity = broadcast<T>(-std::numeric_limits<T>::infinity());
    return (x < broadcast<T>(T(0.5)) ? minus_infinity : result) + (x - x);
}

}  // namespace mixtura::MIXTURA_ARCH
