#pragma once

#include <memory>

#include "checkpoint/checkpoint.h"
#include "checkpoint/model_file.h"
#include "checkpoint/stored_tensors.h"

namespace ctclip {

/// The readers behind Checkpoint::open. Each throws Error{bad_model}.

/// torch.save since 1.6: a ZIP of a pickle and one stored record for each storage.
std::shared_ptr<const Checkpoint> open_torch_zip(const std::shared_ptr<const ModelFile>& file);
/// torch.save before 1.6: five pickles, then the storages one behind the other.
std::shared_ptr<const Checkpoint> open_torch_legacy(const std::shared_ptr<const ModelFile>& file);
/// Whether a file begins as one of the next: a length that a pickle could not begin with (its upper
/// half is 0), then '{'.
bool is_safetensors(const ModelFile& file);
/// https://github.com/huggingface/safetensors: a length, a JSON header, the tensors.
std::shared_ptr<const StoredCheckpoint> open_safetensors(
    const std::shared_ptr<const ModelFile>& file);
/// What `file` is where it is a pack (checkpoint/packed.h), else itself.
std::shared_ptr<const Checkpoint> open_packed(std::shared_ptr<const StoredCheckpoint> file);

}  // namespace ctclip
