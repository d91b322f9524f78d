#include "server/api_keys.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/sha256.h"
#include "server/text.h"

namespace ctclip {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "ctclip_";  // what scanners for leaked secrets look for
constexpr std::string_view kHashPrefix = "sha256:";
constexpr off_t kLargestFile = 1 << 20;

[[noreturn]] void fail(const fs::path& file, const std::string& why) {
  throw Error(Code::usage, fmt::format("file of API keys {}: {}", file.string(), why));
}
[[noreturn]] void fail_with_errno(const fs::path& file) { fail(file, std::strerror(errno)); }

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

void require_private(const fs::path& file, const struct stat& state) {
  if ((state.st_mode & (S_IRWXO | S_IWGRP)) == 0) return;
  fail(file, fmt::format("expected a file that only its owner may change and only its group may "
                         "read beside it (chmod u=rw,g=r,o= or less), found mode {:04o}",
                         state.st_mode & 07777U));
}

/// The file's text, and what it is; nothing where it is missing.
std::optional<std::pair<std::string, struct stat>> slurp(const fs::path& file) {
  const Descriptor descriptor(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat state {};
  if (descriptor.get() < 0 && errno == ENOENT) return std::nullopt;
  if (descriptor.get() < 0 || fstat(descriptor.get(), &state) != 0) fail_with_errno(file);
  if (!S_ISREG(state.st_mode) || state.st_size > kLargestFile) fail(file, "is no file of keys");
  require_private(file, state);
  std::string text(static_cast<std::size_t>(state.st_size), '\0');
  const ssize_t got = read(descriptor.get(), text.data(), text.size());
  if (got != static_cast<ssize_t>(text.size())) fail(file, "cannot be read whole");
  return std::pair(std::move(text), state);
}

/// The first word of a line; empty for a comment.
std::string id_in(const std::string& line) {
  std::istringstream words(line.substr(0, line.find('#')));
  std::string id;
  words >> id;
  return id;
}

std::optional<ApiKey> parse_line(const fs::path& file, int number, const std::string& line) {
  std::istringstream words(line.substr(0, line.find('#')));
  std::string id, scopes, hash, more;
  words >> id >> scopes >> hash >> more;
  if (id.empty()) return std::nullopt;
  const auto parsed = parse_hash(hash);
  // Not what the line says: that may be a key which was put here by mistake.
  if (!is_plain_name(id) || !parsed || !more.empty()) {
    fail(file, fmt::format("line {}: expected ID SCOPES sha256:HEX", number));
  }
  return ApiKey{id, Scopes::parse(scopes), *parsed};
}

std::vector<ApiKey> parse(const fs::path& file, const std::string& text) {
  std::vector<ApiKey> keys;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    auto key = parse_line(file, ++number, line);
    if (!key) continue;
    if (std::ranges::find(keys, key->id, &ApiKey::id) != keys.end()) {
      fail(file, fmt::format("line {}: the id {} is there twice", number, key->id));
    }
    keys.push_back(*std::move(key));
  }
  return keys;
}

/// Two commands at once must not lose each other's lines. The folder is what is locked: the file
/// itself is replaced.
Descriptor lock_folder(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  Descriptor descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0 || flock(descriptor.get(), LOCK_EX) != 0) fail_with_errno(folder);
  return descriptor;
}

/// Replaces the file at once, so that a service which reloads never sees half of it; owner, group
/// and mode stay.
void replace(const fs::path& file, const std::string& text, const struct stat* old) {
  fs::path fresh = file;
  fresh += ".new";
  unlink(fresh.c_str());  // what an interrupted command left
  Descriptor descriptor(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const auto give_up = [&] {
    const int why = errno;
    unlink(fresh.c_str());
    errno = why;
    fail_with_errno(file);
  };
  if (descriptor.get() < 0) fail_with_errno(fresh);
  const ssize_t written = write(descriptor.get(), text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) give_up();
  if (old != nullptr && (fchown(descriptor.get(), old->st_uid, old->st_gid) != 0 ||
                         fchmod(descriptor.get(), old->st_mode & 0777U) != 0)) {
    give_up();
  }
  if (fsync(descriptor.get()) != 0 || rename(fresh.c_str(), file.c_str()) != 0) give_up();
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

std::vector<ApiKey> read_keys(const fs::path& file) {
  const auto held = slurp(file);
  if (!held) fail(file, "there is no such file");
  return parse(file, held->first);
}

std::string add_key(const fs::path& file, const std::string& id, Scopes scopes) {
  if (!is_plain_name(id)) {
    throw Error(Code::usage,
                "id of an API key: expected 1 to 64 of A-Z, a-z, 0-9, '.', '_' and "
                "'-', found " +
                    shown(id));
  }
  const Descriptor lock = lock_folder(file);
  const auto held = slurp(file);
  std::string text = held ? held->first : "# API keys of ctclip: ID SCOPES HASH\n";
  const std::vector<ApiKey> known = parse(file, text);
  if (std::ranges::find(known, id, &ApiKey::id) != known.end()) {
    fail(file, "there is a key " + id + " already; remove it first");
  }
  std::string key = new_key();
  const KeyHash hash = hash_of(key);
  if (!text.empty() && text.back() != '\n') text += '\n';
  text += fmt::format("{} {} {}{}\n", id, scopes.text(), kHashPrefix, hex(hash));
  replace(file, text, held ? &held->second : nullptr);
  return key;
}

void remove_key(const fs::path& file, const std::string& id) {
  const Descriptor lock = lock_folder(file);
  const auto held = slurp(file);
  if (!held) fail(file, "there is no such file");
  std::string text;
  bool found = false;
  std::istringstream lines(held->first);
  for (std::string line; std::getline(lines, line);) {
    if (id_in(line) == id) {
      found = true;
    } else {
      text += line + '\n';
    }
  }
  if (!found) fail(file, "there is no key " + shown(id));
  replace(file, text, &held->second);
}

}  // namespace ctclip
