#include "server/random_name.h"

#include <sys/random.h>
#include <sys/types.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include "base/error.h"
#include "base/hex.h"

namespace ctclip {

std::string random_name() {
  std::array<uint8_t, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw Error(Code::internal, "The system gives no random numbers: " +
                                    std::generic_category().message(errno) + ".");
  }
  return hex(bytes);
}

}  // namespace ctclip
