#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "study/raw_image.h"
#include "study/slice.h"

namespace ctclip {

/// Every 16-bit cell's Hounsfield units: HU = stored * slope + intercept in double, rounded to
/// float. Bits outside BitsStored are dropped, signed values are sign-extended. Padding (a stored
/// value equal to PixelPaddingValue or between it and PixelPaddingRangeLimit, or a cell with just
/// those 16 bits) was never measured: it becomes the lower of what the formula gives and -1024 HU,
/// so that it is never denser than air. A padding value that means -1000 to 3071 HU is disregarded:
/// it is tissue. For one thread.
class HuTable {
 public:
  void prepare(const PixelCell& cell, const Slice& slice);
  void look_up(std::span<const uint16_t> cells, std::span<float> hu) const;

 private:
  struct Key {
    PixelCell cell;
    double slope = 0, intercept = 0;
    std::optional<int32_t> padding, padding_limit;
    bool operator==(const Key&) const = default;
  };

  Key key_;  // a slope of 0 never is a slice's
  std::vector<float> hu_;
};

}  // namespace ctclip
