// Which kernel serves which structure, and how many rows make a block.
#pragma once

#include "gaussian_diag.hpp"
#include "gaussian_full.hpp"
#include "gaussian_small.hpp"
#include "gaussian_spherical.hpp"
#include "gaussian_tied.hpp"

namespace mixtura::MIXTURA_ARCH {

template <class T>
inline Kernel<T>* make_triangular(std::int64_t K, std::int64_t D, bool tied, bool scatter) {
    switch (D) {
        case 1: return new SmallKernel<T, 1>(K, tied, scatter);
        case 2: return new SmallKernel<T, 2>(K, tied, scatter);
        case 3: return new SmallKernel<T, 3>(K, tied, scatter);
        case 4: return new SmallKernel<T, 4>(K, tied, scatter);
        default: return new FullKernel<T>(K, D, tied, scatter);
    }
}

template <class T>
inline Kernel<T>* make_kernel(Kind kind, std::int64_t K, std::int64_t D, bool scatter) {
    switch (kind) {
        case Kind::full: return make_triangular<T>(K, D, false, scatter);
        case Kind::tied:
            if (!scatter) return new TiedKernel<T>(K, D);
            return make_triangular<T>(K, D, true, scatter);
        case Kind::diag: return new DiagKernel<T>(K, D, false, scatter);
        case Kind::tied_diag: return new DiagKernel<T>(K, D, true, scatter);
        case Kind::spherical: return new SphericalKernel<T>(K, D, false);
        default: return new SphericalKernel<T>(K, D, true);
    }
}

// Rows a block, a multiple of the slab: up to 2 KiB a feature, and about 1 MiB in all. It may not depend on the
// models, which share the block; each takes its slabs in portions of its own liking.
template <class T>
constexpr std::int64_t block_rows(std::int64_t n_features) {
    std::int64_t bytes = 2048;
    while (bytes > 512 && bytes * n_features > (std::int64_t(1) << 20)) bytes /= 2;
    const std::int64_t rows = bytes / std::int64_t(sizeof(T));
    return (rows + slab<T> - 1) / slab<T> * slab<T>;
}

// Rows a leaf, a multiple of the block: about 64 leaves, of 1024 to 16384 rows.
template <class T>
constexpr std::int64_t leaf_rows(std::int64_t n_samples, std::int64_t n_features) {
    std::int64_t rows = 1024;
    while (rows < 16384 && rows * 64 < n_samples) rows *= 2;
    const std::int64_t block = block_rows<T>(n_features);
    return (rows + block - 1) / block * block;
}

}  // namespace mixtura::MIXTURA_ARCH
