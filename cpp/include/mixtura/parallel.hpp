// Runs the leaves of a task on several threads and adds them up in order.
#pragma once

#include <vector>

#include "problem.hpp"

namespace mixtura {

// The sum over leaves 0, 1, 2, ... in this order: the same bits for any number of threads. Threads live only as long as
// the call; no more are started than the work is worth. At most two accumulators a thread exist at a time.
std::vector<double> run(const Task& task, int n_threads);

}  // namespace mixtura
