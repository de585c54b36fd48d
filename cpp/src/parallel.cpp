#include "mixtura/parallel.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

namespace mixtura {

Task::~Task() = default;
SweepTask::~SweepTask() = default;
NearestTask::~NearestTask() = default;
ScanTask::~ScanTask() = default;

namespace {

constexpr std::size_t cache_line = 64;
constexpr double worth_a_thread = 60000;  // nanoseconds; starting and joining one costs about a third of this

struct AlignedDelete {
    void operator()(char* p) const { ::operator delete(p, std::align_val_t(cache_line)); }
};
using Memory = std::unique_ptr<char, AlignedDelete>;

Memory allocate(std::size_t bytes) {
    return Memory(static_cast<char*>(::operator new(bytes + cache_line, std::align_val_t(cache_line))));
}

// Hands out leaves in order and adds their accumulators in order. A worker holds an accumulator before it takes a
// leaf, so the next leaf to be added is always being worked on: nobody waits for ever.
class OrderedSum {
public:
    OrderedSum(const Task& task, int n_threads)
        : task_(task), size_(task.accumulator_size()), total_(size_, 0.0),
          pool_(std::size_t(size_ == 0 ? 1 : 2 * n_threads) * size_), slots_(2 * n_threads) {
        for (int i = 0; i < 2 * n_threads; ++i) free_.push_back(size_ == 0 ? nullptr : pool_.data() + i * size_);
        for (Slot& slot : slots_) slot.leaf = -1;
    }

    void work(char* workspace) {
        for (;;) {
            double* accumulator;
            std::int64_t leaf;
            {
                std::unique_lock<std::mutex> lock(mutex_);
                available_.wait(lock, [&] { return !free_.empty() || next_ >= task_.leaves(); });
                if (next_ >= task_.leaves()) return;
                accumulator = free_.back();
                free_.pop_back();
                leaf = next_++;
            }
            std::fill_n(accumulator, size_, 0.0);
            task_.leaf(leaf, workspace, accumulator);
            std::lock_guard<std::mutex> lock(mutex_);
            finished(leaf, accumulator);
        }
    }
    std::vector<double>& total() { return total_; }

private:
    struct Slot {
        std::int64_t leaf;
        double* accumulator;
    };

    void finished(std::int64_t leaf, double* accumulator) {
        *std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) { return s.leaf < 0; }) = {leaf, accumulator};
        for (;;) {
            const auto due = std::find_if(slots_.begin(), slots_.end(), [&](const Slot& s) { return s.leaf == added_; });
            if (due == slots_.end()) break;
            for (std::size_t i = 0; i < size_; ++i) total_[i] += due->accumulator[i];
            free_.push_back(due->accumulator);
            due->leaf = -1;
            ++added_;
        }
        available_.notify_all();
    }

    const Task& task_;
    const std::size_t size_;
    std::vector<double> total_, pool_;
    std::vector<Slot> slots_;
    std::vector<double*> free_;
    std::int64_t next_ = 0, added_ = 0;
    std::mutex mutex_;
    std::condition_variable available_;
};

}  // namespace

std::vector<double> run(const Task& task, int n_threads) {
    const double useful = std::min(double(task.leaves()), 1 + task.work() / worth_a_thread);
    const int threads = std::max(1, int(std::min(double(n_threads), useful)));
    OrderedSum sum(task, threads);
    std::vector<Memory> workspaces;
    for (int i = 0; i < threads; ++i) workspaces.push_back(allocate(task.workspace_bytes()));
    std::vector<std::thread> workers;
    workers.reserve(threads);
    try {
        for (int i = 1; i < threads; ++i)
            workers.emplace_back([&sum, memory = workspaces[i].get()] { sum.work(memory); });
    } catch (const std::system_error&) {
        // no more threads to be had: those that run share the work
    }
    sum.work(workspaces[0].get());
    for (std::thread& worker : workers) worker.join();
    return std::move(sum.total());
}

}  // namespace mixtura
