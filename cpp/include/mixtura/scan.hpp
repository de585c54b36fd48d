// One look at the rows before anything else: the range of every column, and the first cell that is no finite number.
//
// A leaf writes its own ranges and first bad cell; finish() puts them together, so nothing depends on the threads.
#pragma once

#include <limits>

#include "sweep.hpp"

namespace mixtura::MIXTURA_ARCH {

template <class T>
class Scan final : public ScanTask {
public:
    explicit Scan(const ScanRequest& request)
        : plan_(request.rows, false), D_(request.rows.n_features), ranges_(plan_.leaves() * 2 * D_),
          bad_(plan_.leaves()), range_of_(ranges_.get()), bad_of_(bad_.get()) {}

    std::int64_t leaves() const override { return plan_.leaves(); }
    std::size_t accumulator_size() const override { return 0; }
    std::size_t workspace_bytes() const override { return Workspace(*this, nullptr).bytes; }
    double work() const override { return 0.7 * double(plan_.rows().n_samples) * double(D_); }

    void leaf(std::int64_t index, char* memory, double*) const override {
        const Workspace space(*this, memory);
        double *low = range_of_ + index * 2 * D_, *high = low + D_;
        for (std::int64_t j = 0; j < D_; ++j) {
            low[j] = std::numeric_limits<double>::infinity();
            high[j] = -low[j];
        }
        bad_of_[index] = -1;
        plan_.blocks(index, space.u, space.w, [&](const Block<T>& block, std::int64_t begin) {
            bool finite = true;
            for (std::int64_t j = 0; j < D_; ++j) finite &= column(block, j, low[j], high[j]);
            if (!finite && bad_of_[index] < 0) bad_of_[index] = first_bad(block, begin);
        });
    }
    std::int64_t finish(double* lowest, double* highest) const override {
        std::int64_t bad = -1;
        for (std::int64_t j = 0; j < D_; ++j) {
            lowest[j] = std::numeric_limits<double>::infinity();
            highest[j] = -lowest[j];
        }
        for (std::int64_t i = 0; i < leaves(); ++i) {
            const double *low = range_of_ + i * 2 * D_, *high = low + D_;
            for (std::int64_t j = 0; j < D_; ++j) {
                lowest[j] = low[j] < lowest[j] ? low[j] : lowest[j];
                highest[j] = high[j] > highest[j] ? high[j] : highest[j];
            }
            if (bad < 0) bad = bad_of_[i];
        }
        return bad;
    }

private:
    struct Workspace {
        Workspace(const Scan& task, char* memory) {
            Arena arena(memory);
            u = task.plan_.take_rows(arena);
            w = task.plan_.take_values(arena, 1);
            bytes = arena.used();
        }
        T *u, *w;
        std::size_t bytes;
    };

    // Widens the range of column j by a block; false where some cell is not finite: x - x is then not 0.
    static bool column(const Block<T>& block, std::int64_t j, double& lowest, double& highest) {
        const T* first = block.u + j * slab<T>;
        const std::int64_t whole = block.rows / slab<T>;
        Vec<T> low = broadcast<T>(std::numeric_limits<T>::infinity()), high = -low, doubt = {};
        for (std::int64_t s = 0; s < whole; ++s)
            unrolled<group>([&](auto v) MIXTURA_LAMBDA {
                const Vec<T> x = load<T>(first + s * block.stride + v * lanes<T>);
                low = x < low ? x : low;
                high = x > high ? x : high;
                doubt += x - x;
            });
        T least = std::numeric_limits<T>::infinity(), most = -least, sum = 0;
        const auto take = [&](T l, T h, T d) MIXTURA_LAMBDA {
            least = l < least ? l : least;
            most = h > most ? h : most;
            sum += d;
        };
        for (int i = 0; i < lanes<T>; ++i) take(low[i], high[i], doubt[i]);
        const T* rest = first + whole * block.stride;
        for (std::int64_t i = 0; i < block.rows % slab<T>; ++i) take(rest[i], rest[i], rest[i] - rest[i]);
        lowest = double(least) < lowest ? double(least) : lowest;
        highest = double(most) > highest ? double(most) : highest;
        return sum == 0;
    }
    // Counted along the rows of X.
    std::int64_t first_bad(const Block<T>& block, std::int64_t begin) const {
        for (std::int64_t i = 0; i < block.rows; ++i)
            for (std::int64_t j = 0; j < D_; ++j) {
                const T x = block.u[i / slab<T> * block.stride + j * slab<T> + i % slab<T>];
                if (!(x - x == 0)) return (begin + i) * D_ + j;
            }
        return -1;
    }

    const Plan<T> plan_;
    const std::int64_t D_;
    Buffer<double> ranges_;     // (leaves, 2, D): lowest, highest
    Buffer<std::int64_t> bad_;  // (leaves,)
    double* const range_of_;
    std::int64_t* const bad_of_;
};

}  // namespace mixtura::MIXTURA_ARCH
