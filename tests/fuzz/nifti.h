#pragma once

#include "study/nifti.h"

#include <cmath>
#include <cstdlib>

#include "fuzz/fuzz.h"

namespace ctclip::fuzz {

/// Reads a NIfTI file of these bytes; what is taken must be numbers.
inline void read_volume(std::span<const uint8_t> bytes) {
  Limits limits;
  limits.inflated_bytes = 1 << 22;
  limits.max_matrix = 256;
  limits.max_voxels = 1 << 20;
  const MemoryFile file(bytes);
  Watch watch;
  may_refuse([&] {
    const Assembly assembly = read_nifti(file.path(), limits, watch);
    const Tensor& hu = assembly.volume.hu;
    for (int64_t i = 0; i < hu.size(); ++i) {
      if (!std::isfinite(hu.data()[i])) std::abort();
    }
  });
}

}  // namespace ctclip::fuzz
