#pragma once

#include "checkpoint/checkpoint.h"

#include "fuzz/fuzz.h"

namespace ctclip::fuzz {

/// Opens a model file of these bytes and reads every tensor that it names.
inline void read_checkpoint(std::span<const uint8_t> bytes) {
  const MemoryFile file(bytes);
  may_refuse([&] {
    const auto checkpoint = Checkpoint::open(file.path());
    for (const std::string& name : checkpoint->names()) {
      may_refuse([&] {
        if (checkpoint->read(name).shape() != checkpoint->entry(name).shape) std::abort();
      });
    }
    may_refuse([&] { checkpoint->strings("target_pathologies"); });
  });
}

}  // namespace ctclip::fuzz
