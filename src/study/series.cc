#include "study/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "study/series_judgement.h"
#include "study/series_rules.h"

namespace ctclip {
namespace {

std::string_view name_of(KernelClass kernel_class) {
  switch (kernel_class) {
    case KernelClass::lung:
      return "lung kernel";
    case KernelClass::standard:
      return "standard kernel";
    case KernelClass::other:
      break;
  }
  return "another kernel";
}

/// Candidates first, then lung before standard before other kernels, then most slices, then the
/// smaller UID (compared as text).
bool better(const Series& a, const Series& b) {
  const auto key = [](const Series& s) {
    return std::make_tuple(!s.candidate, s.candidate ? s.kernel_class : KernelClass::other,
                           -static_cast<int64_t>(s.slices.size()), std::cref(s.series_uid).get(),
                           std::cref(s.study_uid).get());
  };
  return key(a) < key(b);
}

/// A series of another study than was asked for is no candidate, whatever it is.
void leave_out_other_studies(std::vector<Series>& all, const std::string& study_uid) {
  for (Series& series : all) {
    if (series.study_uid == study_uid || !series.candidate) continue;
    series.candidate = false;
    series.refusal = Code::series_not_found;
    series.reason = "another study was asked for";
  }
}

std::vector<Series> judge_all(const Contents& contents, const Limits& limits,
                              const std::string& study_uid) {
  std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < contents.slices.size(); ++i) {
    const Slice& slice = contents.slices[i];
    groups[{slice.study_uid, slice.series_uid}].push_back(i);
  }
  std::vector<Series> all;
  all.reserve(groups.size());
  for (const auto& [uids, group] : groups) all.push_back(judge_series(contents, limits, group));
  if (!study_uid.empty()) leave_out_other_studies(all, study_uid);
  std::sort(all.begin(), all.end(), better);
  return all;
}

/// "lung kernel FC51, 143 slices"
std::string describe(const Series& series) {
  const std::string slices = counted(static_cast<int64_t>(series.slices.size()), "slice");
  if (series.kernel.empty()) return fmt::format("no kernel named, {}", slices);
  return fmt::format("{} {}, {}", name_of(series.kernel_class), printable(series.kernel), slices);
}

std::string why_not(const Series& series, const Series& chosen, bool asked_for) {
  const auto sentence = [&](std::string_view why) {
    return fmt::format("A candidate ({}), not taken: {}.", describe(series), why);
  };
  if (asked_for) return sentence("another series was asked for");
  if (series.kernel_class != chosen.kernel_class) {
    return sentence(fmt::format("a series with a {} comes first", name_of(chosen.kernel_class)));
  }
  if (series.slices.size() != chosen.slices.size()) {
    return sentence(fmt::format("the chosen series has more slices ({})", chosen.slices.size()));
  }
  return sentence("of equal series the one with the smaller UID is taken");
}

void explain(Choice& choice, bool asked_for) {
  for (Series& series : choice.series) {
    if (series.refusal) {
      series.reason = fmt::format("No candidate: {}.", series.reason);
    } else if (series.chosen) {
      series.reason =
          fmt::format("Chosen{}: {}.", asked_for ? ", as asked for" : "", describe(series));
    } else if (choice.chosen) {
      series.reason = why_not(series, choice.series[*choice.chosen], asked_for);
    } else {
      series.reason = fmt::format("A candidate ({}).", describe(series));
    }
  }
}

Error nothing_found(const Contents& contents) {
  return {Code::no_dicom,
          fmt::format("No DICOM image was found: {} without image, {} hidden, {} DICOMDIR, {} that "
                      "are no DICOM.",
                      counted(contents.no_image, "file"), contents.hidden, contents.dicomdir,
                      contents.not_dicom)};
}

/// How far a series got on its way to a candidate: the refusal of the one that got furthest says
/// most.
std::size_t progress(Code code) {
  constexpr std::array kOrder = {Code::not_ct,
                                 Code::no_axial_series,
                                 Code::missing_uid,
                                 Code::too_few_slices,
                                 Code::missing_geometry,
                                 Code::image_too_large,
                                 Code::inconsistent_geometry,
                                 Code::too_many_slices};
  const auto found = std::find(kOrder.begin(), kOrder.end(), code);
  return static_cast<std::size_t>(found - kOrder.begin());
}

Error refusal(const Contents& contents, const std::vector<Series>& series) {
  if (series.empty()) return nothing_found(contents);
  const auto key = [](const Series& s) {
    return std::make_tuple(progress(*s.refusal), s.slices.size(), s.invalid);
  };
  // The first of equals, and `series` is in an order that depends on nothing but the series.
  const auto& best =
      *std::max_element(series.begin(), series.end(),
                        [&](const Series& a, const Series& b) { return key(a) < key(b); });
  const std::string others =
      series.size() == 1 ? "" : fmt::format(" (the best of {} series)", series.size());
  return {*best.refusal, fmt::format("No series can be used{}: {}.", others, best.reason)};
}

/// Why the study that was asked for cannot be answered.
Error study_refusal(const Contents& contents, std::vector<Series> series,
                    const std::string& study_uid) {
  std::erase_if(series, [&](const Series& s) { return s.study_uid != study_uid; });
  if (!series.empty()) return refusal(contents, series);
  return {Code::series_not_found, "The study asked for by its StudyInstanceUID is not there."};
}

Error not_usable(const std::vector<Series>& series, const std::string& uid) {
  const auto found = std::find_if(series.begin(), series.end(),
                                  [&](const Series& s) { return s.series_uid == uid; });
  if (found == series.end()) {
    return {Code::series_not_found,
            fmt::format("The series asked for is not in the study, which has {} series.",
                        series.size())};
  }
  return {Code::series_not_found,
          fmt::format("The series asked for is no candidate: {}.", found->reason)};
}

void warn_of_other_studies(Choice& choice, const std::string& chosen) {
  std::vector<std::string> of_series;
  for (const Series& series : choice.series) of_series.push_back(series.study_uid);
  std::string warning = other_studies_warning(other_studies(of_series, chosen));
  if (!warning.empty()) choice.warnings.push_back(std::move(warning));
}

/// They belong to none of the studies, and cannot be asked for.
void warn_of_images_without_study(Choice& choice) {
  int64_t images = 0;
  for (const Series& series : choice.series) {
    if (!series.study_uid.empty()) continue;
    images += series.invalid + static_cast<int64_t>(series.slices.size());
  }
  if (images == 0) return;
  choice.warnings.push_back(fmt::format("{} without a StudyInstanceUID {} not looked at.",
                                        counted(images, "image"), images == 1 ? "was" : "were"));
}

/// BodyPartExamined is often wrong, so it only warns; the image decides (lungs.h).
void warn_of_body_part(Choice& choice, const Series& chosen) {
  constexpr std::array<std::string_view, 8> kChest = {"CHEST", "THORA", "LUNG",  "HEART",
                                                      "CARD",  "TRUNK", "TORSO", "BODY"};
  std::string part = chosen.body_part;
  std::transform(part.begin(), part.end(), part.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const bool names_chest = std::any_of(kChest.begin(), kChest.end(), [&](std::string_view word) {
    return part.find(word) != std::string::npos;
  });
  if (part.empty() || names_chest) return;
  choice.warnings.push_back(fmt::format(
      "BodyPartExamined says {}, not the chest; the image decides.", printable(chosen.body_part)));
}

/// The best candidate, or the best with the UID that was asked for.
std::optional<std::size_t> pick(const std::vector<Series>& series, const std::string& uid) {
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (series[i].candidate && (uid.empty() || series[i].series_uid == uid)) return i;
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> other_studies(const std::vector<std::string>& of_series,
                                       const std::string& study_uid) {
  const std::set<std::string> studies(of_series.begin(), of_series.end());
  std::vector<std::string> others(studies.begin(), studies.end());
  std::erase_if(others, [&](const std::string& uid) { return uid.empty() || uid == study_uid; });
  return others;
}

std::string other_studies_warning(const std::vector<std::string>& others) {
  if (others.empty()) return {};
  constexpr std::size_t kShown = 10, kLongestUid = 64;
  std::string list;
  for (std::size_t i = 0; i < std::min(kShown, others.size()); ++i) {
    list += (i > 0 ? ", " : "") + others[i].substr(0, kLongestUid);
  }
  return fmt::format("The archive holds {} more {}, which {} not looked at: {}{}.", others.size(),
                     others.size() == 1 ? "study" : "studies", others.size() == 1 ? "was" : "were",
                     list, others.size() > kShown ? ", ..." : "");
}

Choice choose_series(const Contents& contents, const Limits& limits, const std::string& series_uid,
                     const std::string& study_uid) {
  Choice choice;
  choice.series = judge_all(contents, limits, study_uid);
  choice.chosen = pick(choice.series, series_uid);
  if (choice.chosen) {
    Series& chosen = choice.series[*choice.chosen];
    chosen.chosen = true;
    choice.warnings = chosen.warnings;
    if (study_uid.empty()) warn_of_other_studies(choice, chosen.study_uid);
    warn_of_images_without_study(choice);
    warn_of_body_part(choice, chosen);
  } else if (choice.series.empty() || (series_uid.empty() && study_uid.empty())) {
    choice.refusal = refusal(contents, choice.series);
  } else if (series_uid.empty()) {
    choice.refusal = study_refusal(contents, choice.series, study_uid);
  } else {
    choice.refusal = not_usable(choice.series, series_uid);
  }
  explain(choice, !series_uid.empty());
  return choice;
}

}  // namespace ctclip
