// Bindings of whole climbs: many starts on one data set, or one start on each of many.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>

#include "model.hpp"
#include "rows.hpp"

namespace mixtura::bindings {

using namespace nb::literals;

namespace {

// The starts of `climb` and `climb_many`, checked and copied, and the arrays of their results.
struct Starts {
    Kind kind;
    Parts parts;
    std::int64_t B, K, D;
    std::vector<double> log_weights, means, factors;
    Shape factor_shape;

    Starts(const std::string& structure, nb::handle lw, nb::handle mu, nb::handle f, std::int64_t n_features)
        : kind(kind_of_structure(structure)), parts(parts_of_structure(structure)), D(n_features) {
        const View view(lw, "log_weights");
        view.expect_float64().expect({-1, -1});
        B = view.shape()[0];
        K = view.shape()[1];
        if (K == 0) throw nb::value_error("log_weights has no components; expected (n_starts, n_components).");
        log_weights = view.copy();
        means = copy_float64(mu, "means", {B, K, D});
        factor_shape = shape_of_factors(kind, K, D);
        factor_shape.insert(factor_shape.begin(), B);
        if (kind == Kind::tied_spherical && View(f, "factors").shape().size() == 1) factor_shape = {B};
        factors = copy_float64(f, "factors", factor_shape);
    }
};

nb::tuple run_climb(ClimbRequest& request, const Starts& starts, nb::handle trace, int n_threads,
                    const std::vector<double>& noise = {}) {
    const std::int64_t B = starts.B, K = starts.K;
    NewArray<double> noise_log_weights({std::int64_t(noise.size())});
    request.noise_log_weights = noise.empty() ? nullptr : noise.data();
    request.out_noise_log_weights = noise_log_weights.data;
    NewArray<double> log_weights({B, K}), means({B, K, starts.D}), factors(starts.factor_shape);
    NewArray<double> log_likelihood({B}), log_max_resp({B}), remaining({B});
    NewArray<std::int64_t> n_iter({B}), n_kept({B}), status({B});
    std::optional<View> rows;
    if (!trace.is_none()) {
        rows.emplace(trace, "trace", true);
        rows->expect_float64().expect({B, -1, 3});
        request.trace_rows = rows->shape()[1];
        request.trace = rows->in_place<double>({B, request.trace_rows, 3});
    }
    request.n_starts = B;
    request.n_components = K;
    request.kind = starts.kind;
    request.parts = starts.parts;
    request.log_weights = starts.log_weights.data();
    request.means = starts.means.data();
    request.factors = starts.factors.data();
    request.out_log_weights = log_weights.data;
    request.out_means = means.data;
    request.out_factors = factors.data;
    request.log_likelihood = log_likelihood.data;
    request.log_max_resp = log_max_resp.data;
    request.remaining = remaining.data;
    request.n_iter = n_iter.data;
    request.n_kept = n_kept.data;
    request.status = status.data;
    const std::unique_ptr<Task> task(engine_in_force().climb(request));
    run_released(*task, n_threads);
    return nb::make_tuple(log_weights.array, means.array, factors.array, log_likelihood.array, log_max_resp.array,
                          remaining.array, n_iter.array, n_kept.array, status.array, noise_log_weights.array);
}

nb::tuple climb(nb::handle X, nb::handle sample_weight, nb::handle centre, nb::handle inverse_scale,
                const std::string& structure, nb::handle log_weights, nb::handle means, nb::handle factors,
               nb::handle floor, double tol, std::int64_t max_iter, int n_threads, nb::handle trace,
                    bool accelerate, bool equal_weights, nb::handle noise_log_weights, double noise_log_density) {
    const RowsArgument argument(X, sample_weight, centre, inverse_scale);
    const Starts starts(structure, log_weights, means, factors, argument.rows.n_features);
    const std::vector<double> floors = copy_float64(floor, "floor", {starts.D});
    ClimbRequest request{};
    request.rows = argument.rows;
    request.floor = floors.data();
    request.tol = tol;
    request.max_iter = max_iter;
    request.accelerate = accelerate;
    request.equal_weights = equal_weights;
    request.noise_log_density = noise_log_density;
    if (noise_log_weights.is_none()) return run_climb(request, starts, trace, n_threads);
    return run_climb(request, starts, trace, n_threads, copy_float64(noise_log_weights, "noise_log_weights", {starts.B}));
}

nb::tuple climb_many(nb::handle X, nb::handle sample_weight, nb::handle centre, nb::handle inverse_scale,
                    const std::string& structure, nb::handle log_weights, nb::handle means, nb::handle factors,
                    nb::handle floor, double tol, std::int64_t max_iter, int n_threads, nb::handle trace,
                    bool accelerate) {
    const View data(X, "X");
    if (!data.is_float64() && !data.is_float32()) throw nb::type_error("X must be a float64 or float32 array.");
    data.expect({-1, -1, -1});
    const std::int64_t B = data.shape()[0], n = data.shape()[1], D = data.shape()[2];
    if (D == 0) throw nb::value_error("X has no columns; expected (n_sets, n_samples, n_features).");
    const Starts starts(structure, log_weights, means, factors, D);
    if (starts.B != B)
        throw nb::value_error(("log_weights has " + std::to_string(starts.B) + " starts but X has " + std::to_string(B) +
                               " data sets; expected one start a data set.").c_str());
    const std::vector<double> centres = copy_float64(centre, "centre", {B, D});
    const std::vector<double> scales = copy_float64(inverse_scale, "inverse_scale", {B, D});
    const std::vector<double> floors = copy_float64(floor, "floor", {B, D});
    std::optional<View> weight;
    ClimbRequest request{};
    request.rows = {data.data(), data.is_float32(), n, D, data.stride(1), data.stride(2), nullptr, 0, centres.data(),
                    scales.data()};
    if (!sample_weight.is_none()) {
        weight.emplace(sample_weight, "sample_weight");
        weight->expect_float64().expect({B, n});
        request.rows.weight = weight->data();
        request.weight_batch_stride = weight->stride(0);
        request.rows.weight_stride = weight->stride(1);
    }
    request.separate = true;
    request.data_stride = data.stride(0);
    request.floor = floors.data();
    request.tol = tol;
    request.max_iter = max_iter;
    request.accelerate = accelerate;
    return run_climb(request, starts, trace, n_threads);
}

}  // namespace

void bind_climb(nb::module_& m) {
    m.def("climb", climb, "X"_a, "sample_weight"_a.none(), "centre"_a, "inverse_scale"_a, "structure"_a,
          "log_weights"_a, "means"_a, "factors"_a, "floor"_a, "tol"_a, "max_iter"_a, "n_threads"_a, "trace"_a = nb::none(),
          "accelerate"_a = true, "equal_weights"_a = false, "noise_log_weights"_a = nb::none(),
          "noise_log_density"_a = 0.0);
    m.def("climb_many", climb_many, "X"_a, "sample_weight"_a.none(), "centre"_a, "inverse_scale"_a, "structure"_a,
          "log_weights"_a, "means"_a, "factors"_a, "floor"_a, "tol"_a, "max_iter"_a, "n_threads"_a, "trace"_a = nb::none(),
          "accelerate"_a = true);
}

}  // namespace mixtura::bindings
