#pragma once

#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>

#include "fuzz/fuzz.h"
#include "study/slice.h"
#include "study_testing.h"

namespace ctclip::fuzz {

/// Small, so that what is slow or large by the input's own word is refused and not waited for.
inline Limits small_limits() {
  Limits limits;
  limits.inflated_bytes = 1 << 22;
  limits.entries = 64;
  limits.header_bytes = 1 << 16;
  limits.max_matrix = 256;
  limits.max_slices = 64;
  return limits;
}

/// Scans a source and decodes each valid slice by itself. What is taken must be an image of the
/// size that its header says, of numbers.
inline void decode_slices(const Source& source, const Limits& limits) {
  static ThreadPool pool(1);
  Watch watch;
  const Contents contents = scan(source, limits, pool, watch);
  for (const Slice& slice : contents.slices) {
    if (!slice.defect.empty()) continue;
    const Slice* const one = &slice;
    const auto pixels =
        static_cast<std::size_t>(slice.rows) * static_cast<std::size_t>(slice.columns);
    may_refuse([&] {
      decode(source, {&one, 1}, limits, [&](std::size_t, std::span<const float> hu) {
        if (hu.size() != pixels) std::abort();
        for (const float value : hu) {
          if (!std::isfinite(value)) std::abort();
        }
      });
    });
  }
}

/// The same of one DICOM file.
inline void decode_everything(std::string bytes) {
  static const Limits kLimits = small_limits();
  const ctclip::testing::MemorySource source(std::move(bytes));
  may_refuse([&] { decode_slices(source, kLimits); });
}

}  // namespace ctclip::fuzz
