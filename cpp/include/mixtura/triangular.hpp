// Blocked forward substitution, z = L^-1 (u - mu), for a slab of rows at once.
//
// Features are taken in panels of `panel`. A packed factor is, for each panel starting at j0,
//     columns i = 0 .. j0 - 1:  L[j0 .. j0 + panel, i]
//     columns of the diagonal tile: L below the diagonal, 1 / L[j, j] on it
// so that memory is read once and in order. The last panel is filled up with zeros.
// Per panel: acc = u - mu; acc -= L[panel, :j0] z[:j0] in registers (panel x group vectors); then the small triangle.
#pragma once

#include "block.hpp"

namespace mixtura::MIXTURA_ARCH {

constexpr std::int64_t panels_for(std::int64_t n_features) { return (n_features + panel - 1) / panel; }

constexpr std::int64_t packed_triangle_size(std::int64_t n_features) {
    const std::int64_t panels = panels_for(n_features);
    return panel * panel * panels * (panels + 1) / 2;
}

template <class T>
inline void pack_triangle(const double* factor, std::int64_t n_features, T* out) {
    for (std::int64_t j0 = 0; j0 < n_features; j0 += panel)
        for (std::int64_t i = 0; i < j0 + panel; ++i)
            for (std::int64_t j = j0; j < j0 + panel; ++j) {
                double value = 0;
                if (j < n_features && i <= j) value = factor[j * n_features + i];
                if (i == j && j < n_features) value = 1 / value;
                *out++ = T(value);
            }
}

template <class T, int p>
MIXTURA_INLINE void solve_panel(const T* packed, const T* mu, const T* u, T* z, std::int64_t j0,
                                Vec<T> (&square)[group]) {
    Vec<T> acc[p][group];
    unrolled<p>([&](auto f) MIXTURA_LAMBDA {
        const Vec<T> m = broadcast<T>(mu[j0 + f]);
        unrolled<group>([&](auto v) MIXTURA_LAMBDA {
            acc[f][v] = load<T>(u + (j0 + f) * slab<T> + v * lanes<T>) - m;
        });
    });
    for (std::int64_t i = 0; i < j0; ++i) {
        Vec<T> zi[group];
        unrolled<group>([&](auto v) MIXTURA_LAMBDA { zi[v] = load<T>(z + i * slab<T> + v * lanes<T>); });
        unrolled<p>([&](auto f) MIXTURA_LAMBDA {
            const Vec<T> l = broadcast<T>(packed[i * panel + f]);
            unrolled<group>([&](auto v) MIXTURA_LAMBDA { acc[f][v] -= l * zi[v]; });
        });
    }
    const T* tile = packed + j0 * panel;
    unrolled<p>([&](auto f) MIXTURA_LAMBDA {
        unrolled<f>([&](auto g) MIXTURA_LAMBDA {
            const Vec<T> l = broadcast<T>(tile[g * panel + f]);
            unrolled<group>([&](auto v) MIXTURA_LAMBDA { acc[f][v] -= l * acc[g][v]; });
        });
        const Vec<T> inverse = broadcast<T>(tile[f * panel + f]);
        unrolled<group>([&](auto v) MIXTURA_LAMBDA {
            acc[f][v] *= inverse;
            square[v] += acc[f][v] * acc[f][v];
            store<T>(z + (j0 + f) * slab<T> + v * lanes<T>, acc[f][v]);
        });
    });
}

// One slab: z (n_features, slab) and the energies |z|^2 / 2 (slab,).
template <class T>
inline void solve_slab(const T* packed, const T* mu, std::int64_t n_features, const T* u, T* z, T* energies) {
    Vec<T> square[group] = {};
    std::int64_t j0 = 0;
    for (; j0 + panel <= n_features; j0 += panel) {
        solve_panel<T, panel>(packed, mu, u, z, j0, square);
        packed += (j0 + panel) * panel;
    }
    unrolled<panel - 1>([&](auto rest) MIXTURA_LAMBDA {
        if (n_features - j0 == rest + 1) solve_panel<T, rest + 1>(packed, mu, u, z, j0, square);
    });
    unrolled<group>([&](auto v) MIXTURA_LAMBDA { store<T>(energies + v * lanes<T>, broadcast<T>(T(0.5)) * square[v]); });
}

}  // namespace mixtura::MIXTURA_ARCH
