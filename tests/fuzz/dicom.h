#pragma once

#include <cmath>
#include <cstdlib>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

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

/// Decodes some slices of one file. What is taken must be images of the size that their headers
/// say, of numbers.
inline void decode_some(const Source& source, std::span<const Slice* const> slices,
                        const Limits& limits) {
  may_refuse([&] {
    decode(source, slices, limits, [&](std::size_t index, std::span<const float> hu) {
      const Slice& slice = *slices[index];
      const auto pixels =
          static_cast<std::size_t>(slice.rows) * static_cast<std::size_t>(slice.columns);
      if (hu.size() != pixels) std::abort();
      for (const float value : hu) {
        if (!std::isfinite(value)) std::abort();
      }
    });
  });
}

/// Scans a source and decodes every valid slice: of each file the last one by itself, and all.
inline void decode_slices(const Source& source, const Limits& limits) {
  static ThreadPool pool(1);
  Watch watch;
  const Contents contents = scan(source, limits, pool, watch);
  std::map<std::size_t, std::vector<const Slice*>> files;
  for (const Slice& slice : contents.slices) {
    if (slice.defect.empty()) files[slice.file].push_back(&slice);
  }
  for (const auto& [file, slices] : files) {
    if (slices.size() > 1) decode_some(source, std::span(slices).last(1), limits);
    decode_some(source, slices, limits);
  }
}

/// The same of one DICOM file.
inline void decode_everything(std::string bytes) {
  static const Limits kLimits = small_limits();
  const ctclip::testing::MemorySource source(std::move(bytes));
  may_refuse([&] { decode_slices(source, kLimits); });
}

}  // namespace ctclip::fuzz
