#include "study/source.h"

#include <fmt/format.h>

#include <array>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "study/byte_format.h"
#include "study/folder_source.h"
#include "study/zip_source.h"

namespace ctclip {

std::string Source::label(std::size_t file) const {
  const std::string whole_path = path(file);
  const std::string_view name = base_name(whole_path);
  if (!is_harmless_name(name)) return fmt::format("file {} of {}", file + 1, size());
  return fmt::format("file {} of {} ({})", file + 1, size(), name);
}

Format sniff(const std::filesystem::path& file) { return sniff(InputFile(file)); }

Format sniff(const InputFile& file) {
  // A gzip header may carry a long file name before the data that tell.
  std::array<std::byte, 4096> head = {};
  return format_of(std::span(head).first(file.read(0, head)));
}

std::unique_ptr<Source> open_source(const std::filesystem::path& input, const Limits& limits) {
  std::error_code error;
  if (std::filesystem::is_directory(input, error)) return open_folder(input, limits);
  return open_source(std::make_shared<InputFile>(input), limits);
}

std::unique_ptr<Source> open_source(std::shared_ptr<const InputFile> input, const Limits& limits) {
  switch (sniff(*input)) {
    case Format::empty:
      throw Error(Code::empty_upload, "The file is empty: expected a ZIP archive of DICOM files.");
    case Format::zip:
      return open_zip(std::move(input), limits);
    case Format::dicom:
      return open_single_file(std::move(input), limits);
    default:
      throw Error(Code::unsupported_format,
                  "The file is no ZIP archive and no DICOM file, judged by its first bytes.");
  }
}

}  // namespace ctclip
