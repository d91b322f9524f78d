#include "study/hu_table.h"

#include <algorithm>

namespace ctclip {
namespace {

constexpr double kPaddingHu = -1024;  // air, as scanners with intercept -1024 store it

int32_t stored_value(uint32_t bits, const PixelCell& cell) {
  const uint32_t mask = (uint32_t{1} << cell.bits_stored) - 1;
  const uint32_t value = bits >> (cell.high_bit + 1 - cell.bits_stored) & mask;
  const uint32_t sign = uint32_t{1} << (cell.bits_stored - 1);
  const bool is_negative = cell.is_signed && (value & sign) != 0;
  return static_cast<int32_t>(value) - (is_negative ? static_cast<int32_t>(mask) + 1 : 0);
}

double hu_of(int32_t stored, const Slice& slice) { return stored * slice.slope + slice.intercept; }

/// What a scanner measures between air and the densest bone of a 12-bit scale. Some writers say
/// that 0 is padding where 0 is water.
bool is_tissue(double hu) { return hu > -1000 && hu <= 3071; }

bool is_padding(uint32_t bits, int32_t stored, const Slice& slice) {
  if (!slice.padding) return false;
  const int32_t limit = slice.padding_limit.value_or(*slice.padding);
  const int32_t low = std::min(*slice.padding, limit), high = std::max(*slice.padding, limit);
  const bool in_range = stored >= low && stored <= high;
  const bool same_bits = static_cast<uint16_t>(*slice.padding) == bits;
  return (in_range && !is_tissue(hu_of(stored, slice))) ||
         (same_bits && !is_tissue(hu_of(*slice.padding, slice)));
}

}  // namespace

PixelCell cell_of(const Slice& slice) {
  const bool plausible =
      slice.high_bit + 1 >= slice.bits_stored && slice.high_bit < slice.bits_allocated;
  return {slice.bits_stored, plausible ? slice.high_bit : slice.bits_stored - 1, slice.is_signed};
}

void HuTable::prepare(const PixelCell& cell, const Slice& slice) {
  const Key key = {cell, slice.slope, slice.intercept, slice.padding, slice.padding_limit};
  if (key == key_) return;
  key_ = key;
  constexpr uint32_t kCells = 1 << 16;
  hu_.resize(kCells);
  for (uint32_t bits = 0; bits < kCells; ++bits) {
    const int32_t stored = stored_value(bits, cell);
    const double hu = hu_of(stored, slice);
    hu_[bits] = static_cast<float>(is_padding(bits, stored, slice) ? std::min(hu, kPaddingHu) : hu);
  }
}

void HuTable::look_up(std::span<const uint16_t> cells, std::span<float> hu) const {
  std::ranges::transform(cells, hu.begin(), [this](uint16_t bits) { return hu_[bits]; });
}

}  // namespace ctclip
