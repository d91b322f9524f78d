#include "server/spool.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "server/random_name.h"

namespace ctclip {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "ctclip-";
constexpr std::string_view kSuffix = ".upload";

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void cannot_write(int error) {
  if (error == ENOSPC || error == EDQUOT) {
    throw Error(Code::disk_full,
                "There is too little disk space for this upload; try again later.");
  }
  throw Error(Code::internal, "The upload cannot be kept on disk: " + reason(error) + ".");
}

/// Holds the folder for this process; no descriptor where another one has it or it is not a folder
/// of ours.
Descriptor lock_folder(const fs::path& folder) {
  Descriptor held(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat facts {};
  if (held.get() < 0 || fstat(held.get(), &facts) != 0 || facts.st_uid != geteuid() ||
      flock(held.get(), LOCK_EX | LOCK_NB) != 0) {
    return {};
  }
  return held;
}

void remove_leftovers(const fs::path& folder) {
  std::error_code ignored;
  int removed = 0;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && name.ends_with(kSuffix)) {
      removed += fs::remove(entry.path(), ignored) ? 1 : 0;
    }
  }
  if (removed > 0) log().info("spool: removed {} uploads that an earlier process left", removed);
}

std::string temporary_prefix() {
  return std::string(kPrefix) + "spool-" + std::to_string(geteuid()) + "-";
}

/// Folders that dead processes left in TMPDIR. One that is younger than a minute may just be
/// between its making and its lock.
void remove_dead_folders(const fs::path& parent) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    if (!entry.path().filename().string().starts_with(temporary_prefix())) continue;
    const auto age = fs::file_time_type::clock::now() - entry.last_write_time(ignored);
    if (ignored || age < std::chrono::minutes(1)) continue;
    if (const Descriptor held = lock_folder(entry.path()); held.get() >= 0) {
      remove_leftovers(entry.path());
      fs::remove(entry.path(), ignored);
    }
  }
}

fs::path make_temporary(const fs::path& parent) {
  std::string name = (parent / (temporary_prefix() + "XXXXXX")).string();
  if (mkdtemp(name.data()) == nullptr) {
    throw Error(Code::usage, "No folder for uploads can be made in " + parent.string() + ": " +
                                 reason(errno) + ".");
  }
  return name;
}

void make_folder(const fs::path& folder) {
  std::error_code ignored;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), ignored);
  if (mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    throw Error(Code::usage, "The folder for uploads, " + folder.string() +
                                 ", cannot be made: " + reason(errno) + ".");
  }
}

}  // namespace

SpoolFile::SpoolFile(SpoolFile&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      file_(std::move(other.file_)),
      size_(std::exchange(other.size_, 0)) {}

SpoolFile& SpoolFile::operator=(SpoolFile&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
    file_ = std::move(other.file_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void SpoolFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) cannot_write(errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
    size_ += static_cast<uint64_t>(written);
  }
}

void SpoolFile::remove() {
  close();
  if (!path_.empty()) unlink(path_.c_str());
  path_.clear();
}

Spool::Spool(const fs::path& folder, uint64_t reserve) : reserve_(reserve) {
  if (folder.empty()) {
    temporary_ = true;
    remove_dead_folders(fs::temp_directory_path());
    folder_ = make_temporary(fs::temp_directory_path());
  } else {
    make_folder(folder);
    folder_ = fs::canonical(folder);
  }
  lock_ = lock_folder(folder_);
  if (lock_.get() < 0) {
    throw Error(Code::usage, "The folder for uploads, " + folder_.string() +
                                 ", is not this user's or another process uses it.");
  }
  if (access(folder_.c_str(), W_OK | X_OK) != 0) {
    throw Error(Code::usage, "The folder for uploads, " + folder_.string() + ", is not writable.");
  }
  remove_leftovers(folder_);
}

Spool::~Spool() {
  std::error_code ignored;
  if (temporary_) fs::remove(folder_, ignored);
}

void Spool::require_space(uint64_t coming) const {
  std::error_code error;
  const fs::space_info space = fs::space(folder_, error);
  if (error) return;  // a file system that does not tell; a write that fails will
  if (space.available < reserve_ || space.available - reserve_ < coming) cannot_write(ENOSPC);
}

uint64_t Spool::free_bytes() const {
  std::error_code error;
  const fs::space_info space = fs::space(folder_, error);
  return error || space.available < reserve_ ? 0 : space.available - reserve_;
}

uint64_t Spool::files() const {
  std::error_code error;
  uint64_t count = 0;
  fs::directory_iterator entry(folder_, error);
  for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
    count += entry->path().filename().string().ends_with(kSuffix) ? 1 : 0;
  }
  return count;
}

SpoolFile Spool::create() const {
  SpoolFile file;
  fs::path path = folder_ / (std::string(kPrefix) + random_name() + std::string(kSuffix));
  file.file_ =
      Descriptor(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.file_.get() < 0) cannot_write(errno);
  file.path_ = std::move(path);
  return file;
}

}  // namespace ctclip
