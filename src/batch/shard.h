#pragma once

#include <string>
#include <string_view>

namespace ctclip::batch {

/// Part `index` of `count` of a batch, from 1: what one job of an array on a cluster does.
struct Shard {
  int index = 1, count = 1;
  bool operator==(const Shard&) const = default;
};

/// "2/4". Throws Error{usage}.
Shard parse_shard(const std::string& text);
std::string to_string(const Shard& shard);

/// Whether a study belongs to the shard, by a hash of its path within the input (FNV-1a, mixed):
/// adding or removing one study moves no other, and every machine finds the same.
bool in_shard(std::string_view path, const Shard& shard);

}  // namespace ctclip::batch
