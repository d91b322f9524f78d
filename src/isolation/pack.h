#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace ctclip::isolation {

/// What was unpacked is not what a Packer made.
class Malformed : public std::runtime_error {
 public:
  explicit Malformed(const char* what) : std::runtime_error(what) {}
};

template <typename T>
concept Plain = std::integral<T> || std::floating_point<T>;

/// `T` or `const T`: one description of a struct's fields (messages.h) serves both directions.
template <typename T, typename U>
concept Like = std::same_as<std::remove_const_t<T>, U>;

/// `kValue`: the last enumerator of an enumeration that is packed.
template <typename T>
struct LastOf;

/// Values one after another as bytes of this machine: numbers as they are in memory (so every
/// double comes back bit for bit), strings and vectors behind their length. Between two processes
/// of one executable, never on disk. Structs by a function `fields(archive, value)`.
class Packer {
 public:
  template <typename... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  template <Plain T>
  void put(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  template <typename T>
  requires std::is_enum_v<T>
  void put(const T& value) { put(static_cast<int32_t>(value)); }
  void put(const std::string& text) {
    put(uint64_t{text.size()});
    bytes_ += text;
  }
  void put(const Error& error) { (*this)(error.code(), std::string(error.what())); }
  template <typename T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <typename T>
  void put(const std::vector<T>& values) {
    put(uint64_t{values.size()});
    for (const T& value : values) put(value);
  }
  template <typename T, std::size_t N>
  void put(const std::array<T, N>& values) {
    for (const T& value : values) put(value);
  }
  template <typename T>
  requires(std::is_class_v<T>) void put(const T& value) { fields(*this, value); }

  std::string bytes_;
};

/// The way back, from bytes that may be anybody's: every length is held against the bytes that are
/// there before memory is taken, every flag and enumerator against its range. Throws Malformed.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : left_(bytes) {}
  template <typename... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  /// Throws where something is left.
  void finish() const {
    if (!left_.empty()) throw Malformed("more bytes than expected");
  }

 private:
  std::string_view take(uint64_t count) {
    if (count > left_.size()) throw Malformed("fewer bytes than expected");
    const std::string_view taken = left_.substr(0, count);
    left_.remove_prefix(count);
    return taken;
  }
  /// Of a string or vector: its elements have at least a byte each.
  uint64_t length() {
    uint64_t count = 0;
    get(count);
    if (count > left_.size()) throw Malformed("a length beyond the end");
    return count;
  }

  template <Plain T>
  void get(T& value) {
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
  }
  void get(bool& flag) {
    uint8_t byte = 0;
    get(byte);
    if (byte > 1) throw Malformed("a flag that is neither");
    flag = byte == 1;
  }
  template <typename T>
  requires std::is_enum_v<T>
  void get(T& value) {
    int32_t number = 0;
    get(number);
    if (number < 0 || number > static_cast<int32_t>(LastOf<T>::kValue)) {
      throw Malformed("an enumerator that is none");
    }
    value = static_cast<T>(number);
  }
  void get(std::string& text) { text = take(length()); }
  /// An Error cannot be made before its parts are there.
  template <std::same_as<Error> T>
  void get(std::optional<T>& error) {
    bool there = false;
    Code code{};
    std::string message;
    get(there);
    error.reset();
    if (!there) return;
    (*this)(code, message);
    error.emplace(code, message);
  }
  template <typename T>
  void get(std::optional<T>& value) {
    bool there = false;
    get(there);
    value.reset();
    if (there) get(value.emplace());
  }
  template <typename T>
  void get(std::vector<T>& values) {
    const uint64_t count = length();
    values.clear();
    for (uint64_t i = 0; i < count; ++i) get(values.emplace_back());
  }
  template <typename T, std::size_t N>
  void get(std::array<T, N>& values) {
    for (T& value : values) get(value);
  }
  template <typename T>
  requires(std::is_class_v<T>) void get(T& value) { fields(*this, value); }

  std::string_view left_;
};

}  // namespace ctclip::isolation
