#pragma once

#include <array>
#include <cstdint>

#include "base/descriptor.h"
#include "study/volume.h"

namespace ctclip::isolation {

/// Memory that has a descriptor and no name (memfd_create), for a volume to travel from one process
/// to another without a copy. It is gone with its last descriptor and mapping.
/// Throws Error{internal} where the system gives none.
Descriptor make_shared_memory();

/// The writer's side: a volume's memory in `file`. Throws std::bad_alloc where there is not that
/// much.
VolumeMemory memory_in(int file);

/// The other side, once the writer is dead: seals the file, so that nobody can write to it or
/// shorten it any more, and maps it. Throws Malformed where it is not exactly of that shape or
/// somebody still has it mapped for writing; `most`: voxels that are taken.
Tensor take_volume(int file, const std::array<int64_t, 3>& shape, int64_t most);

}  // namespace ctclip::isolation
