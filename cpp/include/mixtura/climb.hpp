// The whole of EM for small problems, accelerated: a leaf is one start.
//
// The rows are transposed once (once for all starts, or once a data set). A cycle takes one EM step from theta_0 to
// theta_1, makes theta_2 = M(theta_1), and tries the extrapolation of all three (SQUAREM, Varadhan & Roland 2008)
//     phi_0 + 2 a r + a^2 v,  r = phi_1 - phi_0,  v = phi_2 - phi_1 - r,  a = |r| / |v| in [1, longest].
// It is kept where its log-likelihood lies above the bound that theta_2 is sure of; else theta_2 is taken. So from each
// kept point to the next  L <= bound <= next L,  and this is checked. Where a cycle gains no more than the tolerance,
// a few plain steps follow, as Aitken's estimate needs them: with gains D_1, D_2 and a = D_2 / D_1 the remaining gain is
// D_2 a / (1 - a), 0 for a gain at rounding; it must lie below tol times the total weight three times running.
#pragma once

#include "free_parameters.hpp"
#include "mstep.hpp"
#include "shared_parts.hpp"
#include "sweep.hpp"

namespace mixtura::MIXTURA_ARCH {

// All rows of one data set, transposed.
template <class T>
class PackedRows {
public:
    explicit PackedRows(const Rows& rows)
        : n_(rows.n_samples), D_(rows.n_features), u_(slabs_for<T>(n_) * slab_stride<T>(D_)),
          w_(slabs_for<T>(n_) * slab<T>) {
        const Columns<T> columns(rows.centre, rows.inverse_scale, D_);
        const Block<T> all = pack<T>(rows, columns, 0, n_, true, u_.get(), w_.get());
        weighted_ = all.w != nullptr && rows.weight != nullptr;
        total_ = double(n_);
        if (!weighted_) return;
        total_ = 0;
        for (std::int64_t i = 0; i < n_; ++i) total_ += double(w_[i]);
    }
    double total_weight() const { return total_; }

    template <class Each>
    void blocks(Each&& each) const {
        const std::int64_t stride = slab_stride<T>(D_), step = block_rows<T>(D_);
        for (std::int64_t begin = 0; begin < n_; begin += step) {
            const std::int64_t rows = begin + step < n_ ? step : n_ - begin;
            const T* w = weighted_ || rows % slab<T> != 0 ? w_.get() + begin : nullptr;
            each(Block<T>{u_.get() + begin / slab<T> * stride, w, stride, slabs_for<T>(rows), rows});
        }
    }

private:
    std::int64_t n_, D_;
    bool weighted_ = false;
    double total_ = 0;
    Buffer<T> u_, w_;
};

// The estimate of what a climb still has to gain.
class Aitken {
public:
    explicit Aitken(double tolerance) : tolerance_(tolerance) {}
    // True where the estimate has been below the tolerance three times running.
    bool settled(double before, double after) {
        const double gain = after - before;
        constexpr double rounding = 8 * 2.220446049250313e-16;
        bool known = true;
        if (gain <= rounding * std::fabs(after))
            remaining = 0;
        else if (has_last_ && gain < last_)
            remaining = gain * gain / (last_ - gain);
        else
            known = false;
        if (!known) remaining = std::numeric_limits<double>::infinity();
        quiet_ = remaining < tolerance_ ? quiet_ + 1 : 0;
        last_ = gain;
        has_last_ = true;
        return quiet_ >= 3;
    }
    // The next log-likelihood is not reached by one EM step.
    void restart() {
        has_last_ = false;
        quiet_ = 0;
    }
    double remaining = std::numeric_limits<double>::infinity();

private:
    const double tolerance_;
    double last_ = 0;
    bool has_last_ = false;
    int quiet_ = 0;
};

// When a climb ends, and where it may write its kept iterations: rows of (L before, bound, remaining).
struct ClimbRules {
    const double* floor;
    double tol;
    std::int64_t max_iter;
    bool accelerate;  // else plain EM
    bool equal_weights;
    double* trace;  // (trace_rows, 3) or null
    std::int64_t trace_rows;
    double noise_log_density;
};

constexpr int longest_check = 6;

// One start: sound parameters, the M-step's, and those being tried; a kernel and its sums.
template <class T>
class Climber {
public:
    Climber(Kind kind, Parts parts, std::int64_t K, std::int64_t D, bool noisy)
        : kind_(kind), parts_(parts), K_(K), D_(D), noisy_(noisy), noise_(K + K * D + factors_size(kind, K, D)),
          size_(noise_ + noisy),
          whole_(size_ + SharedParts::state_size(parts, D)), kernel_(make_kernel<T>(kind, K, D, true)),
          m_step_(kind, K, D), shared_(parts, K, D), free_(kind, K, D, noisy), sound_(whole_), next_(whole_), tried_(whole_),
          weights_(K), phi_(4 * size_), counts_(K), sums_(K * D), squares_(K),
          scatter_(scatter_size(kind, K, D) + 1), raw_(kernel_->sums_size()), energies_(K * block_rows<T>(D)),
          resp_((K + 1) * block_rows<T>(D)), scratch_(kernel_->scratch_size(slabs_for<T>(block_rows<T>(D)))) {
        moments_ = {0, 0, 0, counts_.get(), sums_.get(), squares_.get(), scatter_.get()};
    }
    Climber(const Climber&) = delete;
    Climber& operator=(const Climber&) = delete;
    ~Climber() { delete kernel_; }

    void start(const double* log_weights, const double* means, const double* factors, const double* noise) {
        std::memcpy(tried_.get(), log_weights, K_ * sizeof(double));
        std::memcpy(tried_.get() + K_, means, K_ * D_ * sizeof(double));
        std::memcpy(tried_.get() + K_ + K_ * D_, factors, factors_size(kind_, K_, D_) * sizeof(double));
        if (noisy_) tried_[noise_] = *noise;
        free_.measure(log_weights, means, factors);
        if (whole_ > size_) shared_.look(factors, tried_.get() + size_);
    }
    Status run(const PackedRows<T>& rows, const ClimbRules& rules) {
        rules_ = rules;
        m_step_.equal_weights = rules.equal_weights;
        weight_ = rows.total_weight();
        Aitken aitken(rules.tol * weight_);
        Status status = visit(rows);
        accept();
        if (status != Status::max_iter) return status;
        double gain = std::numeric_limits<double>::infinity();
        int plain = 0;  // steps in a row that ask Aitken's rule, which needs five; where EM crawls it goes on accelerated
        while (n_iter < rules.max_iter) {
            const double before = log_likelihood;
            const bool able = rules.accelerate && free_.pack(sound_.get(), phi_.get());
            status = plain_step(rows, aitken);
            if (status != Status::max_iter) return status;
            const bool far = gain > rules.tol * weight_ || plain >= longest_check;
            plain = far ? 0 : plain + 1;
            if (able && far && n_iter < rules.max_iter) {
                status = extrapolate(rows, aitken);
                if (status != Status::max_iter) return status;
            }
            gain = log_likelihood - before;
        }
        return Status::max_iter;
    }
    void result(double* log_weights, double* means, double* factors, double* noise) const {
        if (noisy_) *noise = sound_[noise_];
        std::memcpy(log_weights, sound_.get(), K_ * sizeof(double));
        std::memcpy(means, sound_.get() + K_, K_ * D_ * sizeof(double));
        std::memcpy(factors, sound_.get() + K_ + K_ * D_, factors_size(kind_, K_, D_) * sizeof(double));
    }

    double log_likelihood = 0, log_max_resp = 0, remaining = std::numeric_limits<double>::infinity();
    std::int64_t n_iter = 0, n_kept = 0;

private:
    // The M-step at sound_, into next_, and the bound there.
    Status m_step() {
        std::memcpy(next_.get(), sound_.get(), whole_ * sizeof(double));
        double *p = next_.get(), *factors = p + K_ + K_ * D_;
        m_step_.noise = moments_.noise;
        if (!m_step_(moments_, p, p + K_, factors)) return Status::collapsed;
        if (noisy_) p[noise_] = m_step_.noise_log_weight();
        const bool own_shapes = parts_ == Parts::none || parts_ == Parts::evi || parts_ == Parts::evv;
        if (own_shapes && m_step_.below(factors, rules_.floor)) return Status::collapsed;
        if (parts_ != Parts::none) {
            const bool known = shared_(counts_.get(), sound_.get() + K_ + K_ * D_, factors, p + size_);
            if (!known || m_step_.below(factors, rules_.floor)) return Status::collapsed;
        }
        // Q(next | sound) - Q(sound | sound): what is left of the squares under the new factors is N D.
        double rise = moments_.noise > 0 ? moments_.noise * (next_[noise_] - sound_[noise_]) : 0, squares = 0;
        for (std::int64_t k = 0; k < K_; ++k) {
            rise += counts_[k] * (next_[k] - sound_[k] - log_det(next_.get(), k) + log_det(sound_.get(), k));
            squares += squares_[k];
        }
        bound_ = log_likelihood + rise + 0.5 * (squares - (weight_ - moments_.noise) * double(D_));
        size_of_sums_ = squares + weight_ * double(D_ + 1) + std::fabs(log_likelihood) + std::fabs(bound_);
        return Status::max_iter;
    }
    double log_det(const double* parameters, std::int64_t k) const {
        const double* f = parameters + K_ + K_ * D_;
        double total = 0;
        for (std::int64_t j = 0; j < D_; ++j) switch (kind_) {
                case Kind::full: total += std::log(f[k * D_ * D_ + j * (D_ + 1)]); break;
                case Kind::tied: total += std::log(f[j * (D_ + 1)]); break;
                case Kind::diag: total += std::log(f[k * D_ + j]); break;
                case Kind::tied_diag: total += std::log(f[j]); break;
                case Kind::spherical: total += std::log(f[k]); break;
                case Kind::tied_spherical: total += std::log(f[0]); break;
            }
        return total;
    }
    // One EM step: the M-step at sound_ and the E-step there.
    Status plain_step(const PackedRows<T>& rows, Aitken& aitken) {
        const Status status = m_step();
        return status == Status::max_iter ? follow(rows, aitken) : status;
    }
    // Move to next_, whose M-step is done: read the rows there, check the certificate, ask whether to stop.
    Status follow(const PackedRows<T>& rows, Aitken& aitken) {
        ++n_iter;
        std::memcpy(tried_.get(), next_.get(), whole_ * sizeof(double));
        const Status status = visit(rows);
        if (status != Status::max_iter) return status;
        const double slack = (sizeof(T) == 4 ? 1e-5 : 1e-12) * size_of_sums_;
        if (!(log_likelihood - slack <= bound_ && bound_ <= moments_.log_likelihood + slack)) return Status::violated;
        const double before = log_likelihood;
        keep();
        const bool settled = aitken.settled(before, log_likelihood);
        remaining = aitken.remaining;
        return settled ? Status::converged : Status::max_iter;
    }
    // From theta_1 = sound_: try the extrapolation, else take theta_2.
    Status extrapolate(const PackedRows<T>& rows, Aitken& aitken) {
        const Status status = m_step();
        if (status != Status::max_iter) return status;
        double *p0 = phi_.get(), *p1 = p0 + size_, *p2 = p1 + size_, *trial = p2 + size_;
        double length = 1;
        if (free_.pack(sound_.get(), p1) && free_.pack(next_.get(), p2)) length = step_length(p0, p1, p2);
        if (length > 1.01) {
            for (std::int64_t i = 0; i < size_; ++i) {
                const double r = p1[i] - p0[i], v = p2[i] - p1[i] - r;
                trial[i] = p0[i] + 2 * length * r + length * length * v;
            }
            const double* factors = tried_.get() + K_ + K_ * D_;
            if (free_.unpack(trial, tried_.get()) && project() && !m_step_.below(factors, rules_.floor)) {
                ++n_iter;
                if (visit(rows) == Status::max_iter && moments_.log_likelihood >= bound_) {
                    keep();
                    aitken.restart();
                    if (length == longest_) longest_ *= 4;
                    return Status::max_iter;
                }
                longest_ = longest_ / 4 > 4 ? longest_ / 4 : 4;
                if (n_iter >= rules_.max_iter) return Status::max_iter;
            }
        }
        return follow(rows, aitken);
    }
    // Extrapolated covariances keep no structure by themselves: tried_ becomes the nearest that does (Kullback & Leibler).
    bool project() {
        if (parts_ == Parts::none) return true;
        double *p = tried_.get(), *factors = p + K_ + K_ * D_;
        for (std::int64_t k = 0; k < K_; ++k) weights_[k] = std::exp(p[k]);
        std::memcpy(p + size_, next_.get() + size_, (whole_ - size_) * sizeof(double));
        return shared_(weights_.get(), factors, factors, p + size_);
    }
    double step_length(const double* p0, const double* p1, const double* p2) const {
        double r2 = 0, v2 = 0;
        for (std::int64_t i = 0; i < size_; ++i) {
            const double r = p1[i] - p0[i], v = p2[i] - p1[i] - r;
            r2 += r * r;
            v2 += v * v;
        }
        const double length = v2 > 0 ? std::sqrt(r2 / v2) : longest_;
        return length < 1 ? 1 : length > longest_ ? longest_ : length;
    }
    // The E-step at tried_: max_iter where all is well, emptied where a component or the likelihood is lost.
    Status visit(const PackedRows<T>& rows) {
        sweep(rows);
        if (!(std::fabs(moments_.log_likelihood) <= std::numeric_limits<double>::max())) return Status::emptied;
        return sound_counts() ? Status::max_iter : Status::emptied;
    }
    void sweep(const PackedRows<T>& rows) {
        const double* p = tried_.get();
        const double noise = noisy_ ? p[noise_] : -std::numeric_limits<double>::infinity();
        kernel_->read(ModelView{kind_, K_, D_, p, p + K_, p + K_ + K_ * D_, noise, rules_.noise_log_density});
        std::memset(raw_.get(), 0, kernel_->sums_size() * sizeof(double));
        LogSums logs = {0, 0, 0};
        rows.blocks([&](const Block<T>& block) {
            kernel_->densities(block, scratch_.get(), energies_.get());
            const LogSums part =
                responsibilities<T>(*kernel_, block, energies_.get(), resp_.get());
            logs.log_likelihood += part.log_likelihood;
            logs.log_max_resp += part.log_max_resp;
            logs.noise += part.noise;
            kernel_->statistics(block, scratch_.get(), energies_.get(), resp_.get(), raw_.get());
        });
        kernel_->finish(raw_.get(), moments_);
        moments_.log_likelihood = logs.log_likelihood;
        moments_.log_max_resp = logs.log_max_resp;
        moments_.noise = logs.noise;
    }
    // Stand at tried_, and write where we come from to the trace.
    void keep() {
        if (rules_.trace && n_kept < rules_.trace_rows) {
            double* row = rules_.trace + 3 * n_kept;
            row[0] = log_likelihood;
            row[1] = bound_;
            row[2] = remaining;
        }
        ++n_kept;
        accept();
    }
    void accept() {
        std::memcpy(sound_.get(), tried_.get(), whole_ * sizeof(double));
        log_likelihood = moments_.log_likelihood;
        log_max_resp = moments_.log_max_resp;
    }
    bool sound_counts() const {
        for (std::int64_t k = 0; k < K_; ++k)
            if (!(counts_[k] > 0 && counts_[k] <= std::numeric_limits<double>::max())) return false;
        return true;
    }

    const Kind kind_;
    const Parts parts_;
    const std::int64_t K_, D_;
    const bool noisy_;
    const std::int64_t noise_, size_, whole_;  // where the noise's log weight stands; parameters; what SharedParts keeps too
    Kernel<T>* kernel_;
    MStep m_step_;
    SharedParts shared_;
    FreeParameters free_;
    ClimbRules rules_{};
    double weight_ = 0, bound_ = 0, size_of_sums_ = 0, longest_ = 4;
    Buffer<double> sound_, next_, tried_, weights_, phi_, counts_, sums_, squares_, scatter_, raw_;
    Buffer<T> energies_, resp_, scratch_;
    Moments moments_;
};

template <class T>
class Climb final : public Task {
public:
    explicit Climb(const ClimbRequest& request)
        : request_(request), shared_(request.separate ? nullptr : new PackedRows<T>(request.rows)) {}
    ~Climb() override { delete shared_; }

    std::int64_t leaves() const override { return request_.n_starts; }
    std::size_t accumulator_size() const override { return 0; }
    std::size_t workspace_bytes() const override { return 0; }
    double work() const override {
        const double iterations = request_.max_iter < 20 ? double(request_.max_iter + 1) : 20;
        return row_cost(request_.kind, request_.n_components, request_.rows.n_features, true) * iterations *
               double(request_.rows.n_samples) * double(request_.n_starts);
    }
    void leaf(std::int64_t b, char*, double*) const override {
        const ClimbRequest& q = request_;
        const std::int64_t K = q.n_components, D = q.rows.n_features, size = factors_size(q.kind, K, D);
        const bool noisy = q.noise_log_weights != nullptr;
        Climber<T> climber(q.kind, q.parts, K, D, noisy);
        climber.start(q.log_weights + b * K, q.means + b * K * D, q.factors + b * size, q.noise_log_weights + (noisy ? b : 0));
        Status status;
        double* trace = q.trace ? q.trace + b * q.trace_rows * 3 : nullptr;
        if (shared_) {
            const ClimbRules rules{q.floor, q.tol, q.max_iter, q.accelerate, q.equal_weights, trace, q.trace_rows, q.noise_log_density};
            status = climber.run(*shared_, rules);
        } else {
            Rows rows = q.rows;
            rows.data += b * q.data_stride;
            if (rows.weight) rows.weight += b * q.weight_batch_stride;
            rows.centre += b * D;
            rows.inverse_scale += b * D;
            const ClimbRules rules{q.floor + b * D, q.tol, q.max_iter, q.accelerate, q.equal_weights, trace, q.trace_rows, q.noise_log_density};
            status = climber.run(PackedRows<T>(rows), rules);
        }
        double* noise = q.out_noise_log_weights + (noisy ? b : 0);
        climber.result(q.out_log_weights + b * K, q.out_means + b * K * D, q.out_factors + b * size, noise);
        q.log_likelihood[b] = climber.log_likelihood;
        q.log_max_resp[b] = climber.log_max_resp;
        q.remaining[b] = climber.remaining;
        q.n_iter[b] = climber.n_iter;
        q.n_kept[b] = climber.n_kept;
        q.status[b] = std::int64_t(status);
    }

private:
    const ClimbRequest request_;
    PackedRows<T>* shared_;
};

}  // namespace mixtura::MIXTURA_ARCH
