// The rows that a call is given, and the call run without the GIL.
#pragma once

#include <optional>
#include <string>
#include <type_traits>

#include "arrays.hpp"
#include "mixtura/dispatch.hpp"
#include "mixtura/parallel.hpp"

namespace mixtura::bindings {

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

inline int checked_threads(int n_threads) {
    if (n_threads < 1) throw nb::value_error(("n_threads is " + std::to_string(n_threads) + "; expected >= 1.").c_str());
    return n_threads;
}

inline std::vector<double> run_released(const Task& task, int n_threads) {
    checked_threads(n_threads);
    nb::gil_scoped_release released;
    return run(task, n_threads);
}

// An output array of the caller: null where it is not wanted.
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

}  // namespace mixtura::bindings
