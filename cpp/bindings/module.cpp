// Python bindings: checks, and the GIL released. Types and documentation: src/mixtura/_core.pyi.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cmath>
#include <memory>
#include <optional>

#include "arrays.hpp"
#include "mixtura/dispatch.hpp"
#include "mixtura/parallel.hpp"
#include "model.hpp"

namespace mixtura::bindings {

using namespace nb::literals;

// X, its weights and its columns, held as long as a call needs them.
struct RowsArgument {
    View X;
    std::optional<View> weight;
    std::vector<double> centre, inverse_scale;
    Rows rows{};

    RowsArgument(nb::handle x, nb::handle sample_weight, nb::handle c, nb::handle s)
        : RowsArgument(x, sample_weight) {
        centre = copy_float64(c, "centre", {rows.n_features});
        inverse_scale = copy_float64(s, "inverse_scale", {rows.n_features});
        rows.centre = centre.data();
        rows.inverse_scale = inverse_scale.data();
    }
    RowsArgument(nb::handle x, nb::handle sample_weight) : X(x, "X") {
        if (!X.is_float64() && !X.is_float32()) throw nb::type_error("X must be a float64 or float32 array.");
        X.expect({-1, -1});
        const std::int64_t n = X.shape()[0], D = X.shape()[1];
        if (D == 0) throw nb::value_error("X has no columns; expected (n_samples, n_features) with n_features >= 1.");
        rows = {X.data(), X.is_float32(), n, D, X.stride(0), X.stride(1), nullptr, 0, nullptr, nullptr};
        if (sample_weight.is_none()) return;
        weight.emplace(sample_weight, "sample_weight");
        weight->expect_float64().expect({n});
        rows.weight = weight->data();
        rows.weight_stride = weight->stride(0);
    }
};

int checked_threads(int n_threads) {
    if (n_threads < 1) throw nb::value_error(("n_threads is " + std::to_string(n_threads) + "; expected >= 1.").c_str());
    return n_threads;
}

std::vector<double> run_released(const Task& task, int n_threads) {
    checked_threads(n_threads);
    nb::gil_scoped_release released;
    return run(task, n_threads);
}

void check_features(const Model& model, std::int64_t D) {
    if (model.D != D)
        throw nb::value_error(("The model has " + std::to_string(model.D) + " features but X has " + std::to_string(D) +
                               " columns.").c_str());
}

nb::list sweep(nb::handle X, nb::handle sample_weight, nb::handle centre, nb::handle inverse_scale,
               const std::vector<const Model*>& models, const std::vector<bool>& scatter, int n_threads,
               std::optional<std::vector<const Model*>> about) {
    const RowsArgument argument(X, sample_weight, centre, inverse_scale);
    const std::size_t count = models.size();
    if (scatter.size() != count || (about && about->size() != count))
        throw nb::value_error("scatter and about must have one entry a model.");
    std::vector<ModelView> views, about_views(count);
    std::vector<const ModelView*> others(count, nullptr);
    const std::unique_ptr<bool[]> wanted(new bool[count + 1]);
    for (std::size_t m = 0; m < count; ++m) {
        check_features(*models[m], argument.rows.n_features);
        views.push_back(models[m]->view());
        wanted[m] = scatter[m] && models[m]->scatter_wanted();
        if (!about || !(*about)[m]) continue;
        const Model& other = *(*about)[m];
        if (other.kind != models[m]->kind || other.K != models[m]->K || other.D != models[m]->D)
            throw nb::value_error("Each model of `about` must have the kind and the shape of its model.");
        about_views[m] = other.view();
        others[m] = &about_views[m];
    }
    const SweepRequest request{argument.rows, std::int64_t(count), views.data(), others.data(), wanted.get()};
    const std::unique_ptr<SweepTask> task(engine_in_force().sweep(request));
    const std::vector<double> total = run_released(*task, n_threads);

    std::vector<Moments> moments;
    std::vector<nb::object> arrays;
    for (std::size_t m = 0; m < count; ++m) {
        const Model& model = *models[m];
        NewArray<double> counts({model.K}), sums({model.K, model.D}), squares({model.K});
        arrays.insert(arrays.end(), {counts.array, sums.array, squares.array});
        double* second = nullptr;
        if (wanted[m]) {
            NewArray<double> array(model.scatter_shape());
            second = array.data;
            arrays.push_back(array.array);
        } else {
            arrays.push_back(nb::none());
        }
        moments.push_back({0, 0, 0, counts.data, sums.data, squares.data, second});
    }
    task->finish(total.data(), moments.data());
    nb::list out;
    for (std::size_t m = 0; m < count; ++m)
        out.append(nb::make_tuple(moments[m].log_likelihood, moments[m].log_max_resp, arrays[4 * m], arrays[4 * m + 1],
                                  arrays[4 * m + 2], arrays[4 * m + 3], moments[m].noise));
    return out;
}

// An output array of `evaluate`: null where it is not wanted.
template <class T>
class Output {
public:
    Output(nb::handle object, const char* name, const Shape& shape) {
        if (object.is_none()) return;
        view_.emplace(object, name, true);
        const bool right = std::is_same_v<T, double> ? view_->is_float64() : view_->is_integer(sizeof(T));
        if (!right)
            throw nb::type_error((std::string(name) + " must be " + (std::is_same_v<T, double> ? "a float64" : "an int64") +
                                  " array.").c_str());
        data = view_->in_place<T>(shape);
    }
    T* data = nullptr;

private:
    std::optional<View> view_;
};

void evaluate(nb::handle X, nb::handle centre, nb::handle inverse_scale, const Model& model,
              nb::handle component_log_prob, nb::handle log_prob, nb::handle responsibilities, nb::handle labels,
              nb::handle uncertainty, int n_threads) {
    const RowsArgument argument(X, nb::none(), centre, inverse_scale);
    check_features(model, argument.rows.n_features);
    const std::int64_t n = argument.rows.n_samples;
    const std::int64_t columns = model.K + model.noisy();
    const Output<double> components(component_log_prob, "component_log_prob", {n, columns});
    const Output<double> total(log_prob, "log_prob", {n});
    const Output<double> resp(responsibilities, "responsibilities", {n, columns});
    const Output<std::int64_t> label(labels, "labels", {n});
    const Output<double> rest(uncertainty, "uncertainty", {n});
    const EvaluateRequest request{argument.rows, model.view(), components.data, total.data,
                                  resp.data,     label.data,   rest.data};
    const std::unique_ptr<Task> task(engine_in_force().evaluate(request));
    run_released(*task, n_threads);
}

nb::tuple scan(nb::handle X, int n_threads) {
    RowsArgument argument(X, nb::none());
    const std::int64_t D = argument.rows.n_features;
    const std::vector<double> zeros(std::size_t(D), 0.0), ones(std::size_t(D), 1.0);
    argument.rows.centre = zeros.data();
    argument.rows.inverse_scale = ones.data();
    const std::unique_ptr<ScanTask> task(engine_in_force().scan(ScanRequest{argument.rows}));
    run_released(*task, n_threads);
    NewArray<double> lowest({D}), highest({D});
    const std::int64_t bad = task->finish(lowest.data, highest.data);
    return nb::make_tuple(lowest.array, highest.array, bad);
}

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

// exp and log as the kernels compute them: for tests of their error bounds.
nb::object vector_function(const std::string& name, nb::handle x) {
    const View view(x, "x");
    view.expect({-1});
    const std::int64_t n = view.shape()[0];
    const Engine& engine = engine_in_force();
    if (name != "exp" && name != "log") throw nb::value_error("name must be 'exp' or 'log'.");
    if (view.is_float64()) {
        NewArray<double> out({n});
        (name == "exp" ? engine.exponential64 : engine.logarithm64)(view.in_place<double>({n}), out.data, n);
        return out.array;
    }
    if (!view.is_float32()) throw nb::type_error("x must be a float64 or float32 array.");
    NewArray<float> out({n});
    (name == "exp" ? engine.exponential32 : engine.logarithm32)(view.in_place<float>({n}), out.data, n);
    return out.array;
}

void bind_agglomerate(nb::module_& m);  // agglomerate.cpp
void bind_shared_parts(nb::module_& m);  // shared_parts.cpp

std::vector<std::string> instruction_sets() {
    std::vector<std::string> names;
    for (const Engine* engine : engines()) names.emplace_back(engine->name);
    return names;
}

}  // namespace mixtura::bindings

NB_MODULE(_core, m) {
    using namespace mixtura::bindings;
    m.doc() = "Compiled kernels of mixtura; see _core.pyi for types and documentation.";
    m.def("instruction_sets", instruction_sets);
    m.def("instruction_set", [] { return std::string(mixtura::engine_in_force().name); });
    nb::class_<Model>(m, "Model")
        .def(nb::init<const std::string&, nb::handle, nb::handle, nb::handle, double, double>(), "kind"_a,
             "log_weights"_a, "means"_a, "factors"_a,
             "noise_log_weight"_a = -std::numeric_limits<double>::infinity(), "noise_log_density"_a = 0.0)
        .def_prop_ro("kind", &Model::name)
        .def_prop_ro("n_components", [](const Model& model) { return model.K; })
        .def_prop_ro("n_features", [](const Model& model) { return model.D; })
        .def("__repr__", &Model::text);
    m.def("sweep", sweep, "X"_a, "sample_weight"_a.none(), "centre"_a, "inverse_scale"_a, "models"_a, "scatter"_a,
          "n_threads"_a, "about"_a = nb::none());
    m.def("evaluate", evaluate, "X"_a, "centre"_a, "inverse_scale"_a, "model"_a, nb::kw_only(),
          "component_log_prob"_a = nb::none(), "log_prob"_a = nb::none(), "responsibilities"_a = nb::none(),
          "labels"_a = nb::none(), "uncertainty"_a = nb::none(), "n_threads"_a);
    m.def("scan", scan, "X"_a, "n_threads"_a);
    m.def("nearest", nearest, "X"_a, "sample_weight"_a.none(), "centre"_a, "inverse_scale"_a, "centers"_a,
          "labels"_a.none(), "n_threads"_a);
    m.def("update_distances", update_distances, "X"_a, "centre"_a, "inverse_scale"_a, "center"_a, "distances"_a,
          "n_threads"_a);
    m.def("partition", partition, "X"_a, "sample_weight"_a.none(), "centres"_a, "inverse_scales"_a, "factors"_a,
          "some"_a.none(), "views"_a, "lloyd"_a, "spread"_a, "uniforms"_a, "n_threads"_a);
    m.def("group", group, "X"_a, "sample_weight"_a.none(), "centre"_a, "inverse_scale"_a, "labels"_a, "n_components"_a,
          "n_threads"_a);
    m.def("climb", climb, "X"_a, "sample_weight"_a.none(), "centre"_a, "inverse_scale"_a, "structure"_a,
          "log_weights"_a, "means"_a, "factors"_a, "floor"_a, "tol"_a, "max_iter"_a, "n_threads"_a, "trace"_a = nb::none(),
          "accelerate"_a = true, "equal_weights"_a = false, "noise_log_weights"_a = nb::none(),
          "noise_log_density"_a = 0.0);
    m.def("climb_many", climb_many, "X"_a, "sample_weight"_a.none(), "centre"_a, "inverse_scale"_a, "structure"_a,
          "log_weights"_a, "means"_a, "factors"_a, "floor"_a, "tol"_a, "max_iter"_a, "n_threads"_a, "trace"_a = nb::none(),
          "accelerate"_a = true);
    bind_agglomerate(m);
    bind_shared_parts(m);
    m.def("vector_function", vector_function, "name"_a, "x"_a);
}
