// Nearest centers: one pass of Lloyd's algorithm, and the distances that k-means++ draws from.
#pragma once

#include "sweep.hpp"

namespace mixtura::MIXTURA_ARCH {

// accumulator: inertia, counts (K), sums of w (u - center) (K, D), then room for one vector.
template <class T>
class Nearest final : public NearestTask {
public:
    explicit Nearest(const NearestRequest& request)
        : request_(request), plan_(request.rows, false), K_(request.n_centers), D_(request.rows.n_features),
          centers_(K_ * D_), ones_(K_) {
        for (std::int64_t k = 0; k < K_; ++k) ones_[k] = 1;
        for (std::int64_t i = 0; i < K_ * D_; ++i) centers_[i] = T(request.centers[i]);
    }
    std::int64_t leaves() const override { return plan_.leaves(); }
    std::size_t accumulator_size() const override { return 1 + K_ + K_ * D_ + 64; }
    std::size_t workspace_bytes() const override { return Workspace(*this, nullptr).bytes; }
    double work() const override {
        return row_cost(Kind::spherical, K_, D_, false) * double(plan_.rows().n_samples);
    }
    void leaf(std::int64_t index, char* memory, double* sums) const override {
        const Workspace space(*this, memory);
        plan_.blocks(index, space.u, space.w, [&](const Block<T>& block, std::int64_t begin) {
            squared_distances<T>(block, centers_.get(), K_, D_, ones_.get(), space.distances);
            sums[0] += assign(block, space, begin);
            if (K_ <= few)
                add_chosen(block, space, sums + 1);
            else
                add_rows(block, space, sums + 1);
        });
    }
    double finish(const double* sums, double* counts, double* out) const override {
        for (std::int64_t k = 0; k < K_; ++k) {
            counts[k] = sums[1 + k];
            for (std::int64_t j = 0; j < D_; ++j)
                out[k * D_ + j] = sums[1 + K_ + k * D_ + j] + counts[k] * double(centers_[k * D_ + j]);
        }
        return sums[0];
    }

private:
    struct Workspace {
        Workspace(const Nearest& task, char* memory) {
            Arena arena(memory);
            u = task.plan_.take_rows(arena);
            w = task.plan_.take_values(arena, 1);
            distances = task.plan_.take_values(arena, task.K_);
            chosen = task.plan_.take_values(arena, task.K_ <= few ? task.K_ : 0);
            label = task.plan_.take_values(arena, 1);
            bytes = arena.used();
        }
        T *u, *w, *distances, *chosen, *label;
        std::size_t bytes;
    };

    static constexpr std::int64_t few = 8;  // centers: beyond, adding row by row beats masks

    // With few centers: chosen[k, row] is the weight where center k is the nearest, else 0.
    void add_chosen(const Block<T>& block, const Workspace& space, double* sums) const {
        const std::int64_t size = block.slabs * slab<T>;
        for (std::int64_t k = 0; k < K_; ++k) {
            Vec<T> count = {};
            for (std::int64_t i = 0; i < size; i += lanes<T>) {
                const Vec<T> w = block.w ? load<T>(block.w + i) : broadcast<T>(T(1));
                const Vec<T> chosen = load<T>(space.label + i) == broadcast<T>(T(k)) ? w : Vec<T>{};
                count += chosen;
                store<T>(space.chosen + k * size + i, chosen);
            }
            sums[k] += sum_of_lanes<T>(count);
        }
        weighted_differences<T>(block, centers_.get(), space.chosen, K_, D_, sums + K_);
    }
    void add_rows(const Block<T>& block, const Workspace& space, double* sums) const {
        for (std::int64_t i = 0; i < block.rows; ++i) {
            const std::int64_t k = std::int64_t(space.label[i]);
            const T w = block.w ? block.w[i] : T(1), *u = block.u + i / slab<T> * block.stride + i % slab<T>;
            sums[k] += double(w);
            double* out = sums + K_ + k * D_;
            if (w != 0)
                for (std::int64_t j = 0; j < D_; ++j) out[j] += double(w * (u[j * slab<T>] - centers_[k * D_ + j]));
        }
    }

    // label[row] and the caller's labels; returns the block's inertia
    double assign(const Block<T>& block, const Workspace& space, std::int64_t begin) const {
        const std::int64_t size = block.slabs * slab<T>;
        WideSum<T> inertia;
        for (std::int64_t i = 0; i < size; i += lanes<T>) {
            Vec<T> best = load<T>(space.distances + i), index = {};
            for (std::int64_t k = 1; k < K_; ++k) {
                const Vec<T> distance = load<T>(space.distances + k * size + i);
                index = distance < best ? broadcast<T>(T(k)) : index;
                best = distance < best ? distance : best;
            }
            const Vec<T> w = block.w ? load<T>(block.w + i) : broadcast<T>(T(1));
            inertia.add(best * w);
            store<T>(space.label + i, index);
        }
        for (std::int64_t i = 0; request_.labels && i < block.rows; ++i) write_label(begin + i, space.label[i]);
        return inertia.total();
    }
    void write_label(std::int64_t row, T label) const {
        if (request_.short_labels)
            static_cast<std::int32_t*>(request_.labels)[row] = std::int32_t(label);
        else
            static_cast<std::int64_t*>(request_.labels)[row] = std::int64_t(label);
    }

    const NearestRequest request_;
    const Plan<T> plan_;
    const std::int64_t K_, D_;
    Buffer<T> centers_, ones_;
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
