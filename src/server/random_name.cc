#include "server/random_name.h"

#include <sys/random.h>
#include <sys/types.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "base/error.h"

namespace ctclip {

std::string random_name() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw Error(Code::internal, "The system gives no random numbers: " +
                                    std::generic_category().message(errno) + ".");
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string name;
  for (const unsigned char byte : bytes) {
    name += kDigits[byte >> 4];
    name += kDigits[byte & 15];
  }
  return name;
}

}  // namespace ctclip
