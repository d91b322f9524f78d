#include "study/zip_directory.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

namespace ctclip {
namespace {

constexpr std::string_view kEnd = "PK\x05\x06";
constexpr std::size_t kEndSize = 22;            // end of central directory, without its comment
constexpr std::size_t kLocatorSize = 20;        // zip64 locator, right before it
constexpr std::size_t kZip64EndSize = 56;       // zip64 end of central directory
constexpr std::size_t kLongestComment = 65535;  // of the archive, after the end record

uint64_t little_endian(std::string_view bytes, std::size_t at, std::size_t width) {
  uint64_t value = 0;
  for (std::size_t i = width; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

/// Up to `size` bytes from `offset` on.
std::string read_at(const InputFile& file, uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  bytes.resize(file.read(offset, std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

/// Entries by the zip64 record that the locator before the end record points to.
std::optional<uint64_t> zip64_entries(const InputFile& file, std::string_view before_end) {
  if (before_end.size() < kLocatorSize) return std::nullopt;
  const std::string_view locator = before_end.substr(before_end.size() - kLocatorSize);
  if (!locator.starts_with("PK\x06\x07")) return std::nullopt;
  const std::string record = read_at(file, little_endian(locator, 8, 8), kZip64EndSize);
  if (record.size() < kZip64EndSize || !record.starts_with("PK\x06\x06")) return std::nullopt;
  return little_endian(record, 32, 8);
}

}  // namespace

std::optional<uint64_t> claimed_zip_entries(const InputFile& archive) {
  const uint64_t size = archive.size();
  const auto tail_size =
      static_cast<std::size_t>(std::min<uint64_t>(size, kLongestComment + kEndSize + kLocatorSize));
  const std::string tail = read_at(archive, size - tail_size, tail_size);
  std::optional<uint64_t> most;
  for (std::size_t end = tail.find(kEnd); end != std::string::npos;
       end = tail.find(kEnd, end + 1)) {
    if (tail.size() - end < kEndSize) break;
    const uint64_t entries = zip64_entries(archive, std::string_view(tail).substr(0, end))
                                 .value_or(little_endian(tail, end + 10, 2));
    most = std::max(most.value_or(0), entries);
  }
  return most;
}

}  // namespace ctclip
