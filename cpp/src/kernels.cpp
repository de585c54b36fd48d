// Everything that is compiled once for each instruction set; MIXTURA_ARCH names this one (see simd.hpp).
#include "mixtura/climb.hpp"
#include "mixtura/evaluate.hpp"
#include "mixtura/factor_analysis.hpp"
#include "mixtura/nearest.hpp"
#include "mixtura/partition.hpp"
#include "mixtura/scan.hpp"
#include "mixtura/sweep.hpp"

#define MIXTURA_STRING2(x) #x
#define MIXTURA_STRING(x) MIXTURA_STRING2(x)

namespace mixtura::MIXTURA_ARCH {
namespace {

template <template <class> class Maker, class Base, class Request>
Base* make(const Request& request) {
    if (request.rows.single) return new Maker<float>(request);
    return new Maker<double>(request);
}

Task* make_group(const GroupRequest& request) { return new Group(request); }

// out = f(x), the last vector filled up with ones
template <class T, Vec<T> (*f)(Vec<T>)>
void map(const T* x, T* out, std::int64_t n) {
    for (std::int64_t i = 0; i < n; i += lanes<T>) {
        const std::size_t size = std::size_t(n - i < lanes<T> ? n - i : lanes<T>) * sizeof(T);
        Vec<T> v = broadcast<T>(T(1));
        std::memcpy(&v, x + i, size);
        v = f(v);
        std::memcpy(out + i, &v, size);
    }
}

template <class T>
Vec<T> exp_of(Vec<T> x) {
    return exp<T>(x);
}
template <class T>
Vec<T> log_of(Vec<T> x) {
    return log<T>(x);
}

}  // namespace

extern const Engine engine;
const Engine engine = {
    MIXTURA_STRING(MIXTURA_ARCH),
    make<Sweep, SweepTask, SweepRequest>,
    make<Evaluate, Task, EvaluateRequest>,
    make<Scan, ScanTask, ScanRequest>,
    make<Nearest, NearestTask, NearestRequest>,
    make<UpdateDistances, Task, DistancesRequest>,
    make<Partition, Task, PartitionRequest>,
    make_group,
    make<Climb, Task, ClimbRequest>,
    share_parts,
    factor_step,
    factor_sum,
    map<double, exp_of<double>>,
    map<float, exp_of<float>>,
    map<double, log_of<double>>,
    map<float, log_of<float>>,
};

}  // namespace mixtura::MIXTURA_ARCH
