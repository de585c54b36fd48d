// Model-based agglomeration: the two groups whose merging costs least become one, until one is left.
//
// A group of N rows with scatter W (D, D) has the cost N log |(W + nu tau I) / (N + nu)| - 2 N log N: minus twice its
// classification log-likelihood under a Gaussian of its own (up to a constant), with nu pseudo-rows of variance tau, without
// which a group of few rows would have no volume. O(G^2 D^3 + G^2) time, O(G^2) memory for G groups.
//
// Few columns are known to the compiler (`Fixed`; 0 is any number): the same operations in the same order, so equal bits.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

namespace mixtura {

template <std::int64_t Fixed>
class Agglomeration {
public:
    // counts (G,), means (G, D), scatter (G, D, D), about the means.
    Agglomeration(std::int64_t G, std::int64_t D, const double* counts, const double* means, const double* scatter,
                  double tau, double nu)
        : G_(G), any_(D), nu_(nu), ridge_(nu * tau), counts_(counts, counts + G), means_(means, means + G * D),
          scatter_(scatter, scatter + G * D * D), own_(G), alive_(G, 1), rise_(G * G), best_(G, -1),
          together_(cells<Fixed * Fixed>(D * D)), work_(cells<Fixed * Fixed>(D * D)), inverse_(cells<Fixed>(D)) {
        for (std::int64_t g = 0; g < G_; ++g) own_[g] = cost(counts_[g], scatter_.data() + g * D * D);
        for (std::int64_t i = 0; i < G_; ++i)
            for (std::int64_t j = i + 1; j < G_; ++j) rise_[i * G_ + j] = rise(i, j);
        for (std::int64_t i = 0; i < G_; ++i) look(i);
    }

    // The next merge: group `from` goes into group `into`, from > into. False when one group is left.
    bool next(std::int32_t& into, std::int32_t& from) {
        const std::int64_t D = columns();
        std::int64_t i = -1;
        for (std::int64_t g = 0; g < G_; ++g)
            if (alive_[g] && best_[g] >= 0 && (i < 0 || rise_[g * G_ + best_[g]] < rise_[i * G_ + best_[i]])) i = g;
        if (i < 0) return false;
        const std::int64_t j = best_[i];
        into = std::int32_t(i);
        from = std::int32_t(j);
        unite(i, j);
        std::copy(together_.begin(), together_.end(), scatter_.begin() + i * D * D);
        const double total = counts_[i] + counts_[j];
        for (std::int64_t d = 0; d < D; ++d)
            means_[i * D + d] += counts_[j] / total * (means_[j * D + d] - means_[i * D + d]);
        counts_[i] = total;
        own_[i] = cost(total, together_.data());
        alive_[j] = 0;
        for (std::int64_t g = 0; g < G_; ++g) {
            if (!alive_[g] || g == i) continue;
            rise_[std::min(g, i) * G_ + std::max(g, i)] = rise(g, i);
        }
        for (std::int64_t g = 0; g < G_; ++g) {
            if (!alive_[g]) continue;
            if (g == i || best_[g] == i || best_[g] == j)
                look(g);
            else if (g < i && rise_[g * G_ + i] < rise_[g * G_ + best_[g]])
                best_[g] = i;
        }
        return true;
    }

private:
    static constexpr bool small = Fixed > 0;
    template <std::int64_t size>
    using Cells = std::conditional_t<small, std::array<double, small ? size : 1>, std::vector<double>>;

    template <std::int64_t size>
    static Cells<size> cells([[maybe_unused]] std::int64_t n) {
        if constexpr (small)
            return {};
        else
            return std::vector<double>(n);
    }
    std::int64_t columns() const { return small ? Fixed : any_; }

    // The partner after i whose merging with i costs least; the first of equals.
    void look(std::int64_t i) {
        best_[i] = -1;
        for (std::int64_t j = i + 1; j < G_; ++j)
            if (alive_[j] && (best_[i] < 0 || rise_[i * G_ + j] < rise_[i * G_ + best_[i]])) best_[i] = j;
    }

    void unite(std::int64_t i, std::int64_t j) {
        const std::int64_t D = columns();
        const double share = counts_[i] * counts_[j] / (counts_[i] + counts_[j]);
        const double *a = means_.data() + i * D, *b = means_.data() + j * D;
        for (std::int64_t r = 0; r < D; ++r)
            for (std::int64_t c = 0; c <= r; ++c)
                together_[r * D + c] = scatter_[(i * D + r) * D + c] + scatter_[(j * D + r) * D + c] +
                                        share * (a[r] - b[r]) * (a[c] - b[c]);
    }

    double rise(std::int64_t i, std::int64_t j) {
        unite(i, j);
        return cost(counts_[i] + counts_[j], together_.data()) - own_[i] - own_[j];
    }

    // Reads the lower triangle of W: its pivots are those of L diag(p) L^T, and `work_` holds L diag(p).
    double cost(double N, const double* W) {
        const std::int64_t D = columns();
        const double share = 1 / (N + nu_);
        double pivots = 1 / (N * N), log_det = 0;
        for (std::int64_t r = 0; r < D; ++r) {
            double* row = work_.data() + r * D;
            double pivot = W[r * D + r] + ridge_;
            for (std::int64_t c = 0; c < r; ++c) {
                double sum = W[r * D + c];
                for (std::int64_t p = 0; p < c; ++p) sum -= row[p] * work_[c * D + p] * inverse_[p];
                row[c] = sum;
                pivot -= sum * sum * inverse_[c];
            }
            pivot = std::fmax(pivot, std::numeric_limits<double>::min());
            inverse_[r] = 1 / pivot;
            pivots *= pivot * share;
            if (pivots < 1e-100 || pivots > 1e100) {
                log_det += std::log(pivots);
                pivots = 1;
            }
        }
        return N * (log_det + std::log(pivots));
    }

    std::int64_t G_, any_;
    double nu_, ridge_;
    std::vector<double> counts_, means_, scatter_, own_;
    std::vector<char> alive_;
    std::vector<double> rise_;  // (G, G), above the diagonal
    std::vector<std::int64_t> best_;
    Cells<Fixed * Fixed> together_, work_;
    Cells<Fixed> inverse_;
};

}  // namespace mixtura
