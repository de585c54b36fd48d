// What one model says about every row, written into the caller's arrays.
//
//     component_log_prob[i, k] = log p(u_i | k),   log_prob[i] = log sum_k pi_k p(u_i | k)
//     responsibilities[i, k] = p(k | u_i),         labels[i] = argmax_k, the first on ties
//     uncertainty[i] = sum of p(k | u_i) over k != labels[i]: 1 - max without its rounding
// Noise has the label -1 and one more column, the last, in component_log_prob and responsibilities.
#pragma once

#include "sweep.hpp"

namespace mixtura::MIXTURA_ARCH {

template <class T>
class Evaluate final : public Task {
public:
    explicit Evaluate(const EvaluateRequest& request)
        : request_(request), plan_(request.rows), K_(request.model.n_components), noisy_(request.model.noise_log_weight > -std::numeric_limits<double>::infinity()),
          columns_(K_ + noisy_),
          kernel_(make_kernel<T>(request.model.kind, K_, request.model.n_features, false)) {
        kernel_->read(request.model);
    }
    ~Evaluate() override { delete kernel_; }

    std::int64_t leaves() const override { return plan_.leaves(); }
    std::size_t accumulator_size() const override { return 0; }
    std::size_t workspace_bytes() const override { return Workspace(*this, nullptr).bytes; }
    double work() const override {
        const double cost = row_cost(request_.model.kind, K_, request_.model.n_features, false);
        return (cost + double(K_)) * double(plan_.rows().n_samples);
    }
    void leaf(std::int64_t index, char* memory, double*) const override {
        const Workspace space(*this, memory);
        plan_.blocks(index, space.u, space.w, [&](const Block<T>& block, std::int64_t begin) {
            kernel_->densities(block, space.scratch, space.energies);
            if (request_.component_log_prob) write_components(block, space, begin);
            if (request_.labels || request_.log_prob || request_.uncertainty) write_rows(block, space, begin);
            if (!request_.responsibilities) return;
            responsibilities<T, false>(*kernel_, true, block, space.energies, space.resp);
            transpose_out(space.resp, block, columns_, request_.responsibilities + begin * columns_);
        });
    }

private:
    struct Workspace {
        Workspace(const Evaluate& task, char* memory) {
            Arena arena(memory);
            u = task.plan_.take_rows(arena);
            w = task.plan_.take_values(arena, 1);
            energies = task.plan_.take_values(arena, task.K_);
            resp = task.plan_.take_values(arena, task.K_ + 1);
            scratch = arena.take<T>(task.kernel_->scratch_size(task.plan_.max_slabs()));
            bytes = arena.used();
        }
        T *u, *w, *energies, *resp, *scratch;
        std::size_t bytes;
    };

    // (K, slabs, slab) to (rows, K), or with the noise's K + 1 for both
    void transpose_out(const T* values, const Block<T>& block, std::int64_t columns, double* out) const {
        const std::int64_t size = block.slabs * slab<T>;
        for (std::int64_t i = 0; i < block.rows; ++i)
            for (std::int64_t k = 0; k < columns; ++k) out[i * columns_ + k] = double(values[k * size + i]);
    }
    void write_components(const Block<T>& block, const Workspace& space, std::int64_t begin) const {
        const std::int64_t size = block.slabs * slab<T>;
        for (std::int64_t k = 0; k < K_; ++k)
            for (std::int64_t i = 0; i < size; ++i)
                space.resp[k * size + i] = kernel_->normalisers()[k] - space.energies[k * size + i];
        double* out = request_.component_log_prob + begin * columns_;
        transpose_out(space.resp, block, K_, out);
        for (std::int64_t i = 0; i < block.rows && noisy_; ++i) out[i * columns_ + K_] = request_.model.noise_log_density;
    }
    // Labels, log_prob and uncertainty, one vector of rows at a time.
    void write_rows(const Block<T>& block, const Workspace& space, std::int64_t begin) const {
        const std::int64_t size = block.slabs * slab<T>;
        alignas(MIXTURA_VECTOR_BYTES) T label[lanes<T>], log_prob[lanes<T>], rest[lanes<T>];
        const bool sums = request_.log_prob || request_.uncertainty;
        for (std::int64_t i = 0; i < block.rows; i += lanes<T>) {
            Vec<T> best = broadcast<T>(kernel_->constants()[0]) - load<T>(space.energies + i), index = {}, sum = {}, others = {};
            for (std::int64_t k = 1; k < K_; ++k) {
                const Vec<T> l =
                    broadcast<T>(kernel_->constants()[k]) - load<T>(space.energies + k * size + i);
                index = l > best ? broadcast<T>(T(k)) : index;
                best = larger(l, best);
            }
            if (noisy_) {
                const Vec<T> l = broadcast<T>(kernel_->log_noise());
                index = l > best ? broadcast<T>(T(-1)) : index;
                best = larger(l, best);
            }
            best = larger(best, broadcast<T>(std::numeric_limits<T>::lowest()));
            for (std::int64_t k = 0; sums && k < K_; ++k) {
                const Vec<T> e = exp<T>(broadcast<T>(kernel_->constants()[k]) -
                                        load<T>(space.energies + k * size + i) - best);
                sum += e;
                others += index == broadcast<T>(T(k)) ? Vec<T>{} : e;
            }
            if (sums && noisy_) {
                const Vec<T> e = exp<T>(broadcast<T>(kernel_->log_noise()) - best);
                sum += e;
                others += index == broadcast<T>(T(-1)) ? Vec<T>{} : e;
            }
            store<T>(label, index);
            store<T>(log_prob, best + log<T>(sum));
            store<T>(rest, others / sum);
            for (std::int64_t j = i; j < i + lanes<T> && j < block.rows; ++j) {
                if (request_.labels) request_.labels[begin + j] = std::int64_t(label[j - i]);
                if (request_.log_prob) request_.log_prob[begin + j] = double(log_prob[j - i]);
                if (request_.uncertainty) request_.uncertainty[begin + j] = double(rest[j - i]);
            }
        }
    }

    const EvaluateRequest request_;
    const Plan<T> plan_;
    const std::int64_t K_;
    const bool noisy_;
    const std::int64_t columns_;
    Kernel<T>* kernel_;
};

}  // namespace mixtura::MIXTURA_ARCH
