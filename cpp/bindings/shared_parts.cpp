// Binding of the M-steps of structures that share parts of their covariances.
#include <nanobind/stl/string.h>

#include "mixtura/dispatch.hpp"
#include "model.hpp"

namespace mixtura::bindings {

using namespace nb::literals;

static nb::object shared_parts(const std::string& structure, nb::handle counts, nb::handle old, nb::handle roots,
                               int rounds) {
    const Parts parts = parts_of_structure(structure);
    if (parts == Parts::none) throw nb::value_error(("structure is '" + structure + "'; expected one that shares parts.").c_str());
    const View view(counts, "counts");
    view.expect({-1, -1});
    const std::int64_t B = view.shape()[0], K = view.shape()[1], D = View(roots, "roots").shape().back();
    const std::vector<double> n = copy_float64(counts, "counts", {B, K});
    Shape shape = shape_of_factors(kind_of_structure(structure), K, D);
    const std::int64_t size = K * D * (shape.size() == 3 ? D : 1);
    shape.insert(shape.begin(), B);
    const std::vector<double> before = copy_float64(old, "old", shape), given = copy_float64(roots, "roots", shape);
    NewArray<double> factors(shape);
    std::copy(given.begin(), given.end(), factors.data);
    {
        nb::gil_scoped_release released;
        const Engine& engine = engine_in_force();
        for (std::int64_t b = 0; b < B; ++b)
            engine.share_parts(parts, K, D, n.data() + b * K, before.data() + b * size, factors.data + b * size, rounds);
    }
    return factors.array;
}

void bind_shared_parts(nb::module_& m) {
    m.def("shared_parts", shared_parts, "structure"_a, "counts"_a, "old"_a, "roots"_a, "rounds"_a);
}

}  // namespace mixtura::bindings
