#include "checkpoint/zip_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace ctclip {
namespace {

constexpr uint64_t kEndSize = 22;
constexpr uint64_t kLocatorSize = 20;
constexpr uint64_t kMaxComment = 65535;
constexpr uint64_t kMaxDirectory = uint64_t{64} << 20U;
constexpr std::size_t kEntrySize = 46;
constexpr std::size_t kHeaderSize = 30;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kZip64EndSignature = 0x06064b50;
constexpr uint32_t kLocatorSignature = 0x07064b50;
constexpr uint32_t kEntrySignature = 0x02014b50;
constexpr uint32_t kHeaderSignature = 0x04034b50;
constexpr uint64_t kIn64 = 0xffffffff;
constexpr uint16_t kZip64Field = 1;

using Bytes = std::span<const std::byte>;

uint64_t field(Bytes bytes, std::size_t offset, std::size_t size) {
  return little_endian(bytes.subspan(offset, size));
}

/// Sizes and place that did not fit in 32 bits are in an extra field, in this order.
bool apply_zip64(Bytes extra, ZipDirectory::Record& record) {
  while (extra.size() >= 4) {
    const std::size_t size = field(extra, 2, 2);
    if (size > extra.size() - 4) return false;
    if (field(extra, 0, 2) == kZip64Field) {
      Bytes values = extra.subspan(4, size);
      for (uint64_t* value : {&record.size, &record.packed_size, &record.header}) {
        if (*value != kIn64) continue;
        if (values.size() < 8) return false;
        *value = field(values, 0, 8);
        values = values.subspan(8);
      }
      return true;
    }
    extra = extra.subspan(4 + size);
  }
  return true;
}

}  // namespace

ZipDirectory::ZipDirectory(const ModelFile& file) : file_(file) { read_entries(find_end()); }

ZipDirectory::End ZipDirectory::find_end() const {
  const uint64_t tail = std::min(file_.size(), kEndSize + kMaxComment);
  const uint64_t begin = file_.size() - tail;
  std::vector<std::byte> bytes(tail);
  file_.read(begin, bytes);
  for (uint64_t at = tail < kEndSize ? 0 : tail - kEndSize + 1; at-- > 0;) {
    const Bytes record = Bytes(bytes).subspan(at);
    if (field(record, 0, 4) != kEndSignature) continue;
    const End end{field(record, 10, 2), field(record, 12, 4), field(record, 16, 4)};
    const bool has_locator =
        at >= kLocatorSize && field(bytes, at - kLocatorSize, 4) == kLocatorSignature;
    return has_locator ? zip64_end(begin + at - kLocatorSize) : end;
  }
  file_.refuse(fmt::format(
      "begins as a ZIP archive but its directory is missing at the end (byte {}): the file is cut",
      file_.size()));
}

ZipDirectory::End ZipDirectory::zip64_end(uint64_t locator) const {
  std::array<std::byte, kLocatorSize> pointer{};
  file_.read(locator, pointer);
  std::array<std::byte, 56> record{};
  file_.read(field(pointer, 8, 8), record);
  if (field(record, 0, 4) != kZip64EndSignature) file_.refuse("has a damaged zip64 directory");
  return {field(record, 32, 8), field(record, 40, 8), field(record, 48, 8)};
}

void ZipDirectory::read_entries(const End& end) {
  if (end.size > kMaxDirectory || end.offset > file_.size() ||
      end.size > file_.size() - end.offset || end.entries > end.size / kEntrySize) {
    file_.refuse(fmt::format("has a damaged ZIP directory: {} entries in {} bytes at byte {} of {}",
                             end.entries, end.size, end.offset, file_.size()));
  }
  std::vector<std::byte> bytes(end.size);
  file_.read(end.offset, bytes);
  Bytes rest = bytes;
  for (uint64_t i = 0; i < end.entries; ++i) {
    if (rest.size() < kEntrySize || field(rest, 0, 4) != kEntrySignature) {
      file_.refuse(fmt::format("has a damaged ZIP directory at entry {}", i));
    }
    const std::size_t name_size = field(rest, 28, 2);
    const std::size_t extra_size = field(rest, 30, 2);
    const std::size_t size = kEntrySize + name_size + extra_size + field(rest, 32, 2);
    if (size > rest.size()) file_.refuse(fmt::format("has a damaged ZIP directory at entry {}", i));
    Record record{field(rest, 42, 4), field(rest, 24, 4), field(rest, 20, 4),
                  static_cast<uint16_t>(field(rest, 10, 2)),
                  static_cast<uint16_t>(field(rest, 8, 2))};
    if (!apply_zip64(rest.subspan(kEntrySize + name_size, extra_size), record)) {
      file_.refuse(fmt::format("has a damaged ZIP directory at entry {}", i));
    }
    std::string name(reinterpret_cast<const char*>(rest.data()) + kEntrySize, name_size);
    if (!records_.emplace(name, record).second) {
      file_.refuse("holds the record '" + quotable(name) + "' twice");
    }
    rest = rest.subspan(size);
  }
}

ZipDirectory::Extent ZipDirectory::locate(const std::string& name) const {
  const auto found = records_.find(name);
  const std::string quoted = "record '" + quotable(name) + "'";
  if (found == records_.end()) file_.refuse(quoted + " is missing");
  const Record& record = found->second;
  if ((record.flags & 1U) != 0) file_.refuse(quoted + " is encrypted");
  if (record.method != 0 || record.size != record.packed_size) {
    file_.refuse(
        fmt::format("{} is compressed (method {}), expected stored as torch.save does; was the "
                    "file zipped anew?",
                    quoted, record.method));
  }
  std::array<std::byte, kHeaderSize> header{};
  file_.read(record.header, header);
  if (field(header, 0, 4) != kHeaderSignature) {
    file_.refuse(
        fmt::format("{} is not at byte {}, where the directory has it", quoted, record.header));
  }
  const uint64_t offset = record.header + kHeaderSize + field(header, 26, 2) + field(header, 28, 2);
  if (offset > file_.size() || record.size > file_.size() - offset) {
    file_.refuse(quoted + " reaches beyond the end of the file: the file is cut");
  }
  return {offset, record.size};
}

}  // namespace ctclip
