// The whole EM loop for small problems: a leaf is one start.
//
// The rows are transposed once (once for all starts, or once a data set). Iteration t takes the statistics of
// theta_{t-1}, makes theta_t, and finds its log-likelihood L_t with the next statistics. It stops where
//     gain D_t = L_t - L_{t-1},  a = D_t / D_{t-1},  remaining = D_t a / (1 - a)   (Aitken; 0 for a gain at rounding)
// lies below tol times the total weight three times running, at max_iter, on a collapsed factor or an empty component.
#pragma once

#include "mstep.hpp"
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
    double remaining = std::numeric_limits<double>::infinity();

private:
    const double tolerance_;
    double last_ = 0;
    bool has_last_ = false;
    int quiet_ = 0;
};

// One start: two sets of parameters (sound, and tried), a kernel and its sums.
template <class T>
class Climber {
public:
    Climber(Kind kind, std::int64_t K, std::int64_t D)
        : kind_(kind), K_(K), D_(D), size_(K + K * D + factors_size(kind, K, D)),
          kernel_(make_kernel<T>(kind, K, D, true)), m_step_(kind, K, D), sound_(size_), tried_(size_), counts_(K),
          sums_(K * D), squares_(K), scatter_(scatter_size(kind, K, D) + 1), raw_(kernel_->sums_size()),
          energies_(K * block_rows<T>(D)), resp_((K + 1) * block_rows<T>(D)),
          scratch_(kernel_->scratch_size(slabs_for<T>(block_rows<T>(D)))) {
        moments_ = {0, 0, counts_.get(), sums_.get(), squares_.get(), scatter_.get()};
    }
    Climber(const Climber&) = delete;
    Climber& operator=(const Climber&) = delete;
    ~Climber() { delete kernel_; }

    void start(const double* log_weights, const double* means, const double* factors) {
        std::memcpy(tried_.get(), log_weights, K_ * sizeof(double));
        std::memcpy(tried_.get() + K_, means, K_ * D_ * sizeof(double));
        std::memcpy(tried_.get() + K_ + K_ * D_, factors, factors_size(kind_, K_, D_) * sizeof(double));
    }
    Status run(const PackedRows<T>& rows, const double* floor, double tol, std::int64_t max_iter) {
        Aitken aitken(tol * rows.total_weight());
        n_iter = 0;
        sweep(rows);
        accept();
        Status status = sound_counts() ? Status::max_iter : Status::emptied;
        while (status == Status::max_iter && n_iter < max_iter) {
            ++n_iter;
            std::memcpy(tried_.get(), sound_.get(), size_ * sizeof(double));
            double* p = tried_.get();
            if (!m_step_(moments_, p, p + K_, p + K_ + K_ * D_) || m_step_.below(p + K_ + K_ * D_, floor))
                return Status::collapsed;
            const double before = log_likelihood;
            sweep(rows);
            if (!(std::fabs(moments_.log_likelihood) <= std::numeric_limits<double>::max())) return Status::emptied;
            accept();
            const bool settled = aitken.settled(before, log_likelihood);
            remaining = aitken.remaining;
            if (!sound_counts())
                status = Status::emptied;
            else if (settled)
                status = Status::converged;
        }
        return status;
    }
    void result(double* log_weights, double* means, double* factors) const {
        std::memcpy(log_weights, sound_.get(), K_ * sizeof(double));
        std::memcpy(means, sound_.get() + K_, K_ * D_ * sizeof(double));
        std::memcpy(factors, sound_.get() + K_ + K_ * D_, factors_size(kind_, K_, D_) * sizeof(double));
    }

    double log_likelihood = 0, log_max_resp = 0, remaining = std::numeric_limits<double>::infinity();
    std::int64_t n_iter = 0;

private:
    void sweep(const PackedRows<T>& rows) {
        const double* p = tried_.get();
        kernel_->load(ModelView{kind_, K_, D_, p, p + K_, p + K_ + K_ * D_});
        std::memset(raw_.get(), 0, kernel_->sums_size() * sizeof(double));
        LogSums logs = {0, 0};
        rows.blocks([&](const Block<T>& block) {
            kernel_->densities(block, scratch_.get(), energies_.get());
            const LogSums part =
                responsibilities<T>(*kernel_, block, energies_.get(), resp_.get());
            logs.log_likelihood += part.log_likelihood;
            logs.log_max_resp += part.log_max_resp;
            kernel_->statistics(block, scratch_.get(), energies_.get(), resp_.get(), raw_.get());
        });
        kernel_->finish(raw_.get(), moments_);
        moments_.log_likelihood = logs.log_likelihood;
        moments_.log_max_resp = logs.log_max_resp;
    }
    void accept() {
        std::memcpy(sound_.get(), tried_.get(), size_ * sizeof(double));
        log_likelihood = moments_.log_likelihood;
        log_max_resp = moments_.log_max_resp;
    }
    bool sound_counts() const {
        for (std::int64_t k = 0; k < K_; ++k)
            if (!(counts_[k] > 0 && counts_[k] <= std::numeric_limits<double>::max())) return false;
        return true;
    }

    const Kind kind_;
    const std::int64_t K_, D_, size_;
    Kernel<T>* kernel_;
    MStep m_step_;
    Buffer<double> sound_, tried_, counts_, sums_, squares_, scatter_, raw_;
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
        Climber<T> climber(q.kind, K, D);
        climber.start(q.log_weights + b * K, q.means + b * K * D, q.factors + b * size);
        Status status;
        if (shared_) {
            status = climber.run(*shared_, q.floor, q.tol, q.max_iter);
        } else {
            Rows rows = q.rows;
            rows.data += b * q.data_stride;
            if (rows.weight) rows.weight += b * q.weight_batch_stride;
            rows.centre += b * D;
            rows.inverse_scale += b * D;
            status = climber.run(PackedRows<T>(rows), q.floor + b * D, q.tol, q.max_iter);
        }
        climber.result(q.out_log_weights + b * K, q.out_means + b * K * D, q.out_factors + b * size);
        q.log_likelihood[b] = climber.log_likelihood;
        q.log_max_resp[b] = climber.log_max_resp;
        q.remaining[b] = climber.remaining;
        q.n_iter[b] = climber.n_iter;
        q.status[b] = std::int64_t(status);
    }

private:
    const ClimbRequest request_;
    PackedRows<T>* shared_;
};

}  // namespace mixtura::MIXTURA_ARCH
