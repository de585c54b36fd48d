// Partitions of the rows for many starts at once: seeds, Lloyd's iterations, and the labels of all rows.
//
// A leaf is one start, so nothing depends on the threads. Each start looks at the rows through a view: its own centre
// and scale of the columns, and where it has a factor L, L^-1 of that. Seeds and Lloyd's iterations see some rows only.
#pragma once

#include "nearest.hpp"

namespace mixtura::MIXTURA_ARCH {

// u <- L^-1 u in place, L lower triangular (D, D)
template <class T>
inline void solve_columns(const double* factor, std::int64_t D, std::int64_t slabs, std::int64_t stride, T* u) {
    for (std::int64_t s = 0; s < slabs; ++s)
        for (std::int64_t i = 0; i < D; ++i) {
            T* row = u + s * stride + i * slab<T>;
            const Vec<T> inverse = broadcast<T>(T(1 / factor[i * D + i]));
            unrolled<group>([&](auto v) MIXTURA_LAMBDA {
                Vec<T> x = load<T>(row + v * lanes<T>);
                for (std::int64_t j = 0; j < i; ++j)
                    x -= broadcast<T>(T(factor[i * D + j])) * load<T>(row + (j - i) * slab<T> + v * lanes<T>);
                store<T>(row + v * lanes<T>, x * inverse);
            });
        }
}

// Some rows through one view, transposed, in blocks of a fixed size.
template <class T>
class ViewedRows {
public:
    ViewedRows() = default;
    void fill(const PartitionRequest& q, std::int64_t view) {
        const std::int64_t D = q.rows.n_features;
        Rows rows = q.rows;
        rows.centre = q.centres + view * D;
        rows.inverse_scale = q.inverse_scales + view * D;
        const Columns<T> columns(rows.centre, rows.inverse_scale, D);
        n_ = q.some ? q.n_some : rows.n_samples;
        D_ = D;
        u_ = Buffer<T>(slabs_for<T>(n_) * slab_stride<T>(D));
        if (!q.some) {
            Buffer<T> unused(slabs_for<T>(n_) * slab<T>);
            pack<T>(rows, columns, 0, n_, false, u_.get(), unused.get());
        } else {
            for (std::int64_t i = 0; i < n_; ++i)
                for (std::int64_t j = 0; j < D; ++j)
                    at(i, j) = (element<T>(rows.data + q.some[i] * rows.row_stride + j * rows.column_stride) -
                                columns.centre()[j]) * columns.scale()[j];
        }
        if (q.factors[view]) solve_columns<T>(q.factors[view], D, slabs_for<T>(n_), slab_stride<T>(D), u_.get());
    }
    std::int64_t rows() const { return n_; }
    T at(std::int64_t i, std::int64_t j) const {
        return u_[i / slab<T> * slab_stride<T>(D_) + j * slab<T> + i % slab<T>];
    }
    T& at(std::int64_t i, std::int64_t j) { return u_[i / slab<T> * slab_stride<T>(D_) + j * slab<T> + i % slab<T>]; }

    // each(block, index of its first row); w (n, filled up with zeros to whole slabs)
    template <class Each>
    void blocks(const T* w, Each&& each) const {
        const std::int64_t step = block_rows<T>(D_), stride = slab_stride<T>(D_);
        for (std::int64_t begin = 0; begin < n_; begin += step) {
            const std::int64_t count = begin + step < n_ ? step : n_ - begin;
            each(Block<T>{u_.get() + begin / slab<T> * stride, w + begin, stride, slabs_for<T>(count), count}, begin);
        }
    }

private:
    std::int64_t n_ = 0, D_ = 0;
    Buffer<T> u_;
};

template <class T>
class Partition final : public Task {
public:
    explicit Partition(const PartitionRequest& request)
        : q_(request), K_(request.n_components), D_(request.rows.n_features),
          n_(request.some ? request.n_some : request.rows.n_samples), views_(new ViewedRows<T>[request.n_views]),
          w_(slabs_for<T>(n_) * slab<T>) {
        for (std::int64_t v = 0; v < q_.n_views; ++v) views_[v].fill(q_, v);
        for (std::int64_t i = 0; i < n_; ++i) {
            const std::int64_t row = q_.some ? q_.some[i] : i;
            w_[i] = q_.rows.weight ? T(element<double>(q_.rows.weight + row * q_.rows.weight_stride)) : T(1);
        }
    }
    ~Partition() override { delete[] views_; }

    std::int64_t leaves() const override { return q_.n_starts; }
    std::size_t accumulator_size() const override { return 0; }
    std::size_t workspace_bytes() const override {
        const Clusters<T> clusters(K_, D_);
        Arena arena(nullptr);
        const typename Clusters<T>::Workspace space(clusters, slabs_for<T>(block_rows<T>(D_)), arena);
        return arena.used() + (space.label == nullptr ? 0 : alignment);
    }
    double work() const override {
        const double cost = row_cost(Kind::spherical, K_, D_, false);
        return double(q_.n_starts) * cost * (10 * double(n_) + double(q_.rows.n_samples));
    }
    void leaf(std::int64_t b, char* memory, double*) const override {
        Clusters<T> clusters(K_, D_);
        Arena arena(memory);
        const typename Clusters<T>::Workspace space(clusters, slabs_for<T>(block_rows<T>(D_)), arena);
        const ViewedRows<T>& rows = views_[q_.views[b]];
        seed(rows, q_.uniforms + b * K_ * q_.n_trials, q_.spread[b], space, clusters);
        if (q_.lloyd[b] > 0) iterate(rows, q_.lloyd[b], space, clusters);
        label_all(b, space, clusters);
    }

private:
    // Rows drawn in proportion to weight times squared distance from those drawn, of several draws the one that leaves
    // the least; or, without trials, in proportion to weight alone.
    void seed(const ViewedRows<T>& rows, const double* uniforms, std::int64_t trials,
              const typename Clusters<T>::Workspace& space, Clusters<T>& clusters) const {
        Buffer<double> distance(n_), tried(n_), best(n_);
        for (std::int64_t i = 0; i < n_; ++i) distance[i] = 1;
        for (std::int64_t k = 0; k < K_; ++k, uniforms += q_.n_trials) {
            if (trials == 0) {
                const std::int64_t row = draw(distance.get(), uniforms[0]);
                take(rows, row, clusters.center(k));
                distance[row] = 0;
                continue;
            }
            double least = std::numeric_limits<double>::infinity();
            std::int64_t chosen = 0;
            for (std::int64_t t = 0; t < (k == 0 ? 1 : trials); ++t) {
                const std::int64_t row = draw(distance.get(), uniforms[t]);
                take(rows, row, clusters.center(k));
                const double left = approach(rows, clusters.center(k), k == 0, distance.get(), tried.get(), space);
                if (t > 0 && !(left < least)) continue;
                least = left;
                chosen = row;
                std::memcpy(best.get(), tried.get(), n_ * sizeof(double));
            }
            take(rows, chosen, clusters.center(k));
            std::memcpy(distance.get(), best.get(), n_ * sizeof(double));
        }
    }
    void take(const ViewedRows<T>& rows, std::int64_t row, T* center) const {
        for (std::int64_t j = 0; j < D_; ++j) center[j] = rows.at(row, j);
    }
    // out = min(distance, |u - center|^2), or the latter where it is the first; returns the weighted sum.
    double approach(const ViewedRows<T>& rows, const T* center, bool first, const double* distance, double* out,
                    const typename Clusters<T>::Workspace& space) const {
        const T one = 1;
        double total = 0;
        rows.blocks(w_.get(), [&](const Block<T>& block, std::int64_t begin) {
            squared_distances<T>(block, center, 1, D_, &one, space.distances);
            for (std::int64_t i = 0; i < block.rows; ++i) {
                const double here = double(space.distances[i]);
                out[begin + i] = first || here < distance[begin + i] ? here : distance[begin + i];
                total += double(block.w[i]) * out[begin + i];
            }
        });
        return total;
    }
    std::int64_t draw(const double* distance, double uniform) const {
        double total = 0;
        for (std::int64_t i = 0; i < n_; ++i) total += double(w_[i]) * distance[i];
        const bool apart = total > 0;
        if (!apart)
            for (std::int64_t i = 0; i < n_; ++i) total += double(w_[i]);
        const double wanted = uniform * total;
        double sum = 0;
        for (std::int64_t i = 0; i < n_; ++i) {
            sum += double(w_[i]) * (apart ? distance[i] : 1);
            if (sum > wanted) return i;
        }
        return n_ - 1;
    }
    // Lloyd's iterations; a center that loses its rows stays.
    void iterate(const ViewedRows<T>& rows, std::int64_t most, const typename Clusters<T>::Workspace& space,
                 Clusters<T>& clusters) const {
        Buffer<double> sums(clusters.sums_size());
        double before = std::numeric_limits<double>::infinity();
        for (std::int64_t round = 0; round <= most; ++round) {
            std::memset(sums.get(), 0, clusters.sums_size() * sizeof(double));
            double inertia = 0;
            rows.blocks(w_.get(), [&](const Block<T>& block, std::int64_t) {
                inertia += clusters.assign(block, space);
                clusters.add(block, space, sums.get());
            });
            if (round == most || !(inertia < before * (1 - 1e-9))) return;
            before = inertia;
            for (std::int64_t k = 0; k < K_; ++k)
                for (std::int64_t j = 0; j < D_ && sums[k] > 0; ++j)
                    clusters.center(k)[j] += T(sums[K_ + k * D_ + j] / sums[k]);
        }
    }
    void label_all(std::int64_t b, const typename Clusters<T>::Workspace& space, const Clusters<T>& clusters) const {
        const std::int64_t view = q_.views[b], n = q_.rows.n_samples, step = block_rows<T>(D_);
        std::int32_t* labels = q_.labels + b * n;
        const auto write = [&](const Block<T>& block, std::int64_t begin) {
            clusters.assign(block, space);
            for (std::int64_t i = 0; i < block.rows; ++i) labels[begin + i] = std::int32_t(space.label[i]);
        };
        if (!q_.some) {
            views_[view].blocks(w_.get(), write);
            return renumber(labels, n);
        }
        Rows rows = q_.rows;
        rows.weight = nullptr;
        const Columns<T> columns(q_.centres + view * D_, q_.inverse_scales + view * D_, D_);
        Buffer<T> u(slabs_for<T>(step) * slab_stride<T>(D_)), w(slabs_for<T>(step) * slab<T>);
        for (std::int64_t begin = 0; begin < n; begin += step) {
            const std::int64_t count = begin + step < n ? step : n - begin;
            const Block<T> block = pack<T>(rows, columns, begin, count, false, u.get(), w.get());
            if (q_.factors[view]) solve_columns<T>(q_.factors[view], D_, block.slabs, block.stride, u.get());
            write(block, begin);
        }
        renumber(labels, n);
    }
    // Groups by the order in which they first appear, so that equal partitions have equal labels.
    void renumber(std::int32_t* labels, std::int64_t n) const {
        Buffer<std::int32_t> name(K_);
        std::int32_t next = 0;
        for (std::int64_t i = 0; i < n; ++i) {
            std::int32_t& mine = name[labels[i]];
            if (mine == 0) mine = ++next;
            labels[i] = mine - 1;
        }
    }

    const PartitionRequest q_;
    const std::int64_t K_, D_, n_;
    ViewedRows<T>* views_;
    Buffer<T> w_;
};

// Counts, means and scatter about the means of the groups of many partitions; a leaf is one partition. Always float64.
class Group final : public Task {
public:
    explicit Group(const GroupRequest& request) : q_(request) {}

    std::int64_t leaves() const override { return q_.n_starts; }
    std::size_t accumulator_size() const override { return 0; }
    std::size_t workspace_bytes() const override { return aligned_bytes(std::size_t(q_.rows.n_features) * sizeof(double)); }
    double work() const override {
        const double D = double(q_.rows.n_features);
        return double(q_.n_starts) * double(q_.rows.n_samples) * (4 + 2 * D + D * D / 8);
    }
    void leaf(std::int64_t b, char* memory, double*) const override {
        const std::int64_t K = q_.n_components, D = q_.rows.n_features;
        double *u = reinterpret_cast<double*>(memory), *counts = q_.counts + b * K, *means = q_.means + b * K * D;
        double* scatter = q_.scatter + b * K * D * D;
        each(b, u, [&](std::int64_t k, double w) MIXTURA_LAMBDA {
            counts[k] += w;
            for (std::int64_t j = 0; j < D; ++j) means[k * D + j] += w * u[j];
        });
        for (std::int64_t k = 0; k < K; ++k)
            for (std::int64_t j = 0; j < D && counts[k] > 0; ++j) means[k * D + j] /= counts[k];
        each(b, u, [&](std::int64_t k, double w) MIXTURA_LAMBDA {
            const double* mean = means + k * D;
            double* out = scatter + k * D * D;
            for (std::int64_t j = 0; j < D; ++j) u[j] -= mean[j];
            for (std::int64_t i = 0; i < D; ++i, out += D) {
                const double x = w * u[i];
                for (std::int64_t j = 0; j <= i; ++j) out[j] += x * u[j];
            }
        });
        for (std::int64_t k = 0; k < K; ++k, scatter += D * D)
            for (std::int64_t i = 0; i < D; ++i)
                for (std::int64_t j = 0; j < i; ++j) scatter[j * D + i] = scatter[i * D + j];
    }

private:
    // f(label, weight) for the rows that count, with u filled
    template <class F>
    void each(std::int64_t b, double* u, F&& f) const {
        const Rows& rows = q_.rows;
        const std::int32_t* labels = q_.labels + b * rows.n_samples;
        for (std::int64_t i = 0; i < rows.n_samples; ++i) {
            const double w = rows.weight ? element<double>(rows.weight + i * rows.weight_stride) : 1.0;
            if (w == 0) continue;
            const char* p = rows.data + i * rows.row_stride;
            for (std::int64_t j = 0; j < rows.n_features; ++j, p += rows.column_stride)
                u[j] = ((rows.single ? double(element<float>(p)) : element<double>(p)) - rows.centre[j]) *
                       rows.inverse_scale[j];
            f(labels[i], w);
        }
    }

    const GroupRequest q_;
};

}  // namespace mixtura::MIXTURA_ARCH
