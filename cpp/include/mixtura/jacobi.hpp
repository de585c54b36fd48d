// Plane rotations, and one-sided Jacobi made of them: principal axes without squaring a condition number.
#pragma once

#include <cmath>
#include <cstdint>

#include "simd.hpp"

namespace mixtura::MIXTURA_ARCH {

inline double square(const double* x, std::int64_t n) {
    double total = 0;
    for (std::int64_t i = 0; i < n; ++i) total += x[i] * x[i];
    return total;
}
inline void products(const double* a, const double* b, std::int64_t n, double& aa, double& bb, double& ab) {
    for (std::int64_t m = 0; m < n; ++m) {
        aa += a[m] * a[m];
        bb += b[m] * b[m];
        ab += a[m] * b[m];
    }
}
// cosine and sine of half the angle of (x, y), in [-pi / 2, pi / 2]
inline void half_angle(double x, double y, double& c, double& s) {
    const double length = std::sqrt(x * x + y * y);
    c = 1;
    s = 0;
    if (!(length > 0)) return;
    if (x >= 0) {
        c = std::sqrt(0.5 * (1 + x / length));
        s = 0.5 * y / length / c;
    } else {
        s = std::copysign(std::sqrt(0.5 * (1 - x / length)), y);
        c = 0.5 * y / length / s;
    }
}
// a <- c a + s b, b <- c b - s a
inline void turn_pair(double* a, double* b, std::int64_t n, std::int64_t step, double c, double s) {
    for (std::int64_t m = 0; m < n * step; m += step) {
        const double x = a[m], y = b[m];
        a[m] = c * x + s * y;
        b[m] = c * y - s * x;
    }
}
// Rotates the n rows (n, width) until each is orthogonal to the others; columns of `axes` (n, n) are the directions along
// which they lie then.
inline void orthogonalise(double* rows, std::int64_t n, std::int64_t width, double* axes) {
    for (std::int64_t i = 0; i < n * n; ++i) axes[i] = i % (n + 1) == 0 ? 1 : 0;
    for (int round = 0; round < 60; ++round) {
        double worst = 0;
        for (std::int64_t i = 0; i < n; ++i)
            for (std::int64_t j = i + 1; j < n; ++j) {
                double *a = rows + i * width, *b = rows + j * width;
                double aa = 0, bb = 0, ab = 0, c, s;
                products(a, b, width, aa, bb, ab);
                const double size = std::sqrt(aa) * std::sqrt(bb);
                if (!(std::fabs(ab) > 1e-14 * size)) continue;
                worst = std::fmax(worst, std::fabs(ab) / size);
                half_angle(aa - bb, 2 * ab, c, s);
                turn_pair(a, b, width, 1, c, s);
                turn_pair(axes + i, axes + j, n, n, c, s);
            }
        if (worst <= 1e-7) break;  // what is left is of the square of this
    }
}

}  // namespace mixtura::MIXTURA_ARCH
