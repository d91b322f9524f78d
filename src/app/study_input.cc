#include "app/study_input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace ctclip::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStandardInput = "-";

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw Error(Code::usage, fmt::format("{}: {}", name, why));
}

std::string reason(int error) { return std::generic_category().message(error); }

/// A descriptor of what can be read only once; none of what can be opened again and again.
Descriptor open_stream(const std::string& name) {
  if (name == kStandardInput) {
    if (isatty(STDIN_FILENO) != 0) {
      refuse(name, "expected a study on the standard input, found a terminal");
    }
    return Descriptor(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
  }
  struct stat facts {};
  if (stat(name.c_str(), &facts) != 0) {
    refuse(name, fmt::format("expected a study (a file or a folder): {}", reason(errno)));
  }
  if (S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode)) return {};
  Descriptor stream(open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (stream.get() < 0) refuse(name, fmt::format("cannot be opened: {}", reason(errno)));
  return stream;
}

Descriptor make_nameless_file() {
  std::string path = (fs::temp_directory_path() / "ctclip-XXXXXX").string();
  Descriptor file(mkostemp(path.data(), O_CLOEXEC));
  if (file.get() < 0) {
    throw Error(Code::internal, fmt::format("no temporary file in {}: {}",
                                            fs::temp_directory_path().string(), reason(errno)));
  }
  unlink(path.c_str());
  return file;
}

void write_all(int file, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = write(file, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      throw Error(errno == ENOSPC ? Code::disk_full : Code::internal,
                  fmt::format("the temporary copy of the input: {}", reason(errno)));
    }
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
}

void copy(int stream, int file, const std::string& name, uint64_t most) {
  std::vector<char> block(std::size_t{1} << 20U);
  for (uint64_t bytes = 0;;) {
    const ssize_t got = read(stream, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(name, fmt::format("cannot be read: {}", reason(errno)));
    if (got == 0) return;
    bytes += static_cast<uint64_t>(got);
    if (bytes > most) {
      throw Error(Code::upload_too_large,
                  fmt::format("{}: expected at most {} bytes, found more", name, most));
    }
    write_all(file, block.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

StudyInput::StudyInput(std::string name, const Limits& limits)
    : name_(std::move(name)), path_(name_) {
  const Descriptor stream = open_stream(name_);
  if (stream.get() < 0) return;
  copy_ = make_nameless_file();
  copy(stream.get(), copy_.get(), name_, limits.upload_bytes);
  path_ = fmt::format("/proc/self/fd/{}", copy_.get());
}

std::string StudyInput::label() const {
  return name_ == kStandardInput ? "standard input" : fs::path(name_).filename().string();
}

std::vector<StudyInput> open_inputs(const std::vector<std::string>& names, const Limits& limits) {
  if (std::ranges::count(names, kStandardInput) > 1) {
    refuse(kStandardInput, "the standard input can be read only once");
  }
  std::vector<StudyInput> inputs;
  inputs.reserve(names.size());
  for (const std::string& name : names) inputs.emplace_back(name, limits);
  return inputs;
}

}  // namespace ctclip::app
