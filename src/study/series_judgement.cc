#include "study/series_judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "study/series_rules.h"
#include "study/vec3.h"

namespace ctclip {
namespace {

using Indices = std::vector<std::size_t>;

constexpr int64_t kStrays = 3;          // images of another frame that may be left out
constexpr double kSamePosition = 1e-3;  // mm; finer than any decimal string of a scanner

/// The commonest value; the smallest of several equally common ones.
template <typename Key>
Key commonest(const std::map<Key, int64_t>& counts) {
  const auto best =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
        return std::make_tuple(a.second, b.first) < std::make_tuple(b.second, a.first);
      });
  return best == counts.end() ? Key{} : best->first;
}

template <typename Get>
std::string commonest_text(const Contents& contents, const Indices& slices, const Get& get) {
  std::map<std::string, int64_t> counts;
  for (std::size_t i : slices) ++counts[get(contents.slices[i])];
  return commonest(counts);
}

std::string kernel_text(const Slice& slice) {
  std::string text;
  for (const std::string& value : slice.convolution_kernel) {
    text += (text.empty() ? "" : "\\") + value;
  }
  return text.empty() ? slice.filter_type : text;
}

/// One series on its way from files to slices of one volume. Every step leaves `series_.slices`
/// shorter or sets `series_.refusal` and ends the judgement; none depends on the order of the
/// files.
class Judgement {
 public:
  Judgement(const Contents& contents, const Limits& limits, const Indices& group)
      : contents_(contents), limits_(limits), all_(group) {
    std::sort(all_.begin(), all_.end(), [&](std::size_t a, std::size_t b) { return before(a, b); });
  }

  Series judge() {
    describe(all_);
    leave_out_what_is_no_slice();
    drop_copies();
    if (enough() && of_one_frame() && axial() && drop_overlaps() && enough() && not_too_many()) {
      series_.candidate = true;
    }
    return std::move(series_);
  }

 private:
  const Slice& slice(std::size_t index) const { return contents_.slices[index]; }

  /// Which of two copies comes first must not depend on the files' order as long as anything in
  /// their headers differs.
  bool before(std::size_t a, std::size_t b) const {
    const auto key = [&](std::size_t i) {
      const Slice& s = slice(i);
      return std::tie(s.sop_uid, s.frame, s.defect, s.position, s.orientation, s.pixel_spacing,
                      s.slope, s.intercept, s.file);
    };
    return key(a) < key(b);
  }

  void describe(const Indices& slices) {
    const Slice& first = slice(slices.front());
    series_.study_uid = first.study_uid;
    series_.series_uid = first.series_uid;
    series_.modality = commonest_text(contents_, slices, [](auto& s) { return s.modality; });
    series_.body_part = commonest_text(contents_, slices, [](auto& s) { return s.body_part; });
    series_.kernel = commonest_text(contents_, slices, kernel_text);
    for (std::size_t i : slices) {
      const Slice& s = slice(i);
      if (kernel_text(s) != series_.kernel) continue;
      series_.kernel_class = classify_kernel(s.convolution_kernel, s.filter_type);
      break;
    }
    series_.rows = first.rows;
    series_.columns = first.columns;
  }

  void leave_out_what_is_no_slice() {
    for (std::size_t i : all_) {
      if (const auto why = omission(slice(i), limits_)) {
        ++left_out_[{why->code, why->reason}];
        ++series_.invalid;
      } else {
        series_.slices.push_back(i);
      }
    }
    if (!series_.slices.empty()) describe(series_.slices);
  }

  void drop_copies() {
    const auto same = [&](std::size_t a, std::size_t b) {
      return slice(a).sop_uid == slice(b).sop_uid && slice(a).frame == slice(b).frame;
    };
    Indices& slices = series_.slices;
    const auto end = std::unique(slices.begin(), slices.end(), same);
    copies_ = slices.end() - end;
    series_.duplicates += copies_;
    slices.erase(end, slices.end());
  }

  bool enough() {
    const auto count = static_cast<int64_t>(series_.slices.size());
    if (count >= limits_.min_slices) return true;
    const auto& [code, why] = commonest(left_out_);
    const std::string found = counted(count, "valid slice") + ", at least " +
                              std::to_string(limits_.min_slices) + " are needed";
    if (series_.invalid > count) {
      return refuse(
          count == 0 ? code : Code::too_few_slices,
          fmt::format("{}; {} left out: {}", found, counted(series_.invalid, "image"), why));
    }
    return refuse(Code::too_few_slices, found);
  }

  /// Matrix, orientation and pixel spacing of the first slice of the largest group of equal ones.
  std::size_t commonest_frame() const {
    using Frame = std::tuple<int32_t, int32_t, std::array<int64_t, 6>, std::array<int64_t, 2>>;
    const auto rounded = [](double x, double unit) { return std::llround(x / unit); };
    const auto frame = [&](std::size_t i) {
      const Slice& s = slice(i);
      Frame f{s.rows, s.columns, {}, {}};
      for (std::size_t k = 0; k < 6; ++k) std::get<2>(f)[k] = rounded((*s.orientation)[k], 1e-3);
      for (std::size_t k = 0; k < 2; ++k) std::get<3>(f)[k] = rounded((*s.pixel_spacing)[k], 1e-4);
      return f;
    };
    std::map<Frame, int64_t> counts;
    for (std::size_t i : series_.slices) ++counts[frame(i)];
    const Frame best = commonest(counts);
    return *std::find_if(series_.slices.begin(), series_.slices.end(),
                         [&](std::size_t i) { return frame(i) == best; });
  }

  bool of_one_frame() {
    const std::size_t model = commonest_frame();
    Indices& slices = series_.slices;
    const auto strays =
        std::erase_if(slices, [&](std::size_t i) { return !same_frame(slice(i), slice(model)); });
    describe(slices);
    if (static_cast<int64_t>(strays) > kStrays) {
      return refuse(
          Code::inconsistent_geometry,
          fmt::format("the images are not all of one size, orientation and pixel spacing: "
                      "{} are, {} are not",
                      slices.size(), strays));
    }
    if (strays > 0) {
      series_.invalid += static_cast<int64_t>(strays);
      ++left_out_[{Code::inconsistent_geometry, "another size or orientation"}];
      series_.warnings.push_back(counted(static_cast<int64_t>(strays), "image") +
                                 " of another size or orientation left out of the series.");
    }
    return true;
  }

  bool axial() {
    if (is_axial(slice(series_.slices.front()))) return true;
    return refuse(Code::no_axial_series,
                  fmt::format("the slices are not axial within {:.0f} degrees", kAxialDegrees));
  }

  bool drop_overlaps() {
    const auto& o = *slice(series_.slices.front()).orientation;
    const Vec3 normal = cross({o[0], o[1], o[2]}, {o[3], o[4], o[5]});
    const auto height = [&](std::size_t i) { return dot(*slice(i).position, normal); };
    Indices kept = series_.slices;  // stable: of equal heights the smaller SOPInstanceUID is first
    std::stable_sort(kept.begin(), kept.end(),
                     [&](std::size_t a, std::size_t b) { return height(a) < height(b); });
    const auto same = [&](std::size_t a, std::size_t b) {
      return length(subtract(*slice(a).position, *slice(b).position)) < kSamePosition;
    };
    Indices unique;
    std::set<std::size_t> crowded;
    for (std::size_t i : kept) {
      if (unique.empty() || !same(unique.back(), i)) {
        unique.push_back(i);
      } else {
        crowded.insert(unique.back());
      }
    }
    return judge_overlaps(std::move(unique), static_cast<int64_t>(crowded.size()));
  }

  bool judge_overlaps(Indices unique, int64_t crowded) {
    const auto positions = static_cast<int64_t>(unique.size());
    const auto overlaps = static_cast<int64_t>(series_.slices.size()) - positions;
    series_.slices = std::move(unique);
    series_.duplicates += overlaps;
    if (crowded > 1 && crowded * 10 > positions) {
      return refuse(Code::inconsistent_geometry,
                    fmt::format("{} of {} positions hold several different images (phases or "
                                "reconstructions in one series), and nothing says which to take",
                                crowded, positions));
    }
    if (overlaps > 0) {
      series_.warnings.push_back(counted(overlaps, "image") +
                                 " at the position of another dropped from the series.");
    }
    if (copies_ > 0) {
      series_.warnings.push_back(counted(copies_, "image") +
                                 " with the SOPInstanceUID of another dropped from the series.");
    }
    return true;
  }

  bool not_too_many() {
    if (static_cast<int64_t>(series_.slices.size()) <= limits_.max_slices) return true;
    return refuse(Code::too_many_slices, fmt::format("{} slices, at most {} are taken",
                                                     series_.slices.size(), limits_.max_slices));
  }

  bool refuse(Code code, std::string reason) {
    series_.refusal = code;
    series_.reason = std::move(reason);
    return false;
  }

  const Contents& contents_;
  const Limits& limits_;
  Indices all_;
  Series series_;
  int64_t copies_ = 0;
  std::map<std::pair<Code, std::string>, int64_t> left_out_;
};

}  // namespace

Series judge_series(const Contents& contents, const Limits& limits,
                    const std::vector<std::size_t>& group) {
  return Judgement(contents, limits, group).judge();
}

}  // namespace ctclip
