#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "study/vec3.h"

namespace ctclip {

/// Datatype codes of the NIfTI-1 standard (nifti1.h) that hold one real number for a voxel.
enum class NiftiType : int32_t {
  uint8 = 2,
  int16 = 4,
  int32 = 8,
  float32 = 16,
  float64 = 64,
  int8 = 256,
  uint16 = 512,
  uint32 = 768,
  int64 = 1024,
  uint64 = 1280,
};

/// How the array lies in the patient: directions of the voxel axes with the step in mm as length,
/// and the place of voxel (0, 0, 0); LPS, unlike the file, which has RAS.
struct NiftiFrame {
  Vec3 i = {}, j = {}, k = {}, origin = {};
};

/// What is used of a NIfTI-1 or NIfTI-2 header.
struct NiftiHeader {
  bool swapped = false;  ///< the other byte order than this machine's
  std::array<int64_t, 3> size = {};
  NiftiType type = NiftiType::int16;
  int64_t data_offset = 0;            ///< of the inflated bytes
  double slope = 1, intercept = 0;    ///< 1 and 0 where the header says none
  std::array<double, 3> pixdim = {};  ///< mm along i, j, k
  NiftiFrame frame;
  bool has_frame = false;  ///< false: neither sform nor qform; `frame` is the one assumed
};

inline constexpr std::size_t kNifti1Bytes = 348, kNifti2Bytes = 540;

/// Bytes of a header whose first four are given: kNifti1Bytes, kNifti2Bytes, or 0 for neither.
std::size_t nifti_header_bytes(std::span<const std::byte, 4> start);

/// `bytes` is as long as nifti_header_bytes says. Throws Error{damaged_nifti} for what cannot be
/// read: another magic, more than three dimensions, sizes below 1, types of several numbers.
NiftiHeader parse_nifti_header(std::span<const std::byte> bytes);

std::size_t bytes_of(NiftiType type);

}  // namespace ctclip
