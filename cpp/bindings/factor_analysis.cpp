// Bindings of what factor analysers need beside the Gaussian kernels.
#include "mixtura/dispatch.hpp"
#include "model.hpp"

namespace mixtura::bindings {

using namespace nb::literals;

static nb::tuple factor_step(nb::handle roots, nb::handle loadings, nb::handle uniquenesses, nb::handle floor, int rounds) {
    const View view(loadings, "loadings");
    view.expect({-1, -1, -1});
    const std::int64_t K = view.shape()[0], D = view.shape()[1], q = view.shape()[2];
    const View root_view(roots, "roots");
    root_view.expect({K, D, -1});
    const std::int64_t r = root_view.shape()[2];
    const std::vector<double> R = copy_float64(roots, "roots", {K, D, r});
    const std::vector<double> before = copy_float64(loadings, "loadings", {K, D, q});
    const std::vector<double> own = copy_float64(uniquenesses, "uniquenesses", {K, D});
    const std::vector<double> least = copy_float64(floor, "floor", {D});
    NewArray<double> lambda({K, D, q}), psi({K, D});
    NewArray<bool> served({K});
    std::copy(before.begin(), before.end(), lambda.data);
    std::copy(own.begin(), own.end(), psi.data);
    {
        nb::gil_scoped_release released;
        const Engine& engine = engine_in_force();
        for (std::int64_t k = 0; k < K; ++k)
            served.data[k] = engine.factor_step(D, r, q, R.data() + k * D * r, least.data(), lambda.data + k * D * q,
                                                psi.data + k * D, rounds);
    }
    return nb::make_tuple(lambda.array, psi.array, served.array);
}

static nb::object factor_sum(nb::handle loadings, nb::handle uniquenesses) {
    const View view(loadings, "loadings");
    view.expect({-1, -1, -1});
    const std::int64_t K = view.shape()[0], D = view.shape()[1], q = view.shape()[2];
    const std::vector<double> lambda = copy_float64(loadings, "loadings", {K, D, q});
    const std::vector<double> psi = copy_float64(uniquenesses, "uniquenesses", {K, D});
    NewArray<double> factors({K, D, D});
    {
        nb::gil_scoped_release released;
        const Engine& engine = engine_in_force();
        for (std::int64_t k = 0; k < K; ++k)
            engine.factor_sum(D, q, lambda.data() + k * D * q, psi.data() + k * D, factors.data + k * D * D);
    }
    return factors.array;
}

void bind_factor_analysis(nb::module_& m) {
    m.def("factor_step", factor_step, "roots"_a, "loadings"_a, "uniquenesses"_a, "floor"_a, "rounds"_a);
    m.def("factor_sum", factor_sum, "loadings"_a, "uniquenesses"_a);
}

}  // namespace mixtura::bindings
