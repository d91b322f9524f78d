#include "base/blocked_layout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <cstring>

#include "base/bfloat16.h"
#include "base/split.h"

namespace ctclip {
namespace {

constexpr std::string_view kPacked = "packed ";
constexpr std::size_t kMostAxes = 5;
constexpr int64_t kLargest = int64_t{1} << 40;  // of a size or stride: their sums fit

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kLargest) {
    return {};
  }
  return value;
}

/// "1024,512" -> {1024, 512}; nothing where a part is no number.
std::optional<std::vector<int64_t>> numbers(std::string_view text) {
  std::vector<int64_t> result;
  while (!text.empty()) {
    const auto value = number(take_until(text, ","));
    if (!value) return {};
    result.push_back(*value);
  }
  return result;
}

std::optional<std::vector<BlockedLayout::Block>> blocks_of(std::string_view text,
                                                           std::size_t axes) {
  std::vector<BlockedLayout::Block> result;
  while (!text.empty()) {
    const std::string_view part = take_until(text, ",");
    const std::size_t at = part.find('@');
    if (at == std::string_view::npos) return {};
    const auto size = number(part.substr(0, at));
    const auto axis = number(part.substr(at + 1));
    if (!size || !axis || *size < 1 || static_cast<std::size_t>(*axis) >= axes) return {};
    result.push_back({static_cast<std::size_t>(*axis), *size});
  }
  return result;
}

float element(const std::byte* data, uint64_t index, bool bf16) {
  if (bf16) {
    Bfloat16 half = 0;
    std::memcpy(&half, data + index * 2, sizeof half);
    return widen_bf16(half);
  }
  float value = 0;
  std::memcpy(&value, data + index * 4, sizeof value);
  return value;
}

using Index = std::array<uint64_t, kMostAxes>;

/// Unsigned, so that a text that lies gives some number, which is then compared with what is held.
uint64_t place(const BlockedLayout& layout, Index index) {
  uint64_t offset = 0;
  uint64_t step = 1;
  for (std::size_t i = layout.blocks.size(); i-- > 0;) {
    const auto size = static_cast<uint64_t>(layout.blocks[i].size);
    uint64_t& left = index.at(layout.blocks[i].axis);
    offset += left % size * step;
    left /= size;
    step *= size;
  }
  for (std::size_t axis = 0; axis < layout.stride.size(); ++axis) {
    offset += index.at(axis) * static_cast<uint64_t>(layout.stride[axis]);
  }
  return offset;
}

}  // namespace

std::string BlockedLayout::text() const {
  std::vector<std::string> parts;
  for (const auto& [axis, size] : blocks) parts.push_back(fmt::format("{}@{}", size, axis));
  return fmt::format("{}{} {} {} {}", kPacked, bf16 ? "bf16" : "f32", fmt::join(shape, ","),
                     fmt::join(stride, ","), fmt::join(parts, ","));
}

std::optional<BlockedLayout> BlockedLayout::parse(std::string_view text) {
  if (!text.starts_with(kPacked)) return {};
  text.remove_prefix(kPacked.size());
  BlockedLayout layout;
  const std::string_view type = take_until(text, " ");
  if (type != "bf16" && type != "f32") return {};
  layout.bf16 = type == "bf16";
  const auto shape = numbers(take_until(text, " "));
  const auto stride = numbers(take_until(text, " "));
  if (!shape || !stride || shape->size() != stride->size() || shape->size() > kMostAxes) return {};
  const auto blocks = blocks_of(text, shape->size());
  if (!blocks || blocks->size() > 2 * kMostAxes) return {};
  layout.shape = *shape;
  layout.stride = *stride;
  layout.blocks = *blocks;
  return layout;
}

std::optional<Tensor> BlockedLayout::unpack(const std::byte* data, std::size_t size) const {
  const uint64_t held = size / (bf16 ? 2 : 4);
  int64_t count = 1;
  for (const int64_t length : shape) {
    if (__builtin_mul_overflow(count, length, &count)) return {};
    if (static_cast<uint64_t>(count) > held) return {};
  }
  Tensor result = Tensor::uninitialised(shape);
  Index index{};
  float* out = result.data();
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t at = place(*this, index);
    if (at >= held) return {};
    out[i] = element(data, at, bf16);
    for (std::size_t axis = shape.size(); axis-- > 0;) {  // the next index, as an odometer
      if (++index.at(axis) != static_cast<uint64_t>(shape[axis])) break;
      index.at(axis) = 0;
    }
  }
  return result;
}

}  // namespace ctclip
