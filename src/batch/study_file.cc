#include "batch/study_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <utf8proc.h>

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "study/source.h"
#include "study/study_uid.h"

namespace ctclip::batch {
namespace {

enum class Name { archive, volume, image, bare, other };

Name judge_name(std::string name) {
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (name.ends_with(".zip")) return Name::archive;
  if (name.ends_with(".nii") || name.ends_with(".nii.gz")) return Name::volume;
  if (name.ends_with(".dcm")) return Name::image;
  return name.find('.') == std::string::npos ? Name::bare : Name::other;
}

Format format_in(const std::filesystem::path& file) {
  try {
    return sniff(file);
  } catch (const Error&) {  // it cannot be opened: its name alone says what it was meant to be
    return Format::unknown;
  }
}

bool is_alone(Format format, Name name) {
  if (format == Format::nifti || format == Format::nifti_gz) return true;
  if (format == Format::zip) return name != Name::other;
  return format != Format::dicom && (name == Name::archive || name == Name::volume);
}

}  // namespace

bool is_passed_over(const std::string& name) {
  return name.starts_with('.') || name == "__MACOSX" || name == "DICOMDIR";
}

std::optional<StudyFile> judge_file(const std::filesystem::path& input, const std::string& path,
                                    const Limits& limits) {
  const std::filesystem::path file = input / path;
  struct stat facts {};
  if (stat(file.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
  StudyFile found{path, false, {}, facts.st_size, 0};
  found.modified = int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec;
  const Format format = format_in(file);
  const Name name = judge_name(file.filename().string());
  found.alone = is_alone(format, name);
  if (found.alone) return found;
  if (format == Format::dicom) {
    const auto uid = study_uid_of(file, limits);
    if (!uid) return std::nullopt;
    found.study_uid = *uid;
    return found;
  }
  return name == Name::image ? std::optional(found) : std::nullopt;
}

std::string as_text(const std::string& path) {
  std::string text;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(path.data());
  for (std::size_t at = 0; at < path.size();) {
    utf8proc_int32_t point = 0;
    const auto left = static_cast<utf8proc_ssize_t>(path.size() - at);
    const utf8proc_ssize_t length = utf8proc_iterate(bytes + at, left, &point);
    if (length > 0) {
      text.append(path, at, static_cast<std::size_t>(length));
      at += static_cast<std::size_t>(length);
    } else {
      text += fmt::format("\\x{:02X}", bytes[at++]);
    }
  }
  return text;
}

}  // namespace ctclip::batch
