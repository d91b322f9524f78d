#include "phantom/study_output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <mutex>
#include <system_error>

#include "base/error.h"
#include "checkpoint/zip_writer.h"

namespace ctclip::phantom {
namespace {

namespace fs = std::filesystem;

void require_free(const fs::path& path) {
  std::error_code ignored;
  const bool is_free = !fs::exists(path, ignored) ||
                       (fs::is_directory(path, ignored) && fs::is_empty(path, ignored));
  if (is_free) return;
  throw Error(Code::usage,
              path.string() + " exists already; a phantom is never written over anything.");
}

void make_parents(const fs::path& path) {
  std::error_code failure;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), failure);
  if (failure) throw Error(Code::internal, path.parent_path().string() + ": cannot be made");
}

void write_file(const fs::path& path, std::span<const std::byte> bytes) {
  std::ofstream stream(path, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  if (!stream.flush()) {
    throw Error(Code::internal, path.string() + ": cannot be written; is the disk full?");
  }
}

void give_name(const fs::path& from, const fs::path& to) {
  std::error_code failure;
  fs::rename(from, to, failure);
  if (failure) throw Error(Code::internal, to.string() + ": cannot be written");
}

/// A file or folder under a name of this process, gone with it unless it was renamed.
class Unfinished {
 public:
  explicit Unfinished(const fs::path& path)
      : path_(fmt::format("{}.part-{}", path.string(), getpid())) {}
  ~Unfinished() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

class FolderOutput : public StudyOutput {
 public:
  explicit FolderOutput(fs::path out) : out_(std::move(out)), unfinished_(out_) {
    std::error_code failure;
    fs::create_directory(unfinished_.path(), failure);
    if (failure) throw Error(Code::internal, unfinished_.path().string() + ": cannot be made");
  }

  void add(int64_t /*place*/, const std::string& name, std::span<const std::byte> bytes) override {
    const fs::path path = unfinished_.path() / name;
    make_parents(path);
    write_file(path, bytes);
  }

  void finish(const std::string& truth) override {
    write_file(unfinished_.path() / "truth.json", std::as_bytes(std::span(truth)));
    give_name(unfinished_.path(), out_);
  }

 private:
  fs::path out_;
  Unfinished unfinished_;
};

/// Files are compressed by the threads that bring them and written in their order.
class ZipOutput : public StudyOutput {
 public:
  ZipOutput(const fs::path& out, fs::path truth)
      : truth_(std::move(truth)), unfinished_truth_(truth_), archive_(out) {}

  void add(int64_t place, const std::string& name, std::span<const std::byte> bytes) override {
    Deflated deflated = deflate_record(bytes);
    const std::lock_guard lock(mutex_);
    waiting_.emplace(place, Entry{name, std::move(deflated)});
    while (!waiting_.empty() && waiting_.begin()->first == next_) {
      const Entry& entry = waiting_.begin()->second;
      archive_.add(entry.name, entry.data);
      waiting_.erase(waiting_.begin());
      ++next_;
    }
  }

  void finish(const std::string& truth) override {
    write_file(unfinished_truth_.path(), std::as_bytes(std::span(truth)));
    archive_.finish();
    give_name(unfinished_truth_.path(), truth_);
  }

 private:
  struct Entry {
    std::string name;
    Deflated data;
  };
  fs::path truth_;
  Unfinished unfinished_truth_;
  std::mutex mutex_;
  ZipWriter archive_;
  std::map<int64_t, Entry> waiting_;
  int64_t next_ = 0;
};

}  // namespace

std::unique_ptr<StudyOutput> StudyOutput::open(const fs::path& given) {
  const fs::path out = given.has_filename() ? given : given.parent_path();  // "study/"
  require_free(out);
  make_parents(out);
  if (out.extension() != ".zip") return std::make_unique<FolderOutput>(out);
  const fs::path truth = fs::path(out).replace_extension(".json");
  require_free(truth);
  return std::make_unique<ZipOutput>(out, truth);
}

}  // namespace ctclip::phantom
