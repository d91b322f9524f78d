#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "study/assemble.h"
#include "study/orientation.h"
#include "study/series_rules.h"

namespace ctclip {
namespace {

constexpr double kTiltAccepted = 3, kTiltWorthSaying = 0.5;  // degrees
constexpr double kEvenAbsolute = 0.1, kEvenRelative = 0.05;  // mm, of the gap
constexpr double kResampledRelative = 0.25;                  // of the median gap
constexpr double kOneMissing = 2;                            // medians
constexpr std::size_t kGapsForOneMissing = 20;
constexpr double kTooClose = 0.01;  // mm: no stack of slices

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

class Plan {
 public:
  Plan(const Contents& contents, const Series& series) : contents_(contents), series_(series) {}

  Geometry make(const Limits& limits) {
    const Slice& any = slice(series_.slices.front());
    if (series_.slices.size() < 2) {
      throw Error(Code::too_few_slices, "A volume needs two slices at least.");
    }
    const auto& o = *any.orientation;
    orient(geometry_, unit({o[0], o[1], o[2]}), unit({o[3], o[4], o[5]}));
    put_in_order();
    check_tilt();
    set_spacing();
    judge_gaps();
    check_size(limits);
    say_how_it_was_stored();
    return std::move(geometry_);
  }

 private:
  const Slice& slice(std::size_t index) const { return contents_.slices[index]; }
  const Vec3& first() const { return *slice(geometry_.order.front()).position; }
  const Vec3& last() const { return *slice(geometry_.order.back()).position; }

  void put_in_order() {
    std::vector<std::pair<double, std::size_t>> heights;
    for (std::size_t i : series_.slices) {
      heights.emplace_back(dot(*slice(i).position, geometry_.normal), i);
    }
    std::sort(heights.begin(), heights.end());
    for (const auto& [height, index] : heights) {
      geometry_.positions.push_back(height);
      geometry_.order.push_back(index);
    }
    geometry_.first_position = first();
  }

  void check_tilt() {
    const Vec3 stack = subtract(last(), first());
    if (length(stack) < kTooClose) {
      throw Error(Code::inconsistent_geometry, "All slices lie at the same position.");
    }
    geometry_.tilt_degrees = angle_between_lines(unit(stack), geometry_.normal);
    const std::string tilt = fmt::format(
        "The slices are sheared by {:.1f} degrees against the line they are stacked along "
        "(gantry tilt)",
        geometry_.tilt_degrees);
    if (geometry_.tilt_degrees > kTiltAccepted) {
      throw Error(Code::gantry_tilt,
                  fmt::format("{}; at most {:.0f} degrees are accepted.", tilt, kTiltAccepted));
    }
    if (geometry_.tilt_degrees > kTiltWorthSaying) {
      geometry_.warnings.push_back(tilt + "; taken as it is.");
    }
    check_straight(stack);
  }

  /// A slice off the line from the first to the last is one of another volume, or moved.
  void check_straight(const Vec3& stack) {
    const auto& spacing = *slice(series_.slices.front()).pixel_spacing;
    // As far as the accepted tilt moves a slice, and at least a pixel.
    const double accepted =
        std::max({spacing[0], spacing[1], length(stack) * std::sin(kTiltAccepted / kDegrees)});
    const Vec3 direction = unit(stack);
    for (std::size_t i : geometry_.order) {
      const Vec3 from_first = subtract(*slice(i).position, first());
      const Vec3 off = subtract(from_first, scale(direction, dot(from_first, direction)));
      if (length(off) <= accepted) continue;
      throw Error(Code::inconsistent_geometry,
                  fmt::format("The slice at {:.1f} mm lies {:.1f} mm off the line through the "
                              "first and the last slice; at most {:.1f} mm are accepted.",
                              dot(*slice(i).position, geometry_.normal), length(off), accepted));
    }
  }

  void set_spacing() {
    const auto& pixel = *slice(series_.slices.front()).pixel_spacing;  // between rows, columns
    geometry_.slices = static_cast<int64_t>(geometry_.order.size());
    geometry_.spacing = {
        length(subtract(last(), first())) / static_cast<double>(geometry_.slices - 1),
        geometry_.transposed ? pixel[1] : pixel[0], geometry_.transposed ? pixel[0] : pixel[1]};
  }

  void judge_gaps() {
    const std::vector<double>& at = geometry_.positions;
    std::vector<double> gaps(at.size() - 1);
    for (std::size_t i = 0; i < gaps.size(); ++i) gaps[i] = at[i + 1] - at[i];
    const double usual = median(gaps);
    if (usual < kTooClose) refuse_uneven(0, gaps[0], usual);
    const auto even = [&](double gap) {
      return std::abs(gap - usual) <= kEvenAbsolute + kEvenRelative * gap;
    };
    if (std::all_of(gaps.begin(), gaps.end(), even)) return;

    std::vector<std::size_t> missing;
    std::size_t uneven = 0;
    for (std::size_t i = 0; i < gaps.size(); ++i) {
      const double off = std::abs(gaps[i] - usual);
      if (even(gaps[i])) continue;
      if (off <= kResampledRelative * usual) {
        ++uneven;
      } else if (std::abs(gaps[i] - kOneMissing * usual) <= kResampledRelative * usual) {
        missing.push_back(i);
      } else if (gaps[i] > kOneMissing * usual) {
        refuse_missing(i, gaps[i], usual);
      } else {
        refuse_uneven(i, gaps[i], usual);
      }
    }
    check_number_missing(missing, gaps.size(), usual);
    resample(missing, uneven, usual);
  }

  [[noreturn]] void refuse_missing(std::size_t i, double gap, double usual) const {
    throw Error(Code::missing_slices,
                fmt::format("About {:.0f} slices in a row are missing between {:.1f} and {:.1f} mm "
                            "({:.2f} mm apart, elsewhere {:.2f} mm); one can be filled in.",
                            gap / usual - 1, geometry_.positions[i], geometry_.positions[i + 1],
                            gap, usual));
  }

  [[noreturn]] void refuse_uneven(std::size_t i, double gap, double usual) const {
    throw Error(Code::uneven_spacing,
                fmt::format("The slices at {:.1f} and {:.1f} mm are {:.2f} mm apart, most others "
                            "{:.2f} mm; up to {:.0f} % of difference can be resampled.",
                            geometry_.positions[i], geometry_.positions[i + 1], gap, usual,
                            kResampledRelative * 100));
  }

  void check_number_missing(const std::vector<std::size_t>& missing, std::size_t gaps,
                            double usual) const {
    const std::size_t accepted = std::max<std::size_t>(1, gaps / kGapsForOneMissing);
    if (missing.size() <= accepted) return;
    throw Error(Code::missing_slices,
                fmt::format("{} slices are missing, the first of them after {:.1f} mm (slices are "
                            "{:.2f} mm apart); at most {} can be filled in.",
                            missing.size(), geometry_.positions[missing.front()], usual, accepted));
  }

  void resample(const std::vector<std::size_t>& missing, std::size_t uneven, double usual) {
    const double steps = (geometry_.positions.back() - geometry_.positions.front()) / usual;
    geometry_.resampled = true;
    geometry_.slices = std::llround(steps) + 1;
    geometry_.spacing[0] =
        length(subtract(last(), first())) / static_cast<double>(geometry_.slices - 1);
    for (std::size_t i : missing) {
      geometry_.warnings.push_back(
          fmt::format("A slice is missing between {:.1f} and {:.1f} mm; it was filled in from its "
                      "neighbours.",
                      geometry_.positions[i], geometry_.positions[i + 1]));
    }
    if (uneven > 0) {
      geometry_.warnings.push_back(fmt::format(
          "{} between slices of {} {} from the usual {:.2f} mm; the slices were "
          "resampled to {:.2f} mm.",
          uneven == 1 ? "The distance" : "Distances", counted(static_cast<int64_t>(uneven), "pair"),
          uneven == 1 ? "differs" : "differ", usual, geometry_.spacing[0]));
    }
  }

  void check_size(const Limits& limits) const {
    const int64_t voxels = geometry_.slices * series_.rows * series_.columns;
    if (voxels <= limits.max_voxels) return;
    throw Error(Code::image_too_large,
                fmt::format("The series has {} x {} x {} voxels, over the limit of {}.",
                            geometry_.slices, series_.rows, series_.columns, limits.max_voxels));
  }

  void say_how_it_was_stored() {
    if (!geometry_.flip_rows && !geometry_.flip_columns && !geometry_.transposed) return;
    geometry_.warnings.push_back(
        "The images were stored turned or mirrored (prone, feet first or flipped axes) and were "
        "brought to the usual orientation.");
  }

  const Contents& contents_;
  const Series& series_;
  Geometry geometry_;
};

}  // namespace

Geometry plan_geometry(const Contents& contents, const Series& series, const Limits& limits) {
  return Plan(contents, series).make(limits);
}

std::vector<std::vector<Share>> shares(const Geometry& geometry) {
  std::vector<std::vector<Share>> all(geometry.order.size());
  if (!geometry.resampled) {
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = {{static_cast<int64_t>(i), 1.0F}};
    return all;
  }
  const std::vector<double>& at = geometry.positions;
  const double step = (at.back() - at.front()) / static_cast<double>(geometry.slices - 1);
  std::size_t below = 0;  // the last stored slice that lies not above the slice of the volume
  for (int64_t k = 0; k < geometry.slices; ++k) {
    const double height = at.front() + static_cast<double>(k) * step;
    while (below + 2 < at.size() && at[below + 1] <= height) ++below;
    const double above_part =
        std::clamp((height - at[below]) / (at[below + 1] - at[below]), 0.0, 1.0);
    const auto weight = static_cast<float>(above_part);
    if (weight < 1) all[below].push_back({k, 1 - weight});
    if (weight > 0) all[below + 1].push_back({k, weight});
  }
  return all;
}

}  // namespace ctclip
