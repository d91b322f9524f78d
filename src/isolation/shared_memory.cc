#include "isolation/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "isolation/pack.h"

#ifndef MFD_NOEXEC_SEAL  // Linux 6.3; the headers of Debian 12 are older than many kernels
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace ctclip::isolation {
namespace {

/// A tensor over `bytes` of `file`; the mapping goes with it. Throws std::bad_alloc.
Tensor map(int file, Shape shape, std::size_t bytes, int flags) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  std::shared_ptr<void> owner(data, [bytes](void* mapped) { munmap(mapped, bytes); });
  return Tensor::over(std::move(shape), static_cast<float*>(data), std::move(owner));
}

std::size_t bytes_of(const Shape& shape) {
  return std::max<std::size_t>(static_cast<std::size_t>(element_count(shape)) * sizeof(float), 1);
}

/// Every product on the way is within `most`, so none can overflow.
void require_plausible(const std::array<int64_t, 3>& shape, int64_t most) {
  int64_t voxels = 1;
  for (const int64_t size : shape) {
    if (size < 1 || size > most / voxels) throw Malformed("a volume of an impossible shape");
    voxels *= size;
  }
}

}  // namespace

Descriptor make_shared_memory() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int file = memfd_create("ctclip-volume", kFlags | MFD_NOEXEC_SEAL);
  if (file < 0 && errno == EINVAL) file = memfd_create("ctclip-volume", kFlags);
  if (file < 0) {
    throw Error(Code::internal, "The system gives no shared memory: " +
                                    std::generic_category().message(errno) + ".");
  }
  return Descriptor(file);
}

VolumeMemory memory_in(int file) {
  return [file](Shape shape) {
    const std::size_t bytes = bytes_of(shape);
    if (ftruncate(file, static_cast<off_t>(bytes)) != 0) throw std::bad_alloc();
    return map(file, std::move(shape), bytes, MAP_SHARED);
  };
}

Tensor take_volume(int file, const std::array<int64_t, 3>& shape, int64_t most) {
  require_plausible(shape, most);
  Shape whole(shape.begin(), shape.end());
  const std::size_t bytes = bytes_of(whole);
  struct stat facts {};
  if (fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    throw Malformed("memory that somebody still writes to");
  }
  if (fstat(file, &facts) != 0 || static_cast<std::size_t>(facts.st_size) != bytes) {
    throw Malformed("memory of another size than the volume's");
  }
  return map(file, std::move(whole), bytes, MAP_PRIVATE);
}

}  // namespace ctclip::isolation
