#pragma once

#include <cstdint>

namespace ctclip {

/// What one study may cost. Sizes are counted as the bytes come; a header's claim is only ever used
/// to refuse.
struct Limits {
  /// Bytes that may inflate from next to nothing: small studies of a phantom do.
  static constexpr uint64_t kHarmless = uint64_t{256} << 20;

  uint64_t upload_bytes = uint64_t{1} << 30;  ///< the guide recommends 500 MB at most
  uint64_t inflated_bytes = uint64_t{8}
                            << 30;  ///< 10,000 uncompressed slices of 512x512 and as much again
  uint64_t entries = 100'000;  ///< files in an archive or folder; a large PACS export has 20,000
  uint64_t header_bytes = uint64_t{4} << 20;  ///< of one DICOM file before its pixel data
  int32_t min_slices = 20;                    ///< the guide: 20 valid slices
  int32_t max_slices = 5'000;                 ///< 0.25 mm slices of a 1.2 m scan
  int32_t max_matrix = 4'096;                 ///< rows or columns; CT scanners make 256 to 2,048
  uint16_t ratio = 250;                       ///< inflated to archive; CT deflates to a third
  uint16_t depth = 32;                        ///< folders inside one another; a PACS makes five
  int64_t max_voxels = int64_t{800} << 20;    ///< 3.1 GiB of float32; 1024x1024x800
};

}  // namespace ctclip
