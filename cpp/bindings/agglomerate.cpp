// Binding of the agglomeration of groups.
#include "mixtura/agglomerate.hpp"

#include <algorithm>
#include <array>

#include "arrays.hpp"

namespace mixtura::bindings {

using namespace nb::literals;

template <std::int64_t Fixed>
static void merge_all(std::int64_t G, std::int64_t D, const double* counts, const double* means, const double* scatter,
                      double tau, double nu, std::int32_t* merges) {
    Agglomeration<Fixed> groups(G, D, counts, means, scatter, tau, nu);
    for (std::int64_t step = 0; step + 1 < G; ++step) groups.next(merges[2 * step], merges[2 * step + 1]);
}

static nb::object agglomerate(nb::handle counts, nb::handle means, nb::handle scatter, double tau, double nu) {
    const View view(means, "means");
    view.expect({-1, -1});
    const std::int64_t G = view.shape()[0], D = view.shape()[1];
    if (G == 0 || D == 0) throw nb::value_error("means is empty; expected (n_groups, n_features).");
    if (!(tau > 0) || !(nu > 0)) throw nb::value_error("tau and nu must be positive.");
    const std::vector<double> n = copy_float64(counts, "counts", {G});
    const std::vector<double> m = copy_float64(means, "means", {G, D});
    const std::vector<double> w = copy_float64(scatter, "scatter", {G, D, D});
    if (!std::all_of(n.begin(), n.end(), [](double x) { return x > 0; }))
        throw nb::value_error("a count is not positive.");
    NewArray<std::int32_t> merges({G - 1, 2});
    {
        nb::gil_scoped_release released;
        constexpr std::array few{merge_all<0>, merge_all<1>, merge_all<2>, merge_all<3>, merge_all<4>};
        few[D < std::int64_t(few.size()) ? D : 0](G, D, n.data(), m.data(), w.data(), tau, nu, merges.data);
    }
    return merges.array;
}

void bind_agglomerate(nb::module_& m) {
    m.def("agglomerate", agglomerate, "counts"_a, "means"_a, "scatter"_a, "tau"_a, "nu"_a);
}

}  // namespace mixtura::bindings
