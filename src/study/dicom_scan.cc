#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <iterator>
#include <string_view>

#include "base/error.h"
#include "study/byte_format.h"
#include "study/dicom_reader.h"
#include "study/slice.h"
#include "study/slice_header.h"

namespace ctclip {
namespace {

enum class Kind { image, hidden, dicomdir, not_dicom, no_image };

struct FileContents {
  Kind kind = Kind::image;
  std::vector<Slice> slices;
};

/// A component that starts with '.', or the folder in which macOS keeps its resource forks.
bool is_hidden(std::string_view path) {
  while (!path.empty()) {
    const std::size_t end = std::min(path.find_first_of("/\\"), path.size());
    const std::string_view part = path.substr(0, end);
    // "." and ".." hide nothing: an entry called ../../x is a file called x.
    if (part == "__MACOSX" || (part.starts_with('.') && part != "." && part != "..")) return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

bool is_dicomdir_name(std::string_view name) {
  return std::ranges::equal(name, std::string_view("DICOMDIR"), [](unsigned char a, char b) {
    return static_cast<char>(std::toupper(a)) == b;
  });
}

FileContents scan_file(const Source& source, std::size_t file, const Limits& limits) {
  const std::string path = source.path(file);
  if (is_hidden(path)) return {Kind::hidden, {}};
  if (is_dicomdir_name(base_name(path))) return {Kind::dicomdir, {}};
  const std::unique_ptr<ByteStream> stream = source.open(file);
  const DicomReader reader(*stream, limits.header_bytes);
  if (!reader.is_dicom()) return {Kind::not_dicom, {}};
  if (reader.is_dicomdir()) return {Kind::dicomdir, {}};
  std::vector<Slice> slices = read_slices(reader, file, limits);
  const Kind kind = slices.empty() ? Kind::no_image : Kind::image;
  return {kind, std::move(slices)};
}

/// Bounds the memory that all the slices together take.
void require_slices_within(uint64_t slices, const Limits& limits) {
  if (slices <= limits.entries) return;
  throw Error(Code::too_many_slices,
              fmt::format("The study has more than {} images.", limits.entries));
}

void add(FileContents&& file, Contents& contents) {
  switch (file.kind) {
    case Kind::image:
      std::ranges::move(file.slices, std::back_inserter(contents.slices));
      break;
    case Kind::hidden:
      ++contents.hidden;
      break;
    case Kind::dicomdir:
      ++contents.dicomdir;
      break;
    case Kind::not_dicom:
      ++contents.not_dicom;
      break;
    case Kind::no_image:
      ++contents.no_image;
      break;
  }
}

}  // namespace

Contents scan(const Source& source, const Limits& limits, ThreadPool& pool, Watch& watch) {
  const auto count = static_cast<int64_t>(source.size());
  std::vector<FileContents> files(source.size());
  std::atomic<uint64_t> slices = 0;
  pool.run(count, [&](int64_t i) {
    FileContents& file = files[static_cast<std::size_t>(i)];
    file = scan_file(source, static_cast<std::size_t>(i), limits);
    require_slices_within(slices += file.slices.size(), limits);
    watch.step(count);
  });
  Contents contents;
  contents.slices.reserve(slices);
  for (FileContents& file : files) add(std::move(file), contents);
  contents.images = static_cast<int64_t>(contents.slices.size());
  return contents;
}

}  // namespace ctclip
