#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checkpoint/pickle.h"
#include "checkpoint/stored_tensors.h"

/// What a pickle written by torch.save means: torch/_utils.py, torch/serialization.py.
namespace ctclip::torch {

/// A persistent id: ("storage", torch.FloatStorage, key, location, elements[, view]). The location
/// ("cuda:0") is of no interest.
struct StorageId {
  std::string key;
  std::optional<DType> dtype;  ///< none for untyped and quantised storages
  uint64_t element_size = 1;
  int64_t elements = 0;
  int64_t first = 0;  ///< element at which it begins in the storage of that key (old files)
};

/// Nothing for a persistent id of another kind (a module's source text); throws Error{bad_model}
/// where it is damaged.
std::optional<StorageId> storage_id(const pickle::Document& document, pickle::Ref ref,
                                    const ModelFile& file);

struct StateTensor {
  std::string name;
  StorageId storage;
  StoredTensor tensor;  ///< all but the place of the storage in the file
};

struct State {
  std::vector<StateTensor> tensors;  ///< in the order of the dict
  StringLists lists;
};

/// Finds the state dict below `root` and its tensors; what else is there is left alone.
/// Throws Error{bad_model} where there is none.
State read_state(const pickle::Document& document, pickle::Ref root, const ModelFile& file);

}  // namespace ctclip::torch
