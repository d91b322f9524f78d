#pragma once

#include <algorithm>
#include <array>
#include <cmath>

namespace ctclip {

/// A point or direction in patient coordinates (LPS, mm).
using Vec3 = std::array<double, 3>;

inline Vec3 add(const Vec3& a, const Vec3& b) { return {a[0] + b[0], a[1] + b[1], a[2] + b[2]}; }
inline Vec3 subtract(const Vec3& a, const Vec3& b) {
  return {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}
inline Vec3 scale(const Vec3& a, double factor) {
  return {a[0] * factor, a[1] * factor, a[2] * factor};
}
inline double dot(const Vec3& a, const Vec3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
inline Vec3 cross(const Vec3& a, const Vec3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
inline double length(const Vec3& a) { return std::sqrt(dot(a, a)); }
/// `a` must not be null.
inline Vec3 unit(const Vec3& a) { return scale(a, 1 / length(a)); }
inline bool finite(const Vec3& a) {
  return std::isfinite(a[0]) && std::isfinite(a[1]) && std::isfinite(a[2]);
}

inline constexpr double kDegrees = 57.29577951308232;  ///< in a radian
/// Angle between the lines along two unit vectors, 0 to 90 degrees.
inline double angle_between_lines(const Vec3& a, const Vec3& b) {
  return std::acos(std::min(1.0, std::abs(dot(a, b)))) * kDegrees;
}

}  // namespace ctclip
