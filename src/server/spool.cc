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
constexpr std::string_view kWhat = "The folder for uploads";
constexpr std::string_view kAdvice = "name another folder with --spool";

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void cannot_write(int error) {
  if (error == ENOSPC || error == EDQUOT) {
    throw Error(Code::disk_full,
                "There is too little disk space for this upload; try again later.");
  }
  throw Error(Code::internal, "The upload cannot be kept on disk: " + reason(error) + ".");
}

/// A folder of this user; no descriptor for anything else.
Descriptor open_folder(const fs::path& folder) {
  Descriptor opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat facts {};
  if (opened.get() < 0 || fstat(opened.get(), &facts) != 0 || facts.st_uid != geteuid()) return {};
  return opened;
}

/// Holds a folder of this user for this process; no descriptor if another process has it.
Descriptor lock_folder(Descriptor folder) {
  if (folder.get() < 0 || flock(folder.get(), LOCK_EX | LOCK_NB) != 0) return {};
  return folder;
}

/// The id in the name of an upload; empty for any other file.
std::string id_of(const std::string& name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return {};
  return name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
}

void clear_leftovers(const fs::path& folder, const Leftovers& leftovers) {
  std::error_code ignored;
  int cleared = 0;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const fs::path name = entry.path().filename();
    const std::string id = id_of(name.string());
    if (id.empty() || leftovers.kept.contains(id)) continue;
    if (leftovers.set_aside.empty()) {
      cleared += fs::remove(entry.path(), ignored) ? 1 : 0;
    } else {
      fs::rename(entry.path(), leftovers.set_aside / name, ignored);
      cleared += ignored ? 0 : 1;
    }
  }
  if (cleared == 0) return;
  log().info("spool: {} {} uploads that an earlier process left",
             leftovers.set_aside.empty() ? "removed" : "set aside", cleared);
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
    if (const Descriptor held = lock_folder(open_folder(entry.path())); held.get() >= 0) {
      clear_leftovers(entry.path(), {});
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

/// Has the names in a folder outlast a power cut; one that may not be opened is somebody else's
/// care.
void settle_folder(const fs::path& folder) {
  const Descriptor opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() >= 0) fsync(opened.get());
}

void make_folder(const fs::path& folder, std::string_view what, std::string_view advice) {
  std::error_code ignored;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), ignored);
  if (mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    throw Error(Code::usage, std::string(what) + ", " + folder.string() + ", cannot be made: " +
                                 reason(errno) + "; " + std::string(advice) + ".");
  }
  settle_folder(fs::canonical(folder, ignored).parent_path());
}

}  // namespace

Descriptor hold_folder(const fs::path& folder, std::string_view what, std::string_view advice) {
  make_folder(folder, what, advice);
  std::error_code ignored;
  // Whoever names the folder may have put it elsewhere by a link, as systemd does with a state's.
  Descriptor opened = open_folder(fs::canonical(folder, ignored));
  const std::string name = std::string(what) + ", " + folder.string();
  const auto refuse = [&](const std::string& why) {
    throw Error(Code::usage, name + ", " + why + " " + std::string(advice) + ".");
  };
  if (opened.get() < 0) refuse("is not a folder of this user;");
  Descriptor held = lock_folder(std::move(opened));
  if (held.get() < 0) refuse("is used by another service: stop that one, or");
  if (access(folder.c_str(), W_OK | X_OK) != 0) refuse("is not writable;");
  return held;
}

SpoolFile::SpoolFile(SpoolFile&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      id_(std::exchange(other.id_, {})),
      file_(std::move(other.file_)),
      size_(std::exchange(other.size_, 0)) {}

SpoolFile& SpoolFile::operator=(SpoolFile&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
    id_ = std::exchange(other.id_, {});
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

void SpoolFile::settle() {
  if (fsync(file_.get()) != 0) cannot_write(errno);
  close();
  const Descriptor folder(open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || fsync(folder.get()) != 0) cannot_write(errno);
}

void SpoolFile::keep() {
  close();
  path_.clear();
}

void SpoolFile::remove() {
  close();
  if (!path_.empty()) unlink(path_.c_str());
  path_.clear();
}

Spool::Spool(const fs::path& folder, uint64_t reserve, const Leftovers& leftovers)
    : reserve_(reserve) {
  if (folder.empty()) {
    temporary_ = true;
    remove_dead_folders(fs::temp_directory_path());
    folder_ = make_temporary(fs::temp_directory_path());
  } else {
    make_folder(folder, kWhat, kAdvice);
    folder_ = fs::canonical(folder);
  }
  lock_ = hold_folder(folder_, kWhat, kAdvice);
  clear_leftovers(folder_, leftovers);
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

fs::path Spool::path_of(const std::string& id) const {
  return folder_ / (std::string(kPrefix) + id + std::string(kSuffix));
}

SpoolFile Spool::create() const {
  SpoolFile file;
  std::string id = random_name();
  fs::path path = path_of(id);
  file.file_ =
      Descriptor(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.file_.get() < 0) cannot_write(errno);
  file.path_ = std::move(path);
  file.id_ = std::move(id);
  return file;
}

std::optional<SpoolFile> Spool::adopt(const std::string& id, uint64_t size) const {
  std::error_code error;
  const fs::path path = path_of(id);
  if (fs::file_size(path, error) != size || error) return std::nullopt;
  SpoolFile file;
  file.path_ = path;
  file.id_ = id;
  file.size_ = size;
  return file;
}

void Spool::remove(const std::string& id) const {
  std::error_code ignored;
  fs::remove(path_of(id), ignored);
}

}  // namespace ctclip
