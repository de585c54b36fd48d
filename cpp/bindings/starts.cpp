// Bindings of what starts are made of: nearest centers, partitions, groups.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>

#include "rows.hpp"

namespace mixtura::bindings {

using namespace nb::literals;

namespace {

nb::tuple nearest(nb::handle X, nb::handle sample_weight, nb::handle centre, nb::handle inverse_scale,
                  nb::handle centers, nb::handle labels, int n_threads) {
    const RowsArgument argument(X, sample_weight, centre, inverse_scale);
    const std::int64_t n = argument.rows.n_samples, D = argument.rows.n_features;
    const std::vector<double> points = copy_float64(centers, "centers", {-1, D});
    const std::int64_t K = std::int64_t(points.size()) / D;
    if (K == 0) throw nb::value_error("centers is empty; expected at least one row.");
    NearestRequest request{argument.rows, K, points.data(), nullptr, false};
    std::optional<View> view;
    if (!labels.is_none()) {
        view.emplace(labels, "labels", true);
        request.short_labels = view->is_integer(4);
        if (!request.short_labels && !view->is_integer(8)) throw nb::type_error("labels must be an int64 or int32 array.");
        request.labels = view->in_place<char>({n});
    }
    const std::unique_ptr<NearestTask> task(engine_in_force().nearest(request));
    const std::vector<double> total = run_released(*task, n_threads);
    NewArray<double> counts({K}), sums({K, D});
    const double inertia = task->finish(total.data(), counts.data, sums.data);
    return nb::make_tuple(inertia, counts.array, sums.array);
}

double update_distances(nb::handle X, nb::handle centre, nb::handle inverse_scale, nb::handle center,
                        nb::handle distances, int n_threads) {
    const RowsArgument argument(X, nb::none(), centre, inverse_scale);
    const std::vector<double> point = copy_float64(center, "center", {argument.rows.n_features});
    const Output<double> out(distances, "distances", {argument.rows.n_samples});
    if (!out.data) throw nb::type_error("distances must be a float64 array.");
    const DistancesRequest request{argument.rows, point.data(), out.data};
    const std::unique_ptr<Task> task(engine_in_force().update_distances(request));
    return run_released(*task, n_threads)[0];
}

std::vector<std::int64_t> copy_whole(nb::handle object, const char* name, std::int64_t size, std::int64_t most) {
    const View view(object, name);
    if (!view.is_integer(8)) throw nb::type_error((std::string(name) + " must be an int64 array.").c_str());
    const std::int64_t* values = view.in_place<std::int64_t>({size});
    std::vector<std::int64_t> out(values, values + view.shape()[0]);
    for (const std::int64_t value : out)
        if (value < 0 || value >= most)
            throw nb::value_error((std::string(name) + " holds " + std::to_string(value) + "; expected 0 .. " +
                                   std::to_string(most - 1) + ".").c_str());
    return out;
}

nb::object partition(nb::handle X, nb::handle sample_weight, nb::handle centres, nb::handle inverse_scales,
                     const std::vector<nb::object>& factors, nb::handle some, nb::handle views, nb::handle lloyd,
                     nb::handle spread, nb::handle uniforms, int n_threads) {
    const RowsArgument argument(X, sample_weight);
    const std::int64_t V = std::int64_t(factors.size()), n = argument.rows.n_samples, D = argument.rows.n_features;
    const View draws(uniforms, "uniforms");
    draws.expect_float64().expect({-1, -1, -1});
    const std::int64_t B = draws.shape()[0], K = draws.shape()[1], trials = draws.shape()[2];
    if (n == 0 || K == 0 || V == 0 || trials == 0) throw nb::value_error("partition needs at least one row, one component and one view.");
    const std::vector<double> u = draws.copy(), c = copy_float64(centres, "centres", {V, D}),
                              s = copy_float64(inverse_scales, "inverse_scales", {V, D});
    std::vector<std::vector<double>> triangles;
    std::vector<const double*> triangle(std::size_t(V), nullptr);
    for (const nb::object& factor : factors)
        triangles.push_back(factor.is_none() ? std::vector<double>() : copy_float64(factor, "factors", {D, D}));
    for (std::size_t v = 0; v < triangles.size(); ++v)
        if (!triangles[v].empty()) triangle[v] = triangles[v].data();
    const std::vector<std::int64_t> which = copy_whole(views, "views", B, V), rounds = copy_whole(lloyd, "lloyd", B, 1 << 30),
                                    apart = copy_whole(spread, "spread", B, trials + 1);
    std::vector<std::int64_t> chosen;
    if (!some.is_none()) chosen = copy_whole(some, "some", -1, n);
    if (!some.is_none() && chosen.empty()) throw nb::value_error("some is empty; expected at least one row.");
    NewArray<std::int32_t> labels({B, n});
    const PartitionRequest request{argument.rows, V, B, K, c.data(), s.data(), triangle.data(),
                                   chosen.empty() ? nullptr : chosen.data(), std::int64_t(chosen.size()), which.data(),
                                   rounds.data(), apart.data(), trials, u.data(), labels.data};
    const std::unique_ptr<Task> task(engine_in_force().partition(request));
    run_released(*task, n_threads);
    return labels.array;
}

nb::tuple group(nb::handle X, nb::handle sample_weight, nb::handle centre, nb::handle inverse_scale, nb::handle labels,
                std::int64_t n_components, int n_threads) {
    const RowsArgument argument(X, sample_weight, centre, inverse_scale);
    const std::int64_t n = argument.rows.n_samples, D = argument.rows.n_features, K = n_components;
    const View view(labels, "labels");
    view.expect({-1, n});
    if (!view.is_integer(4)) throw nb::type_error("labels must be an int32 array.");
    const std::int64_t B = view.shape()[0];
    const std::int32_t* given = view.in_place<std::int32_t>({B, n});
    for (std::int64_t i = 0; i < B * n; ++i)
        if (given[i] < 0 || given[i] >= K)
            throw nb::value_error(("labels holds " + std::to_string(given[i]) + "; expected 0 .. " +
                                   std::to_string(K - 1) + ".").c_str());
    NewArray<double> counts({B, K}), means({B, K, D}), scatter({B, K, D, D});
    const std::unique_ptr<Task> task(
        engine_in_force().group(GroupRequest{argument.rows, B, K, given, counts.data, means.data, scatter.data}));
    run_released(*task, n_threads);
    return nb::make_tuple(counts.array, means.array, scatter.array);
}

}  // namespace

void bind_starts(nb::module_& m) {
    m.def("nearest", nearest, "X"_a, "sample_weight"_a.none(), "centre"_a, "inverse_scale"_a, "centers"_a,
          "labels"_a.none(), "n_threads"_a);
    m.def("update_distances", update_distances, "X"_a, "centre"_a, "inverse_scale"_a, "center"_a, "distances"_a,
          "n_threads"_a);
    m.def("partition", partition, "X"_a, "sample_weight"_a.none(), "centres"_a, "inverse_scales"_a, "factors"_a,
          "some"_a.none(), "views"_a, "lloyd"_a, "spread"_a, "uniforms"_a, "n_threads"_a);
    m.def("group", group, "X"_a, "sample_weight"_a.none(), "centre"_a, "inverse_scale"_a, "labels"_a, "n_components"_a,
          "n_threads"_a);
}

}  // namespace mixtura::bindings
