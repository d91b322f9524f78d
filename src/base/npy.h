#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "base/tensor.h"

namespace ctclip {

/// An array of a .npy file (NumPy format 1.0 to 3.0), C or Fortran order on disk, C order here.
/// Every numeric and bool dtype is read; the values are widened to double, exact but for 64-bit
/// integers beyond 2^53.
struct NpyArray {
  Shape shape;
  std::string dtype;  ///< as in the file: "<f4"
  std::vector<double> values;

  /// Narrowed to float32.
  Tensor tensor() const;
};

/// Throws Error{bad_parameter}: the file, what was expected, what was found.
NpyArray read_npy(const std::filesystem::path& path);
/// float32, version 1.0, C order. Throws Error{internal} where the disk refuses.
void write_npy(const std::filesystem::path& path, const Tensor& tensor);
/// The same into a stream, whose state tells whether it was written.
void write_npy(std::ostream& out, const Tensor& tensor);

}  // namespace ctclip
