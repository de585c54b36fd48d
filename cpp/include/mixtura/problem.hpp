// What the bindings ask and what a compiled instruction set answers: plain structs without code.
//
// Nothing here may contain an inline function: this header is seen by translation units compiled for different
// instruction sets, and the linker keeps only one copy of an inline function.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mixtura {

// The factor L of covariance = L L' and its shape, K components and D features.
enum class Kind : int {
    full,           // (K, D, D) lower triangular
    tied,           // (D, D) lower triangular
    diag,           // (K, D) standard deviations
    tied_diag,      // (D,)
    spherical,      // (K,)
    tied_spherical  // (1,)
};

// What the components of a structure share besides, by mclust's letters; none where each has, or all have, one covariance.
enum class Parts { none, vei, evi, vee, eve, vve, eev, vev, evv };

struct ModelView {
    Kind kind;
    std::int64_t n_components, n_features;
    const double* log_weights;  // (K,)
    const double* means;        // (K, D)
    const double* factors;      // by kind
    double noise_log_weight;    // of noise whose density is the same everywhere; -inf for none
    double noise_log_density;
};

// Rows in the caller's memory; strides are in bytes and may be negative. u = (x - centre) * inverse_scale.
struct Rows {
    const char* data;
    bool single;  // float32, else float64
    std::int64_t n_samples, n_features, row_stride, column_stride;
    const char* weight;  // float64 or null
    std::int64_t weight_stride;
    const double* centre;
    const double* inverse_scale;
};

// Sums over rows, always float64. scatter is null where it was not asked for.
struct Moments {
    double log_likelihood, log_max_resp, noise;  // noise: its count, sum of w r
    double* counts;   // (K,)
    double* sums;     // (K, D)
    double* squares;  // (K,)
    double* scatter;  // by kind
};

// A computation over leaves 0 .. leaves() - 1. leaf(i) adds to a zeroed accumulator; accumulators are added in the
// order of the leaves, whatever the number of threads. leaf() is re-entrant, one workspace a thread, and never throws.
struct Task {
    virtual ~Task();
    virtual std::int64_t leaves() const = 0;
    virtual std::size_t accumulator_size() const = 0;  // doubles
    virtual std::size_t workspace_bytes() const = 0;
    virtual double work() const = 0;  // rough, in nanoseconds of one thread
    virtual void leaf(std::int64_t index, char* workspace, double* accumulator) const = 0;
};

struct SweepTask : Task {
    ~SweepTask() override;
    virtual void finish(const double* accumulator, Moments* moments) const = 0;
};

struct SweepRequest {
    Rows rows;
    std::int64_t n_models;
    const ModelView* models;
    const ModelView* const* about;  // null entries: about the model itself
    const bool* scatter;
};

struct EvaluateRequest {
    Rows rows;
    ModelView model;
    double* component_log_prob;  // (n, K) or null
    double* log_prob;            // (n,) or null
    double* responsibilities;    // (n, K) or null
    std::int64_t* labels;        // (n,) or null
    double* uncertainty;         // (n,) or null
};

struct ScanRequest {
    Rows rows;  // as they are: centre 0, inverse_scale 1
};

struct ScanTask : Task {
    ~ScanTask() override;
    // Ranges (D,); returns the first cell that is not finite, counted along the rows, or -1.
    virtual std::int64_t finish(double* lowest, double* highest) const = 0;
};

struct NearestRequest {
    Rows rows;
    std::int64_t n_centers;
    const double* centers;  // (K, D)
    void* labels;           // (n,) or null
    bool short_labels;      // int32, else int64
};

struct NearestTask : Task {
    ~NearestTask() override;
    virtual double finish(const double* accumulator, double* counts, double* sums) const = 0;  // returns inertia
};

struct DistancesRequest {
    Rows rows;
    const double* center;  // (D,)
    double* distances;     // (n,), in and out
};

// Partitions of the rows, one a start, each looked at through one of the views.
struct PartitionRequest {
    Rows rows;  // centre and inverse_scale are those of the views
    std::int64_t n_views, n_starts, n_components;
    const double *centres, *inverse_scales;  // (n_views, D)
    const double* const* factors;            // n_views, each (D, D) lower triangular or null
    const std::int64_t* some;                // (n_some,) rows that seeds and iterations see, or null for all
    std::int64_t n_some;
    const std::int64_t *views, *lloyd, *spread;  // (n_starts,): view, iterations, draws by distance a seed (0: by weight)
    std::int64_t n_trials;                       // the most draws a seed
    const double* uniforms;                      // (n_starts, K, n_trials)
    std::int32_t* labels;                        // (n_starts, n)
};

struct GroupRequest {
    Rows rows;
    std::int64_t n_starts, n_components;
    const std::int32_t* labels;      // (n_starts, n)
    double *counts, *means, *scatter;  // (n_starts, K, ...), zeroed
};

// n_starts independent EM loops. With separate data sets, set b starts at rows.data + b * data_stride (bytes), its
// weights at rows.weight + b * weight_batch_stride, its centre and inverse_scale b * D doubles further on.
struct ClimbRequest {
    Rows rows;
    bool separate;
    std::int64_t data_stride, weight_batch_stride;
    std::int64_t n_starts, n_components;
    Kind kind;
    Parts parts;
    const double *log_weights, *means, *factors;  // the starts
    const double* floor;                          // (D,), or (n_starts, D) for separate data sets
    double tol;
    std::int64_t max_iter;
    bool accelerate, equal_weights;
    const double* noise_log_weights;  // (n_starts,), or null: no noise
    double noise_log_density;         // the same everywhere
    double* out_noise_log_weights;    // (n_starts,), where there is noise
    double *out_log_weights, *out_means, *out_factors;
    double *log_likelihood, *log_max_resp, *remaining;  // (n_starts,)
    std::int64_t *n_iter, *n_kept, *status;             // (n_starts,)
    double* trace;                                      // (n_starts, trace_rows, 3): L, bound, remaining; or null
    std::int64_t trace_rows;
};

enum class Status : std::int64_t { converged = 0, max_iter = 1, collapsed = 2, emptied = 3, violated = 4 };

// One instruction set. The makers return objects that the caller deletes.
struct Engine {
    const char* name;
    SweepTask* (*sweep)(const SweepRequest&);
    Task* (*evaluate)(const EvaluateRequest&);
    ScanTask* (*scan)(const ScanRequest&);
    NearestTask* (*nearest)(const NearestRequest&);
    Task* (*update_distances)(const DistancesRequest&);
    Task* (*partition)(const PartitionRequest&);
    Task* (*group)(const GroupRequest&);
    Task* (*climb)(const ClimbRequest&);
    // Roots (K, ...) become factors that keep the structure, in place: parts, K, D, counts, old factors, roots, rounds.
    bool (*share_parts)(Parts, std::int64_t, std::int64_t, const double*, const double*, double*, int);
    // One component: D, rank of the root, q, root, floor, loadings and uniquenesses in place, rounds; false: not served.
    bool (*factor_step)(std::int64_t, std::int64_t, std::int64_t, const double*, const double*, double*, double*, int);
    // D, q, loadings, uniquenesses, lower triangular factor of their covariance.
    void (*factor_sum)(std::int64_t, std::int64_t, const double*, const double*, double*);
    void (*exponential64)(const double* x, double* out, std::int64_t n);
    void (*exponential32)(const float* x, float* out, std::int64_t n);
    void (*logarithm64)(const double* x, double* out, std::int64_t n);
    void (*logarithm32)(const float* x, float* out, std::int64_t n);
};

}  // namespace mixtura
