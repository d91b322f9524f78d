#pragma once

#include <cstdint>
#include <string>

namespace ctclip::isolation {

/// What a process that reads one study may take.
struct Allowance {
  uint64_t memory = 0;      ///< bytes of address space on top of what it has now
  int threads = 1;          ///< that allocate: room for the C library's arenas of each
  uint64_t file_bytes = 0;  ///< that a file may grow to: the shared volume
  uint64_t seconds = 0;     ///< of processor time
};

/// Sets the limits for this process, for good. A sanitizer's address space cannot be bounded: there
/// the memory is not. Throws Error{internal} where the system refuses.
void limit_resources(const Allowance& allowance);

/// From here on this process, with every thread that it has, can reach nothing but its memory and
/// the descriptors that are open: the one `socket` it may send on, the one file `volume` it may set
/// the size of. No file can be opened, no socket made, no process or thread started, no memory made
/// executable, no other process seen or signalled: such calls fail with EPERM, those of another
/// architecture end the process. No new privileges, no core dump, no debugger.
///
/// Returns why the kernel has no filter of system calls for it (seccomp); empty where it is in
/// force. Everything else holds either way.
std::string close_sandbox(int socket, int volume);

}  // namespace ctclip::isolation
