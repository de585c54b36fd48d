// Nearest centers: one pass of Lloyd's algorithm, and the distances that k-means++ draws from.
#pragma once

#include "sweep.hpp"

namespace mixtura::MIXTURA_ARCH {

// Centers, and what a block of rows nearest to each of them adds up to.
template <class T>
class Clusters {
public:
    Clusters(std::int64_t n_centers, std::int64_t n_features)
        : K(n_centers), D(n_features), centers_(n_centers * n_features), ones_(n_centers) {
        for (std::int64_t k = 0; k < K; ++k) ones_[k] = 1;
    }
    struct Workspace {
        Workspace(const Clusters& clusters, std::int64_t slabs, Arena& arena) {
            distances = arena.take<T>(std::size_t(slabs) * slab<T> * clusters.K);
            chosen = arena.take<T>(std::size_t(slabs) * slab<T> * (clusters.K <= few ? clusters.K : 0));
            label = arena.take<T>(std::size_t(slabs) * slab<T>);
        }
        T *distances, *chosen, *label;
    };

    T* center(std::int64_t k) { return centers_.get() + k * D; }
    const T* center(std::int64_t k) const { return centers_.get() + k * D; }

    // Nearest centers into space.label, the first on ties; returns the block's inertia.
    double assign(const Block<T>& block, const Workspace& space) const {
        squared_distances<T>(block, centers_.get(), K, D, ones_.get(), space.distances);
        const std::int64_t size = block.slabs * slab<T>;
        WideSum<T> inertia;
        for (std::int64_t i = 0; i < size; i += lanes<T>) {
            Vec<T> best = load<T>(space.distances + i), index = {};
            for (std::int64_t k = 1; k < K; ++k) {
                const Vec<T> distance = load<T>(space.distances + k * size + i);
                index = distance < best ? broadcast<T>(T(k)) : index;
                best = distance < best ? distance : best;
            }
            const Vec<T> w = block.w ? load<T>(block.w + i) : broadcast<T>(T(1));
            inertia.add(best * w);
            store<T>(space.label + i, index);
        }
        return inertia.total();
    }
    // After assign: counts (K), then sums of w (u - center) (K, D), then room for one vector.
    void add(const Block<T>& block, const Workspace& space, double* sums) const {
        if (K <= few)
            add_chosen(block, space, sums);
        else
            add_rows(block, space, sums);
    }
    std::size_t sums_size() const { return K + K * D + 64; }

    const std::int64_t K, D;

private:
    static constexpr std::int64_t few = 8;  // centers: beyond, adding row by row beats masks

    // With few centers: chosen[k, row] is the weight where center k is the nearest, else 0.
    void add_chosen(const Block<T>& block, const Workspace& space, double* sums) const {
        const std::int64_t size = block.slabs * slab<T>;
        for (std::int64_t k = 0; k < K; ++k) {
            Vec<T> count = {};
            for (std::int64_t i = 0; i < size; i += lanes<T>) {
                const Vec<T> w = block.w ? load<T>(block.w + i) : broadcast<T>(T(1));
                const Vec<T> chosen = load<T>(space.label + i) == broadcast<T>(T(k)) ? w : Vec<T>{};
                count += chosen;
                store<T>(space.chosen + k * size + i, chosen);
            }
            sums[k] += sum_of_lanes<T>(count);
        }
        weighted_differences<T>(block, centers_.get(), space.chosen, K, D, sums + K);
    }
    void add_rows(const Block<T>& block, const Workspace& space, double* sums) const {
        for (std::int64_t i = 0; i < block.rows; ++i) {
            const std::int64_t k = std::int64_t(space.label[i]);
            const T w = block.w ? block.w[i] : T(1), *u = block.u + i / slab<T> * block.stride + i % slab<T>;
            sums[k] += double(w);
            double* out = sums + K + k * D;
            if (w != 0)
                for (std::int64_t j = 0; j < D; ++j) out[j] += double(w * (u[j * slab<T>] - centers_[k * D + j]));
        }
    }

    Buffer<T> centers_, ones_;
};

// accumulator: inertia, then the sums of the clusters.
template <class T>
class Nearest final : public NearestTask {
public:
    explicit Nearest(const NearestRequest& request)
        : request_(request), plan_(request.rows, false), clusters_(request.n_centers, request.rows.n_features) {
        for (std::int64_t i = 0; i < clusters_.K * clusters_.D; ++i) clusters_.center(0)[i] = T(request.centers[i]);
    }
    std::int64_t leaves() const override { return plan_.leaves(); }
    std::size_t accumulator_size() const override { return 1 + clusters_.sums_size(); }
    std::size_t workspace_bytes() const override { return Workspace(*this, nullptr).bytes; }
    double work() const override {
        return row_cost(Kind::spherical, clusters_.K, clusters_.D, false) * double(plan_.rows().n_samples);
    }
    void leaf(std::int64_t index, char* memory, double* sums) const override {
        const Workspace space(*this, memory);
        plan_.blocks(index, space.u, space.w, [&](const Block<T>& block, std::int64_t begin) {
            sums[0] += clusters_.assign(block, space.clusters);
            for (std::int64_t i = 0; request_.labels && i < block.rows; ++i)
                write_label(begin + i, space.clusters.label[i]);
            clusters_.add(block, space.clusters, sums + 1);
        });
    }
    double finish(const double* sums, double* counts, double* out) const override {
        const std::int64_t K = clusters_.K, D = clusters_.D;
        for (std::int64_t k = 0; k < K; ++k) {
            counts[k] = sums[1 + k];
            for (std::int64_t j = 0; j < D; ++j)
                out[k * D + j] = sums[1 + K + k * D + j] + counts[k] * double(clusters_.center(k)[j]);
        }
        return sums[0];
    }

private:
    struct Workspace {
        Workspace(const Nearest& task, char* memory) : Workspace(task, Arena(memory)) {}
        Workspace(const Nearest& task, Arena arena)
            : u(task.plan_.take_rows(arena)), w(task.plan_.take_values(arena, 1)),
              clusters(task.clusters_, task.plan_.max_slabs(), arena), bytes(arena.used()) {}
        T *u, *w;
        typename Clusters<T>::Workspace clusters;
        std::size_t bytes;
    };

    void write_label(std::int64_t row, T label) const {
        if (request_.short_labels)
            static_cast<std::int32_t*>(request_.labels)[row] = std::int32_t(label);
        else
            static_cast<std::int64_t*>(request_.labels)[row] = std::int64_t(label);
    }

    const NearestRequest request_;
    const Plan<T> plan_;
    Clusters<T> clusters_;
};

// distances[i] = min(distances[i], |u_i - center|^2); accumulator: their sum
template <class T>
class UpdateDistances final : public Task {
public:
    explicit UpdateDistances(const DistancesRequest& request)
        : request_(request), plan_(request.rows), center_(request.rows.n_features) {
        for (std::int64_t j = 0; j < request.rows.n_features; ++j) center_[j] = T(request.center[j]);
    }
    std::int64_t leaves() const override { return plan_.leaves(); }
    std::size_t accumulator_size() const override { return 1; }
    std::size_t workspace_bytes() const override { return Workspace(*this, nullptr).bytes; }
    double work() const override {
        return (1 + double(plan_.rows().n_features)) * double(plan_.rows().n_samples);
    }
    void leaf(std::int64_t index, char* memory, double* sum) const override {
        const Workspace space(*this, memory);
        plan_.blocks(index, space.u, space.w, [&](const Block<T>& block, std::int64_t begin) {
            const T one = 1;
            squared_distances<T>(block, center_.get(), 1, plan_.rows().n_features, &one, space.distances);
            double* out = request_.distances + begin;
            double total = 0;
            for (std::int64_t i = 0; i < block.rows; ++i) {
                const double distance = double(space.distances[i]);
                if (distance < out[i]) out[i] = distance;
                total += out[i];
            }
            *sum += total;
        });
    }

private:
    struct Workspace {
        Workspace(const UpdateDistances& task, char* memory) {
            Arena arena(memory);
            u = task.plan_.take_rows(arena);
            w = task.plan_.take_values(arena, 1);
            distances = task.plan_.take_values(arena, 1);
            bytes = arena.used();
        }
        T *u, *w, *distances;
        std::size_t bytes;
    };

    const DistancesRequest request_;
    const Plan<T> plan_;
    Buffer<T> center_;
};

}  // namespace mixtura::MIXTURA_ARCH
