#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/error.h"

namespace ctclip::fuzz {

/// An input as a file without a disk, for interfaces that take a path. Gone with the object.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const uint8_t> bytes)
      : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)) {
    while (!bytes.empty()) {
      const ssize_t written = write(descriptor_.get(), bytes.data(), bytes.size());
      if (written <= 0) std::abort();  // the machine's fault, not the input's
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }
  std::filesystem::path path() const {
    return "/proc/self/fd/" + std::to_string(descriptor_.get());
  }

 private:
  Descriptor descriptor_;
};

inline std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Runs what may refuse the input: with an Error, and with nothing else.
template <typename Body>
void may_refuse(Body body) {
  try {
    body();
  } catch (const Error& error) {
    if (error.code() == Code::internal) throw;  // ours, by its own word
  }
}

}  // namespace ctclip::fuzz
