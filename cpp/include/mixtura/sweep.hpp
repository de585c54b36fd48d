// One pass over the rows for a list of models: every block is transposed once and then handed to each model.
//
// accumulator: for each model log_likelihood, log_max_resp, the noise's count, then its kernel's sums.
#pragma once

#include "make_kernel.hpp"
#include "softmax.hpp"

namespace mixtura::MIXTURA_ARCH {

// The rows of a task, cut into leaves and blocks.
template <class T>
class Plan {
public:
    explicit Plan(const Rows& rows, bool blank = true)
        : rows_(rows), blank_(blank), columns_(rows.centre, rows.inverse_scale, rows.n_features),
          block_(block_rows<T>(rows.n_features)), leaf_(leaf_rows<T>(rows.n_samples, rows.n_features)) {}

    std::int64_t leaves() const { return (rows_.n_samples + leaf_ - 1) / leaf_; }
    std::int64_t max_slabs() const { return slabs_for<T>(block_); }
    const Rows& rows() const { return rows_; }

    // each(block, index of its first row) for the blocks of one leaf, in order
    template <class Each>
    void blocks(std::int64_t leaf, T* u, T* w, Each&& each) const {
        const std::int64_t end = (leaf + 1) * leaf_ < rows_.n_samples ? (leaf + 1) * leaf_ : rows_.n_samples;
        for (std::int64_t begin = leaf * leaf_; begin < end; begin += block_) {
            const std::int64_t count = begin + block_ < end ? block_ : end - begin;
            each(pack<T>(rows_, columns_, begin, count, blank_, u, w), begin);
        }
    }
    T* take_rows(Arena& arena) const {
        return arena.take<T>(std::size_t(max_slabs()) * slab_stride<T>(rows_.n_features));
    }
    T* take_values(Arena& arena, std::int64_t per_row) const {
        return arena.take<T>(std::size_t(max_slabs()) * slab<T> * per_row);
    }

private:
    const Rows rows_;
    const bool blank_;
    const Columns<T> columns_;
    const std::int64_t block_, leaf_;
};

// Nanoseconds of one thread, roughly: what a row costs a model.
constexpr double row_cost(Kind kind, std::int64_t K, std::int64_t D, bool scatter) {
    const bool square = kind == Kind::full || (kind == Kind::tied && scatter);
    const double products = square ? double(K * D) * double(D) / 20 : double(K * D) / 4;
    return 1 + 1.5 * double(K) + products;
}

// One model: its E-step, and its statistics in its own coordinates or those of another model.
template <class T>
class SweepMember {
public:
    SweepMember() = default;
    SweepMember(const SweepMember&) = delete;
    SweepMember& operator=(const SweepMember&) = delete;
    ~SweepMember() {
        delete model_;
        delete about_;
    }
    void prepare(const ModelView& model, const ModelView* about, bool scatter) {
        cost_ = row_cost(model.kind, model.n_components, model.n_features, scatter);
        model_ = make_kernel<T>(model.kind, model.n_components, model.n_features, scatter);
        model_->read(model);
        if (!about) return;
        cost_ *= 1.5;
        about_ = make_kernel<T>(about->kind, about->n_components, about->n_features, scatter);
        about_->read(*about);
    }
    std::size_t sums_size() const { return 3 + statistics().sums_size(); }
    std::size_t scratch_size(std::int64_t slabs) const {
        const std::size_t first = model_->scratch_size(slabs), second = statistics().scratch_size(slabs);
        return first > second ? first : second;
    }
    std::int64_t n_components() const { return model_->K; }
    double cost() const { return cost_; }

    void add(const Block<T>& whole, T* scratch, T* energies, T* resp, double* sums) const {
        const std::int64_t step = statistics().slabs_at_once(whole.slabs);
        for (std::int64_t first = 0; first < whole.slabs; first += step)
            add_part(whole.part(first, step), scratch, energies, resp, sums);
    }
    void finish(const double* sums, Moments& out) const {
        out.log_likelihood = sums[0];
        out.log_max_resp = sums[1];
        out.noise = sums[2];
        statistics().finish(sums + 3, out);
    }

private:
    void add_part(const Block<T>& block, T* scratch, T* energies, T* resp, double* sums) const {
        model_->densities(block, scratch, energies);
        const LogSums logs = responsibilities<T>(*model_, block, energies, resp);
        sums[0] += logs.log_likelihood;
        sums[1] += logs.log_max_resp;
        sums[2] += logs.noise;
        if (about_) about_->densities(block, scratch, energies);
        statistics().statistics(block, scratch, energies, resp, sums + 3);
    }

    const Kernel<T>& statistics() const { return about_ ? *about_ : *model_; }

    Kernel<T>*model_ = nullptr, *about_ = nullptr;
    double cost_ = 0;
};

template <class T>
class Sweep final : public SweepTask {
public:
    explicit Sweep(const SweepRequest& request)
        : plan_(request.rows), n_models_(request.n_models), members_(new SweepMember<T>[request.n_models]) {
        for (std::int64_t m = 0; m < n_models_; ++m) {
            members_[m].prepare(request.models[m], request.about[m], request.scatter[m]);
            if (members_[m].n_components() > max_components_) max_components_ = members_[m].n_components();
            const std::size_t scratch = members_[m].scratch_size(plan_.max_slabs());
            if (scratch > max_scratch_) max_scratch_ = scratch;
        }
    }
    ~Sweep() override { delete[] members_; }

    std::int64_t leaves() const override { return plan_.leaves(); }
    std::size_t accumulator_size() const override {
        std::size_t total = 0;
        for (std::int64_t m = 0; m < n_models_; ++m) total += members_[m].sums_size();
        return total;
    }
    std::size_t workspace_bytes() const override { return Workspace(*this, nullptr).bytes; }
    double work() const override {
        double cost = double(plan_.rows().n_features);
        for (std::int64_t m = 0; m < n_models_; ++m) cost += members_[m].cost();
        return cost * double(plan_.rows().n_samples);
    }
    void leaf(std::int64_t index, char* memory, double* accumulator) const override {
        const Workspace space(*this, memory);
        plan_.blocks(index, space.u, space.w, [&](const Block<T>& block, std::int64_t) {
            double* sums = accumulator;
            for (std::int64_t m = 0; m < n_models_; ++m) {
                members_[m].add(block, space.scratch, space.energies, space.resp, sums);
                sums += members_[m].sums_size();
            }
        });
    }
    void finish(const double* sums, Moments* out) const override {
        for (std::int64_t m = 0; m < n_models_; ++m) {
            members_[m].finish(sums, out[m]);
            sums += members_[m].sums_size();
        }
    }

private:
    struct Workspace {
        Workspace(const Sweep& sweep, char* memory) {
            Arena arena(memory);
            u = sweep.plan_.take_rows(arena);
            w = sweep.plan_.take_values(arena, 1);
            energies = sweep.plan_.take_values(arena, sweep.max_components_);
            resp = sweep.plan_.take_values(arena, sweep.max_components_ + 1);
            scratch = arena.take<T>(sweep.max_scratch_);
            bytes = arena.used();
        }
        T *u, *w, *energies, *resp, *scratch;
        std::size_t bytes;
    };

    const Plan<T> plan_;
    const std::int64_t n_models_;
    SweepMember<T>* members_;
    std::int64_t max_components_ = 0;
    std::size_t max_scratch_ = 0;
};

}  // namespace mixtura::MIXTURA_ARCH
