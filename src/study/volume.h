#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/tensor.h"

namespace ctclip {

/// A CT volume in Hounsfield units, brought to the orientation that the networks know:
/// axis 0 slices towards the head, axis 1 rows towards the patient's back, axis 2 columns towards
/// the left (the LPS directions of DICOM PS3.3 C.7.6.2). Immutable once assembled.
struct Volume {
  Tensor hu;  ///< (slices, rows, columns), finite
  std::array<float, 3> spacing =
      {};  ///< mm between slices, rows, columns; float32 as in a NIfTI pixdim
  /// Row-major 3x4: (slice, row, column, 1) indices -> LPS mm. What export and anomaly maps write
  /// back.
  std::array<double, 12> to_patient = {};
};

/// Makes the memory that a volume's voxels are decoded into, nothing written yet.
using VolumeMemory = std::function<Tensor(Shape)>;

}  // namespace ctclip
