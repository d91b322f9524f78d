#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace ctclip {

/// A model file open for reading at any place; any number of threads may read at once. Every
/// message of an error begins with the file's path.
class ModelFile {
 public:
  /// Throws Error{bad_model} where there is no regular file that can be read.
  explicit ModelFile(std::filesystem::path path);
  ~ModelFile();
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const { return size_; }
  /// Fills all of `out`. Throws Error{bad_model} where the file ends before.
  void read(uint64_t offset, std::span<std::byte> out) const;
  /// Throws Error{bad_model, "<path>: <what>"}.
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

/// Bytes taken one after the other from a range of a file or from memory, through a small buffer.
class ByteInput {
 public:
  /// Bytes [begin, end) of a file that outlives this.
  ByteInput(const ModelFile& file, uint64_t begin, uint64_t end);
  /// Bytes in memory that outlive this; `name` begins every message.
  ByteInput(std::string name, std::span<const std::byte> bytes);

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return end_ - position_; }
  uint8_t byte();
  /// Fills all of `out`. Throws Error{bad_model} where the input ends before.
  void read(std::span<std::byte> out);
  void skip(uint64_t count);
  [[noreturn]] void refuse(const std::string& what) const;

 private:
  void need(uint64_t count) const;

  std::string name_;
  std::function<void(uint64_t, std::span<std::byte>)> fetch_;
  uint64_t position_;
  uint64_t end_;
  std::vector<std::byte> buffer_;
  uint64_t buffered_at_ = 0;  ///< position of the buffer's first byte
};

/// Unsigned little-endian integer of up to eight bytes.
uint64_t little_endian(std::span<const std::byte> bytes);

/// Text of a file as a message may quote it: printable ASCII, 160 characters at most.
std::string quotable(std::string_view text);

/// Whether all of it is UTF-8 (no surrogates, nothing overlong).
bool is_utf8(std::string_view text);

}  // namespace ctclip
