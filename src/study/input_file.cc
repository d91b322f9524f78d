#include "study/input_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace ctclip {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

}  // namespace

InputFile::InputFile(const std::filesystem::path& path)
    : InputFile(Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)),
                path.filename().generic_string()) {}

InputFile::InputFile(Descriptor file, std::string name)
    : file_(std::move(file)), name_(std::move(name)) {
  struct stat facts {};
  if (file_.get() < 0 || fstat(file_.get(), &facts) != 0) {
    throw Error(Code::unsupported_format,
                fmt::format("The input cannot be opened: {}.", reason(errno)));
  }
  size_ = static_cast<uint64_t>(std::max<off_t>(0, facts.st_size));
}

std::size_t InputFile::read(uint64_t offset, std::span<std::byte> out) const {
  const uint64_t left = size_ - std::min(offset, size_);
  out = out.first(static_cast<std::size_t>(std::min<uint64_t>(left, out.size())));
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        pread(file_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw Error(Code::damaged_archive,
                  fmt::format("The file cannot be read: {}.", reason(errno)));
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace ctclip
