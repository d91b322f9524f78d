#include "batch/shard.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

#include "base/error.h"

namespace ctclip::batch {
namespace {

/// FNV-1a of 64 bits (draft-eastlake-fnv), then the finaliser of MurmurHash3, as the low bits of
/// FNV alone are weak for short paths that differ in one digit.
uint64_t hash(std::string_view text) {
  uint64_t value = 0xcbf29ce484222325;
  for (const char c : text) {
    value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  value = (value ^ value >> 33U) * 0xff51afd7ed558ccd;
  value = (value ^ value >> 33U) * 0xc4ceb9fe1a85ec53;
  return value ^ value >> 33U;
}

}  // namespace

Shard parse_shard(const std::string& text) {
  Shard shard;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, shard.index);
  const bool slash = first.ec == std::errc() && first.ptr != end && *first.ptr == '/';
  const auto second = slash ? std::from_chars(first.ptr + 1, end, shard.count) : first;
  if (!slash || second.ec != std::errc() || second.ptr != end || shard.index < 1 ||
      shard.count < shard.index) {
    throw Error(Code::usage, fmt::format("--shard: expected i/n with 1 <= i <= n, for example 2/4, "
                                         "found \"{}\"",
                                         text));
  }
  return shard;
}

std::string to_string(const Shard& shard) { return fmt::format("{}/{}", shard.index, shard.count); }

bool in_shard(std::string_view path, const Shard& shard) {
  return hash(path) % static_cast<uint64_t>(shard.count) == static_cast<uint64_t>(shard.index - 1);
}

}  // namespace ctclip::batch
