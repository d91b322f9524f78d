#include "phantom/uid.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/error.h"

namespace ctclip::phantom {
namespace {

using Uuid = std::array<uint8_t, 16>;

// The name space of phantoms: a random UUID, made once.
constexpr Uuid kNameSpace = {0x6f, 0x1d, 0x8a, 0x52, 0x0b, 0xe4, 0x4c, 0x37,
                             0x9d, 0x25, 0x71, 0xc8, 0x3e, 0xa6, 0x90, 0x4f};

Uuid named_uuid(std::string_view name) {
  std::string text(kNameSpace.begin(), kNameSpace.end());
  text += name;
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest;
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr) != 1) {
    throw Error(Code::internal, "OpenSSL refuses to make a SHA-1 hash.");
  }
  Uuid uuid;
  std::copy_n(digest.begin(), uuid.size(), uuid.begin());
  uuid[6] = static_cast<uint8_t>((uuid[6] & 0x0fU) | 0x50U);
  uuid[8] = static_cast<uint8_t>((uuid[8] & 0x3fU) | 0x80U);
  return uuid;
}

/// The 128 bits as one decimal number: long division by ten.
std::string decimal(Uuid number) {
  std::string digits;
  const auto is_zero = [](uint8_t byte) { return byte == 0; };
  do {
    unsigned rest = 0;
    for (uint8_t& byte : number) {
      const unsigned value = rest * 256 + byte;
      byte = static_cast<uint8_t>(value / 10);
      rest = value % 10;
    }
    digits.push_back(static_cast<char>('0' + rest));
  } while (!std::all_of(number.begin(), number.end(), is_zero));
  std::reverse(digits.begin(), digits.end());
  return digits;
}

}  // namespace

std::string uid_of(std::string_view name) { return "2.25." + decimal(named_uuid(name)); }

}  // namespace ctclip::phantom
