#include "checkpoint/model_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace ctclip {
namespace {

constexpr std::size_t kBufferSize = std::size_t{1} << 16;
constexpr std::size_t kQuoted = 160;

std::string last_failure() { return std::generic_category().message(errno); }

}  // namespace

ModelFile::ModelFile(std::filesystem::path path) : path_(std::move(path)) {
  // Without O_NONBLOCK a named pipe would hang the start for ever.
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) refuse("cannot be opened: " + last_failure());
  struct stat status = {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    refuse("expected a file, found something else");
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

ModelFile::~ModelFile() { ::close(descriptor_); }

void ModelFile::read(uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset) {
    refuse(fmt::format("ends at byte {}, expected {} bytes from byte {} on: the file is cut", size_,
                       out.size(), offset));
  }
  while (!out.empty()) {
    const ssize_t got = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse("cannot be read: " + last_failure());
    if (got == 0) refuse(fmt::format("became shorter while it was read, at byte {}", offset));
    offset += static_cast<uint64_t>(got);
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

void ModelFile::refuse(const std::string& what) const {
  throw Error(Code::bad_model, path_.string() + ": " + what);
}

ByteInput::ByteInput(const ModelFile& file, uint64_t begin, uint64_t end)
    : name_(file.path().string()),
      fetch_([&file](uint64_t at, std::span<std::byte> out) { file.read(at, out); }),
      position_(begin),
      end_(end) {}

ByteInput::ByteInput(std::string name, std::span<const std::byte> bytes)
    : name_(std::move(name)),
      fetch_([bytes](uint64_t at, std::span<std::byte> out) {
        std::memcpy(out.data(), bytes.data() + at, out.size());
      }),
      position_(0),
      end_(bytes.size()) {}

void ByteInput::need(uint64_t count) const {
  if (count > remaining()) {
    refuse(fmt::format("expected {} more bytes at byte {}, found {}: the file is cut or damaged",
                       count, position_, remaining()));
  }
}

uint8_t ByteInput::byte() {
  std::byte value{};
  read({&value, 1});
  return std::to_integer<uint8_t>(value);
}

void ByteInput::read(std::span<std::byte> out) {
  need(out.size());
  const uint64_t end = position_ + out.size();
  if (out.size() >= kBufferSize) {
    fetch_(position_, out);
  } else if (!out.empty()) {
    if (position_ < buffered_at_ || end > buffered_at_ + buffer_.size()) {
      buffer_.resize(std::min<uint64_t>(kBufferSize, remaining()));
      fetch_(position_, buffer_);
      buffered_at_ = position_;
    }
    std::memcpy(out.data(), buffer_.data() + (position_ - buffered_at_), out.size());
  }
  position_ = end;
}

void ByteInput::skip(uint64_t count) {
  need(count);
  position_ += count;
}

void ByteInput::refuse(const std::string& what) const {
  throw Error(Code::bad_model, name_ + ": " + what);
}

uint64_t little_endian(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = (value << 8U) | std::to_integer<uint64_t>(bytes[i]);
  }
  return value;
}

std::string quotable(std::string_view text) {
  std::string result(text.substr(0, kQuoted));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return text.size() > kQuoted ? result + "..." : result;
}

bool is_utf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t code = 0;
    const utf8proc_ssize_t used = utf8proc_iterate(bytes, left, &code);
    if (used <= 0) return false;
    bytes += used;
    left -= used;
  }
  return true;
}

}  // namespace ctclip
