#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/tensor.h"

namespace ctclip {

struct TensorSpec {
  std::string name;
  Shape shape;
  std::string dtype;  ///< "float32" or "int64"
};

/// Writes what torch.save would: a zip container (zip64 throughout) with pickle protocol 2 and an
/// OrderedDict of float32 or int64 tensors, under "model_state_dict" beside "target_pathologies"
/// where that list is not empty, else as the map itself. `fill` is asked for one tensor at a time
/// (4 bytes a value for float32, 8 for int64); only one is in memory. The file appears under its
/// name only when it is whole. Throws Error{internal} where the disk refuses,
/// std::invalid_argument for another dtype.
void write_checkpoint(const std::filesystem::path& path, std::span<const TensorSpec> tensors,
                      const std::vector<std::string>& target_pathologies,
                      const std::function<void(const TensorSpec&, std::span<std::byte>)>& fill);

}  // namespace ctclip
