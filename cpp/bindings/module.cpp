// Python bindings: checks, and the GIL released. Types and documentation: src/mixtura/_core.pyi.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cmath>
#include <memory>
#include <optional>

#include "model.hpp"
#include "rows.hpp"

namespace mixtura::bindings {

using namespace nb::literals;

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

void bind_starts(nb::module_& m);  // starts.cpp
void bind_climb(nb::module_& m);  // climb.cpp
void bind_agglomerate(nb::module_& m);  // agglomerate.cpp
void bind_shared_parts(nb::module_& m);  // shared_parts.cpp
void bind_factor_analysis(nb::module_& m);  // factor_analysis.cpp

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
    bind_starts(m);
    bind_climb(m);
    bind_agglomerate(m);
    bind_shared_parts(m);
    bind_factor_analysis(m);
    m.def("vector_function", vector_function, "name"_a, "x"_a);
}
