#include "server/private_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace ctclip {
namespace {

namespace fs = std::filesystem;

constexpr off_t kLargest = 1 << 20;

}  // namespace

PrivateFile::PrivateFile(fs::path file, std::string what, mode_t forbidden, std::string expected)
    : file_(std::move(file)),
      what_(std::move(what)),
      forbidden_(forbidden),
      expected_(std::move(expected)) {}

void PrivateFile::fail(const std::string& why) const {
  throw Error(Code::usage, fmt::format("{} {}: {}", what_, file_.string(), why));
}

void PrivateFile::fail_with_errno() const { fail(std::strerror(errno)); }

fs::path PrivateFile::folder() const {
  return file_.has_parent_path() ? file_.parent_path() : fs::path(".");
}

void PrivateFile::require_private(const struct stat& state) const {
  if ((state.st_mode & forbidden_) == 0) return;
  fail(fmt::format("expected {}, found mode {:04o}", expected_, state.st_mode & 07777U));
}

std::optional<PrivateFile::Content> PrivateFile::read() const {
  // A FIFO must not make the program wait for its other end.
  const Descriptor descriptor(open(file_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (descriptor.get() < 0 && errno == ENOENT) return std::nullopt;
  Content content;
  if (descriptor.get() < 0 || fstat(descriptor.get(), &content.state) != 0) fail_with_errno();
  if (!S_ISREG(content.state.st_mode)) fail("is no regular file");
  if (content.state.st_size > kLargest) fail("is longer than 1 MiB");
  require_private(content.state);
  content.text.resize(static_cast<std::size_t>(content.state.st_size));
  const ssize_t got = ::read(descriptor.get(), content.text.data(), content.text.size());
  if (got != static_cast<ssize_t>(content.text.size())) fail("cannot be read whole");
  return content;
}

Descriptor PrivateFile::lock() const {
  Descriptor descriptor(open(folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0 || flock(descriptor.get(), LOCK_EX) != 0) fail_with_errno();
  return descriptor;
}

void PrivateFile::replace(const std::string& text, const Content* old) const {
  fs::path fresh = file_;
  fresh += ".new";
  unlink(fresh.c_str());  // what an interrupted command left
  Descriptor descriptor(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const auto give_up = [&] {
    const int why = errno;
    unlink(fresh.c_str());
    errno = why;
    fail_with_errno();
  };
  if (descriptor.get() < 0) fail_with_errno();
  const ssize_t written = write(descriptor.get(), text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) give_up();
  if (old != nullptr && (fchown(descriptor.get(), old->state.st_uid, old->state.st_gid) != 0 ||
                         fchmod(descriptor.get(), old->state.st_mode & 0777U) != 0)) {
    give_up();
  }
  if (fsync(descriptor.get()) != 0 || rename(fresh.c_str(), file_.c_str()) != 0) give_up();
  const Descriptor entry(open(folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (entry.get() >= 0) fsync(entry.get());
}

}  // namespace ctclip
