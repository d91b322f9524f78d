#include "batch/packages.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <system_error>

#include "base/error.h"

namespace ctclip::batch {
namespace {

namespace fs = std::filesystem;

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};

[[noreturn]] void fail(zip_error_t* error) {
  const int system = zip_error_code_system(error);
  if (zip_error_code_zip(error) == ZIP_ER_WRITE || system == ENOSPC || system == EDQUOT) {
    throw Error(Code::disk_full, fmt::format("TMPDIR has no room for a study's files: {}.",
                                             zip_error_strerror(error)));
  }
  throw Error(Code::damaged_archive,
              fmt::format("A file of the study cannot be read: {}.", zip_error_strerror(error)));
}

void add_file(zip_t* archive, const fs::path& file, std::size_t number) {
  zip_source_t* source = zip_source_file(archive, file.c_str(), 0, -1);
  const std::string name = fmt::format("{:06}.dcm", number);
  const zip_int64_t index =
      source == nullptr ? -1 : zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    fail(zip_get_error(archive));
  }
  zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
}

/// A folder of this user's own, not a link that somebody else put in its place.
void require_own(const fs::path& folder) {
  struct stat facts {};
  if (lstat(folder.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) && facts.st_uid == geteuid()) {
    return;
  }
  throw Error(Code::usage, fmt::format("{}: expected a folder of this user's for the files of "
                                       "studies",
                                       folder.string()));
}

}  // namespace

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

Packages::Packages(const fs::path& batch)
    : folder_(fs::temp_directory_path() /
              fmt::format("ctclip-batch-{}-{:016x}", geteuid(),
                          std::hash<std::string>()(fs::absolute(batch).string()))) {
  if (mkdir(folder_.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    throw Error(Code::usage, fmt::format("{}: cannot be made: {}", folder_.string(),
                                         std::generic_category().message(errno)));
  }
  require_own(folder_);
  for (const auto& left : fs::directory_iterator(folder_)) fs::remove(left.path());
}

Packages::~Packages() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

TemporaryFile Packages::make(const fs::path& input, const std::vector<std::string>& files,
                             int64_t number) const {
  TemporaryFile package(folder_ / fmt::format("{}.zip", number));
  int code = 0;
  std::unique_ptr<zip_t, Discard> archive(
      zip_open(package.path().c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    fail(&error);
  }
  for (std::size_t i = 0; i < files.size(); ++i) add_file(archive.get(), input / files[i], i + 1);
  if (zip_close(archive.get()) != 0) fail(zip_get_error(archive.get()));
  static_cast<void>(archive.release());  // zip_close freed it
  return package;
}

}  // namespace ctclip::batch
