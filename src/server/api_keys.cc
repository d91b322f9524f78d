#include "server/api_keys.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "base/error.h"
#include "base/hex.h"
#include "base/sha256.h"
#include "server/private_file.h"
#include "server/text.h"

namespace ctclip {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "ctclip_";  // what scanners for leaked secrets look for
constexpr std::string_view kHashPrefix = "sha256:";

PrivateFile keys_file(const fs::path& file) {
  return {file, "file of API keys", S_IRWXO | S_IWGRP,
          "a file that only its owner may change and only its group may read beside it (chmod "
          "u=rw,g=r,o= or less)"};
}
PrivateFile key_file(const fs::path& file) {
  return {file, "file for the new key", S_IRWXG | S_IRWXO,
          "a file that nobody but its owner may read or change (chmod 600)"};
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::optional<KeyHash> parse_hash(std::string_view text) {
  KeyHash hash{};
  if (!text.starts_with(kHashPrefix)) return std::nullopt;
  text.remove_prefix(kHashPrefix.size());
  if (text.size() != 2 * hash.size()) return std::nullopt;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    hash[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return hash;
}

/// The first word of a line; empty for a comment.
std::string id_in(const std::string& line) {
  std::istringstream words(line.substr(0, line.find('#')));
  std::string id;
  words >> id;
  return id;
}

std::optional<ApiKey> parse_line(const PrivateFile& file, int number, const std::string& line) {
  std::istringstream words(line.substr(0, line.find('#')));
  std::string id, scopes, hash, more;
  words >> id >> scopes >> hash >> more;
  if (id.empty()) return std::nullopt;
  const auto parsed = parse_hash(hash);
  // Not what the line says: that may be a key which was put here by mistake.
  if (!is_plain_name(id) || !parsed || !more.empty()) {
    file.fail(fmt::format("line {}: expected ID SCOPES sha256:HEX", number));
  }
  return ApiKey{id, Scopes::parse(scopes), *parsed};
}

std::vector<ApiKey> parse(const PrivateFile& file, const std::string& text) {
  std::vector<ApiKey> keys;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    auto key = parse_line(file, ++number, line);
    if (!key) continue;
    if (std::ranges::find(keys, key->id, &ApiKey::id) != keys.end()) {
      file.fail(fmt::format("line {}: the id {} is there twice", number, key->id));
    }
    keys.push_back(*std::move(key));
  }
  return keys;
}

std::string new_key() {
  std::array<uint8_t, 32> secret{};
  if (RAND_bytes(secret.data(), static_cast<int>(secret.size())) != 1) {
    throw Error(Code::internal, "The system has no random numbers.");
  }
  std::string key = std::string(kPrefix) + hex(secret);
  OPENSSL_cleanse(secret.data(), secret.size());
  return key;
}

}  // namespace

KeyHash hash_of(std::string_view key) {
  Sha256 hash;
  hash.add(key);
  return hash.digest();
}

std::vector<ApiKey> read_keys(const fs::path& path) {
  const PrivateFile file = keys_file(path);
  const auto held = file.read();
  if (!held) file.fail("there is no such file");
  return parse(file, held->text);
}

std::string add_key(const fs::path& path, const std::string& id, Scopes scopes) {
  if (!is_plain_name(id)) {
    throw Error(Code::usage,
                "id of an API key: expected 1 to 64 of A-Z, a-z, 0-9, '.', '_' and "
                "'-', found " +
                    shown(id));
  }
  const PrivateFile file = keys_file(path);
  const Descriptor lock = file.lock();
  const auto held = file.read();
  std::string text = held ? held->text : "# API keys of ctclip: ID SCOPES HASH\n";
  const std::vector<ApiKey> known = parse(file, text);
  if (std::ranges::find(known, id, &ApiKey::id) != known.end()) {
    file.fail("there is a key " + id + " already; remove it first");
  }
  std::string key = new_key();
  const KeyHash hash = hash_of(key);
  if (!text.empty() && text.back() != '\n') text += '\n';
  text += fmt::format("{} {} {}{}\n", id, scopes.text(), kHashPrefix, hex(hash));
  file.replace(text, held ? &*held : nullptr);
  return key;
}

void add_key_into(const fs::path& out, const fs::path& path, const std::string& id, Scopes scopes) {
  const PrivateFile file = key_file(out);
  std::error_code ignored;
  if (fs::equivalent(out, path, ignored)) file.fail("is the file of API keys");
  file.read();  // refused before there is a key that nobody has
  const std::string key = add_key(path, id, scopes);
  try {
    const Descriptor lock = file.lock();
    const auto held = file.read();
    std::string text = held ? held->text : "";
    if (!text.empty() && text.back() != '\n') text += '\n';
    file.replace(text + key + '\n', held ? &*held : nullptr);
  } catch (const Error&) {
    remove_key(path, id);
    throw;
  }
}

void remove_key(const fs::path& path, const std::string& id) {
  const PrivateFile file = keys_file(path);
  const Descriptor lock = file.lock();
  const auto held = file.read();
  if (!held) file.fail("there is no such file");
  std::string text;
  bool found = false;
  std::istringstream lines(held->text);
  for (std::string line; std::getline(lines, line);) {
    if (id_in(line) == id) {
      found = true;
    } else {
      text += line + '\n';
    }
  }
  if (!found) file.fail("there is no key " + shown(id));
  file.replace(text, &*held);
}

}  // namespace ctclip
