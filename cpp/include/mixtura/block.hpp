// A block of rows, transposed: features outside, rows inside, so that a vector lane is a row.
//
// Rows are stored in slabs of `slab<T>` rows. Feature j of slab s starts at u + s * stride + j * slab<T>; the stride is
// an odd number of features, so that the slabs of one feature do not fall on the same cache sets.
// Rows that only fill up the last slab hold u = 0 and weight 0; so do, with `blank`, rows of weight 0: whatever stands
// in them, they then contribute exactly nothing.
#pragma once

#include "memory.hpp"
#include "problem.hpp"

namespace mixtura::MIXTURA_ARCH {

template <class T>
constexpr std::int64_t slab_stride(std::int64_t n_features) {
    return (n_features | 1) * slab<T>;
}

template <class T>
constexpr std::int64_t slabs_for(std::int64_t rows) {
    return (rows + slab<T> - 1) / slab<T>;
}

template <class T>
struct Block {
    const T* u;          // (slabs, stride)
    const T* w;          // (slabs, slab) weights, or null: all 1
    std::int64_t stride;
    std::int64_t slabs;
    std::int64_t rows;   // the real ones

    Block part(std::int64_t first, std::int64_t count) const {
        const std::int64_t most = slabs - first < count ? slabs - first : count, before = first * slab<T>;
        const std::int64_t real = rows - before < most * slab<T> ? rows - before : most * slab<T>;
        return {u + first * stride, w ? w + before : nullptr, stride, most, real};
    }
};

// Centre and scale of the columns in the type of the inner loops.
template <class T>
class Columns {
public:
    Columns(const double* centre, const double* inverse_scale, std::int64_t n_features)
        : centre_(n_features), scale_(n_features) {
        for (std::int64_t j = 0; j < n_features; ++j) {
            centre_[j] = T(centre[j]);
            scale_[j] = T(inverse_scale[j]);
        }
    }
    const T* centre() const { return centre_.get(); }
    const T* scale() const { return scale_.get(); }

private:
    Buffer<T> centre_, scale_;
};

template <class T>
MIXTURA_INLINE T element(const char* p) {
    T value;
    std::memcpy(&value, p, sizeof(T));
    return value;
}

// lanes<T> vectors, each a row, into vectors that are each a feature.
template <class T, int G = 1>
MIXTURA_INLINE void transpose(Vec<T> (&v)[lanes<T>]) {
    if constexpr (G < lanes<T>) {
        unrolled<lanes<T>>([&](auto i) MIXTURA_LAMBDA {
            if constexpr ((i / G) % 2 == 0) {
                const Vec<T> x = v[i], y = v[i + G];
                v[i] = interleave<T, G, 0>(x, y);
                v[i + G] = interleave<T, G, 1>(x, y);
            }
        });
        transpose<T, 2 * G>(v);
    }
}

template <class T>
MIXTURA_INLINE void store_column(Vec<T> x, const Columns<T>& columns, std::int64_t j, T* u) {
    store<T>(u + j * slab<T>, (x - broadcast<T>(columns.centre()[j])) * broadcast<T>(columns.scale()[j]));
}

// Features j .. j + wanted of lanes<T> rows. Reads lanes<T> features of every row: the caller makes sure that it may.
template <class T, int wanted>
inline void pack_tile(const char* rows, std::int64_t row_stride, const Columns<T>& columns, std::int64_t j, T* u) {
    Vec<T> v[lanes<T>];
    unrolled<lanes<T>>([&](auto i) MIXTURA_LAMBDA {
        v[i] = load<T>(reinterpret_cast<const T*>(rows + i * row_stride) + j);
    });
    transpose<T>(v);
    unrolled<wanted>([&](auto i) MIXTURA_LAMBDA { store_column<T>(v[i], columns, j + i, u); });
}

// Two features side by side: two vectors hold lanes<T> rows.
template <class T>
inline void pack_pairs(const char* rows, const Columns<T>& columns, T* u) {
    const T* p = reinterpret_cast<const T*>(rows);
    const Vec<T> x = load<T>(p), y = load<T>(p + lanes<T>);
    [&]<int... I>(std::integer_sequence<int, I...>) MIXTURA_LAMBDA {
        store_column<T>(__builtin_shufflevector(x, y, (2 * I)...), columns, 0, u);
        store_column<T>(__builtin_shufflevector(x, y, (2 * I + 1)...), columns, 1, u);
    }(std::make_integer_sequence<int, lanes<T>>{});
}

// One full slab whose columns lie side by side (C order, possibly with padding between rows); the slab's rows may be
// read up to a vector beyond their last feature.
template <class T>
inline void pack_contiguous(const char* data, std::int64_t row_stride, const Columns<T>& columns, std::int64_t n_features,
                            T* u) {
    const bool pairs = n_features == 2 && row_stride == 2 * std::int64_t(sizeof(T));
    for (std::int64_t first = 0; first < slab<T>; first += lanes<T>, u += lanes<T>, data += lanes<T> * row_stride) {
        if (pairs) {
            pack_pairs<T>(data, columns, u);
            continue;
        }
        std::int64_t j = 0;
        for (; j + lanes<T> <= n_features; j += lanes<T>) pack_tile<T, lanes<T>>(data, row_stride, columns, j, u);
        unrolled<lanes<T> - 1>([&](auto rest) MIXTURA_LAMBDA {
            if (n_features - j == rest + 1) pack_tile<T, rest + 1>(data, row_stride, columns, j, u);
        });
    }
}

// One slab of `count` <= slab<T> rows, any strides.
template <class T>
inline void pack_strided(const Rows& rows, const char* data, std::int64_t count, const Columns<T>& columns, T* u) {
    const bool vectors = rows.row_stride == std::int64_t(sizeof(T)) && count == slab<T>;
    for (std::int64_t j = 0; j < rows.n_features; ++j) {
        const char* p = data + j * rows.column_stride;
        const T centre = columns.centre()[j], scale = columns.scale()[j];
        T* out = u + j * slab<T>;
        if (vectors) {
            unrolled<group>([&](auto v) MIXTURA_LAMBDA {
                store_column<T>(load<T>(reinterpret_cast<const T*>(p) + v * lanes<T>), columns, j, u + v * lanes<T>);
            });
            continue;
        }
        for (std::int64_t i = 0; i < count; ++i) out[i] = (element<T>(p + i * rows.row_stride) - centre) * scale;
        for (std::int64_t i = count; i < slab<T>; ++i) out[i] = 0;
    }
}

// The end of the memory that X spans, for rows with their columns side by side.
template <class T>
constexpr const char* end_of(const Rows& rows) {
    const std::int64_t last = rows.row_stride > 0 ? (rows.n_samples - 1) * rows.row_stride : 0;
    return rows.data + last + rows.n_features * std::int64_t(sizeof(T));
}

template <class T>
inline void pack_weights(const Rows& rows, std::int64_t begin, std::int64_t count, std::int64_t slabs, bool blank,
                         T* u, std::int64_t stride, T* w) {
    for (std::int64_t i = 0; i < slabs * slab<T>; ++i) {
        T value = 0;
        if (i < count) value = rows.weight ? T(element<double>(rows.weight + (begin + i) * rows.weight_stride)) : T(1);
        w[i] = value;
        if (blank && value == 0 && i < count)
            for (std::int64_t j = 0; j < rows.n_features; ++j) u[i / slab<T> * stride + j * slab<T> + i % slab<T>] = 0;
    }
}

// Rows begin .. begin + count into u and w; w is left unused when every weight is 1.
template <class T>
inline Block<T> pack(const Rows& rows, const Columns<T>& columns, std::int64_t begin, std::int64_t count, bool blank,
                     T* u, T* w) {
    const std::int64_t slabs = slabs_for<T>(count), stride = slab_stride<T>(rows.n_features);
    const bool side_by_side = rows.column_stride == std::int64_t(sizeof(T)) && rows.n_features > 1;
    const std::int64_t over_read = rows.n_features % lanes<T> ? MIXTURA_VECTOR_BYTES : 0;
    for (std::int64_t s = 0; s < slabs; ++s) {
        const std::int64_t first = s * slab<T>, left = count - first;
        const char* data = rows.data + (begin + first) * rows.row_stride;
        const std::int64_t reach = (rows.row_stride > 0 ? (slab<T> - 1) * rows.row_stride : 0) + over_read +
                                   rows.n_features / lanes<T> * MIXTURA_VECTOR_BYTES;
        if (side_by_side && left >= slab<T> && end_of<T>(rows) - data >= reach)
            pack_contiguous<T>(data, rows.row_stride, columns, rows.n_features, u + s * stride);
        else
            pack_strided<T>(rows, data, left < slab<T> ? left : slab<T>, columns, u + s * stride);
    }
    const bool weighted = rows.weight || count % slab<T> != 0;
    if (weighted) pack_weights<T>(rows, begin, count, slabs, blank, u, stride, w);
    return {u, weighted ? w : nullptr, stride, slabs, count};
}

}  // namespace mixtura::MIXTURA_ARCH
