#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "base/parallel.h"
#include "nn/engine.h"
#include "pipeline/bundle.h"

namespace ctclip {

/// Writes a bundle that gives the same answers and starts in no time: every checkpoint as a pack
/// (checkpoint/packed.h) for this machine, in each of `precisions`, of which f32 is always one; the
/// small files as they are. `out` must not exist; it appears under its name when it is whole and on
/// the disk. `tell` hears of each file before it is packed. Builds one network at a time. Throws
/// Error{bad_model} as loading would, Error{usage} where `out` exists, Error{internal} where the
/// disk refuses.
void pack_bundle(const Bundle& bundle, const std::filesystem::path& out,
                 const std::vector<nn::Precision>& precisions, ThreadPool& pool,
                 const std::function<void(Role)>& tell);

}  // namespace ctclip
