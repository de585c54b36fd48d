// A mixture's parameters as the kernels take them, checked once.
#pragma once

#include <limits>

#include "arrays.hpp"

namespace mixtura::bindings {

struct KindName {
    const char *kind, *structure;
};
inline constexpr KindName kind_names[] = {{"full", "VVV"},      {"tied", "EEE"},      {"diag", "VVI"},
                                          {"tied_diag", "EEI"}, {"spherical", "VII"}, {"tied_spherical", "EII"}};

inline Kind find_kind(const std::string& name, const char* KindName::*field, const char* what) {
    std::string known;
    for (int i = 0; i < 6; ++i) {
        if (name == kind_names[i].*field) return Kind(i);
        known += (i ? ", " : "") + std::string(kind_names[i].*field);
    }
    throw nb::value_error((std::string(what) + " is '" + name + "'; expected one of: " + known + ".").c_str());
}

struct PartsName {
    const char* structure;
    Parts parts;
    Kind kind;
};
inline constexpr PartsName parts_names[] = {
    {"VEI", Parts::vei, Kind::diag}, {"EVI", Parts::evi, Kind::diag}, {"VEE", Parts::vee, Kind::full},
    {"EVE", Parts::eve, Kind::full}, {"VVE", Parts::vve, Kind::full}, {"EEV", Parts::eev, Kind::full},
    {"VEV", Parts::vev, Kind::full}, {"EVV", Parts::evv, Kind::full}};

inline const PartsName* find_parts(const std::string& structure) {
    for (const PartsName& row : parts_names)
        if (structure == row.structure) return &row;
    return nullptr;
}
inline Parts parts_of_structure(const std::string& name) {
    const PartsName* row = find_parts(name);
    return row ? row->parts : Parts::none;
}
inline Kind kind_of_structure(const std::string& name) {
    const PartsName* row = find_parts(name);
    return row ? row->kind : find_kind(name, &KindName::structure, "structure");
}

inline Shape shape_of_factors(Kind kind, std::int64_t K, std::int64_t D) {
    switch (kind) {
        case Kind::full: return {K, D, D};
        case Kind::tied: return {D, D};
        case Kind::diag: return {K, D};
        case Kind::tied_diag: return {D};
        case Kind::spherical: return {K};
        default: return {1};
    }
}

struct Model {
    Kind kind;
    std::int64_t K, D;
    std::vector<double> log_weights, means, factors;
    double noise_log_weight, noise_log_density;

    Model(const std::string& name, nb::handle lw, nb::handle mu, nb::handle f, double noise_weight, double noise_density)
        : kind(find_kind(name, &KindName::kind, "kind")), noise_log_weight(noise_weight),
          noise_log_density(noise_density) {
        const View view(mu, "means");
        view.expect_float64().expect({-1, -1});
        K = view.shape()[0];
        D = view.shape()[1];
        if (K == 0 || D == 0)
            throw nb::value_error(("means has shape " + mixtura::bindings::text(view.shape()) +
                                   "; expected at least one component and one feature.").c_str());
        means = view.copy();
        log_weights = copy_float64(lw, "log_weights", {K});
        const bool scalar = kind == Kind::tied_spherical && View(f, "factors").shape().empty();
        factors = copy_float64(f, "factors", scalar ? Shape{} : shape_of_factors(kind, K, D));
    }
    std::string name() const { return kind_names[int(kind)].kind; }
    std::string text() const {
        return "Model('" + name() + "', n_components=" + std::to_string(K) + ", n_features=" + std::to_string(D) + ")";
    }
    ModelView view() const {
        return {kind, K, D, log_weights.data(), means.data(), factors.data(), noise_log_weight, noise_log_density};
    }
    bool noisy() const { return noise_log_weight > -std::numeric_limits<double>::infinity(); }
    bool scatter_wanted() const { return kind != Kind::spherical && kind != Kind::tied_spherical; }
    Shape scatter_shape() const { return shape_of_factors(kind, K, D); }
};

}  // namespace mixtura::bindings
