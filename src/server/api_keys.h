#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "server/identity.h"

namespace ctclip {

// The file of API keys: a line for each, `ID SCOPES sha256:HEX`, and comments behind '#'. The keys
// themselves are in no file. They are 256 bits from the system's generator, never chosen by a
// person, so nobody finds one from its SHA-256: a salt or a slow hash would protect nothing here,
// and would let strangers make the service compute.

using KeyHash = std::array<uint8_t, 32>;

struct ApiKey {
  std::string id;
  Scopes scopes;
  KeyHash hash{};
};

KeyHash hash_of(std::string_view key);

/// Throws Error{usage}: it cannot be read, others than its owner and group may read it or others
/// than its owner may write it, or the line that makes no sense.
std::vector<ApiKey> read_keys(const std::filesystem::path& file);

/// Makes a key and adds its line; the file is made where it is missing, mode 0600. Returns the key,
/// which cannot be had again. Throws Error{usage}, also where the id is there already or is not 1
/// to 64 of A-Z, a-z, 0-9, '.', '_' and '-'.
std::string add_key(const std::filesystem::path& file, const std::string& id, Scopes scopes);

/// Like add_key(), but appends the key to the file `out` as a line of its own. `out` is made if it
/// is missing, mode 0600. Throws Error{usage} also if others than its owner may read or write
/// `out`, or it cannot be written; then there is no such key.
void add_key_into(const std::filesystem::path& out, const std::filesystem::path& file,
                  const std::string& id, Scopes scopes);

/// Throws Error{usage}, also if there is no such id.
void remove_key(const std::filesystem::path& file, const std::string& id);

}  // namespace ctclip
