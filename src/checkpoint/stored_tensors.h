#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/dtype.h"
#include "checkpoint/model_file.h"

namespace ctclip {

/// Where a tensor's elements lie in the file: element (i, j, ..) is number
/// `first + i * stride[0] + j * stride[1] + ..` of the storage that begins at byte `storage`.
struct StoredTensor {
  DType dtype = DType::float32;
  Shape shape;
  std::vector<int64_t> stride;
  uint64_t storage = 0;
  int64_t storage_elements = 0;
  int64_t first = 0;
};

/// What lies beside the tensors, by its key; nothing where that is no list of strings.
using StringLists = std::map<std::string, std::optional<std::vector<std::string>>>;

/// A checkpoint whose tensors lie unpacked in the file, which all formats have in common.
class StoredCheckpoint : public Checkpoint {
 public:
  /// `lists`: the lists of strings beside the state dict.
  StoredCheckpoint(std::shared_ptr<const ModelFile> file, StringLists lists);

  /// Throws Error{bad_model} where the name exists or the elements are not all in the storage, or
  /// the storage in the file.
  void add(const std::string& name, StoredTensor tensor);

  Tensor read(const std::string& name) const override;
  std::vector<std::string> strings(const std::string& key) const override;

  const ModelFile& file() const { return *file_; }
  const StoredTensor& stored(const std::string& name) const { return tensors_.at(name); }

 private:
  std::shared_ptr<const ModelFile> file_;
  StringLists lists_;
  std::map<std::string, StoredTensor> tensors_;
};

/// Product of the dimensions; -1 where one is negative or the product does not fit. The dimensions
/// beside a 0 must fit too, so that strides can be computed of any shape that passes.
int64_t safe_element_count(const Shape& shape);

/// Strides of a row-major array; only of a shape whose `safe_element_count` is not -1.
std::vector<int64_t> row_major_strides(const Shape& shape);

}  // namespace ctclip
