#pragma once

#include <filesystem>
#include <vector>

#include "batch/table.h"

namespace ctclip::batch {

/// The rows of several batches together: of the shards of one, or of batches of different folders.
/// `parts`: journals, or results with their journal beside them. Throws Error{usage}: which part
/// and why, where a shard is missing, given twice or of another batch, where a batch did not come
/// to its end (unless `partial`), and where a study is in two of them.
Table merge(const std::vector<std::filesystem::path>& parts, bool partial);

}  // namespace ctclip::batch
