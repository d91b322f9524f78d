#include "study/zip_source.h"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "study/zip_directory.h"
#include "study/zip_input.h"

namespace ctclip {
namespace {

struct CloseArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseEntry {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;
using OpenEntry = std::unique_ptr<zip_file_t, CloseEntry>;

std::string take_reason(zip_error_t& error) {
  std::string reason = zip_error_strerror(&error);
  zip_error_fini(&error);
  return reason;
}

Archive open_archive(const std::shared_ptr<const InputFile>& file) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = make_zip_input(file, error);
  Archive archive(source != nullptr ? zip_open_from_source(source, ZIP_RDONLY, &error) : nullptr);
  if (archive) return archive;
  zip_source_free(source);
  if (zip_error_code_zip(&error) == ZIP_ER_MEMORY) throw std::bad_alloc();
  throw Error(Code::damaged_archive,
              fmt::format("The ZIP archive is damaged or cut off: {}.", take_reason(error)));
}

/// A zip_t serves one thread at a time: each open stream borrows one, and there are as many as
/// streams were ever open at once.
class ArchivePool {
 public:
  explicit ArchivePool(std::shared_ptr<const InputFile> file) : file_(std::move(file)) {}

  Archive borrow() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        Archive archive = std::move(idle_.back());
        idle_.pop_back();
        return archive;
      }
    }
    return open_archive(file_);
  }

  void give_back(Archive archive) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(archive));
  }

 private:
  const std::shared_ptr<const InputFile> file_;
  std::mutex mutex_;
  std::vector<Archive> idle_;
};

[[noreturn]] void throw_damaged(const std::string& label, zip_error_t* error) {
  const int code = zip_error_code_zip(error);
  if (code == ZIP_ER_MEMORY) throw std::bad_alloc();
  if (code == ZIP_ER_NOPASSWD || code == ZIP_ER_WRONGPASSWD || code == ZIP_ER_ENCRNOTSUPP) {
    throw Error(Code::encrypted_archive,
                fmt::format("In the ZIP archive, {} is protected by a password.", label));
  }
  throw Error(Code::damaged_archive, fmt::format("In the ZIP archive, {} cannot be read: {}.",
                                                 label, zip_error_strerror(error)));
}

class ZipStream : public ByteStream {
 public:
  ZipStream(std::shared_ptr<ArchivePool> pool, uint64_t index, uint64_t claimed, std::string label)
      : pool_(std::move(pool)),
        archive_(pool_->borrow()),
        entry_(zip_fopen_index(archive_.get(), index, 0)),
        left_(claimed),
        label_(std::move(label)) {
    if (entry_) return;
    const Archive archive = std::move(archive_);
    throw_damaged(label_, zip_get_error(archive.get()));
  }

  ~ZipStream() override {
    entry_.reset();
    pool_->give_back(std::move(archive_));
  }

  std::size_t read(std::span<std::byte> out) override {
    const zip_int64_t got = zip_fread(entry_.get(), out.data(), out.size());
    if (got < 0) throw_damaged(label_, zip_file_get_error(entry_.get()));
    const auto bytes = static_cast<uint64_t>(got);
    if (bytes > left_) {
      throw Error(Code::damaged_archive,
                  fmt::format("In the ZIP archive, {} inflates to more bytes than the archive's "
                              "directory says.",
                              label_));
    }
    left_ -= bytes;
    return static_cast<std::size_t>(bytes);
  }

 private:
  std::shared_ptr<ArchivePool> pool_;
  Archive archive_;
  OpenEntry entry_;
  uint64_t left_;
  std::string label_;
};

struct Entry {
  std::string name;
  uint64_t index;  ///< in the central directory
  uint64_t size;
};

class ZipSource : public Source {
 public:
  ZipSource(std::shared_ptr<ArchivePool> pool, std::vector<Entry> entries)
      : pool_(std::move(pool)), entries_(std::move(entries)) {}

  std::size_t size() const override { return entries_.size(); }
  std::string path(std::size_t file) const override { return entries_.at(file).name; }
  uint64_t claimed_size(std::size_t file) const override { return entries_.at(file).size; }
  std::unique_ptr<ByteStream> open(std::size_t file) const override {
    const Entry& entry = entries_.at(file);
    return std::make_unique<ZipStream>(pool_, entry.index, entry.size, label(file));
  }

 private:
  std::shared_ptr<ArchivePool> pool_;
  std::vector<Entry> entries_;
};

void require_entries_within(uint64_t entries, const Limits& limits) {
  if (entries <= limits.entries) return;
  throw Error(Code::too_many_entries, fmt::format("The ZIP archive has {} entries; at most {} are "
                                                  "allowed.",
                                                  entries, limits.entries));
}

/// A folder of an entry's name is the part before a '/'.
void require_depth_within(std::string_view name, const Limits& limits) {
  if (std::ranges::count(name, '/') <= limits.depth) return;
  throw Error(Code::nested_too_deep,
              fmt::format("In the ZIP archive, folders lie inside one another more than {} deep.",
                          limits.depth));
}

void require_ratio_within(uint64_t inflated, uint64_t held, const Limits& limits) {
  if (inflated <= Limits::kHarmless || inflated / limits.ratio <= held) return;
  throw Error(Code::inflated_too_large,
              fmt::format("The ZIP archive inflates to more than {} times its size, by its own "
                          "directory.",
                          limits.ratio));
}

Entry read_entry(zip_t* archive, uint64_t index) {
  zip_stat_t stat;
  zip_stat_init(&stat);
  constexpr uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE;
  if (zip_stat_index(archive, index, ZIP_FL_ENC_RAW, &stat) != 0 ||
      (stat.valid & kNeeded) != kNeeded) {
    throw Error(Code::damaged_archive,
                fmt::format("The ZIP archive's directory is damaged at entry {}.", index + 1));
  }
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE) {
    throw Error(Code::encrypted_archive, "The ZIP archive is protected by a password.");
  }
  return {stat.name, index, stat.size};
}

std::vector<Entry> list_entries(zip_t* archive, uint64_t held, const Limits& limits) {
  const auto count =
      static_cast<uint64_t>(std::max<zip_int64_t>(0, zip_get_num_entries(archive, 0)));
  require_entries_within(count, limits);
  std::vector<Entry> entries;
  uint64_t total = 0;
  for (uint64_t index = 0; index < count; ++index) {
    Entry entry = read_entry(archive, index);
    if (entry.size > limits.inflated_bytes - total) {
      throw Error(
          Code::inflated_too_large,
          fmt::format("The ZIP archive inflates to more than {} bytes, by its own directory.",
                      limits.inflated_bytes));
    }
    total += entry.size;
    require_depth_within(entry.name, limits);
    if (!entry.name.ends_with('/')) entries.push_back(std::move(entry));
  }
  require_ratio_within(total, held, limits);
  return entries;
}

}  // namespace

std::unique_ptr<Source> open_zip(std::shared_ptr<const InputFile> archive, const Limits& limits) {
  // libzip reserves memory for as many entries as the archive claims, so the claim is seen first.
  if (const auto claimed = claimed_zip_entries(*archive)) require_entries_within(*claimed, limits);
  const uint64_t held = archive->size();
  auto pool = std::make_shared<ArchivePool>(std::move(archive));
  Archive first = pool->borrow();
  std::vector<Entry> entries = list_entries(first.get(), held, limits);
  pool->give_back(std::move(first));
  return std::make_unique<ZipSource>(std::move(pool), std::move(entries));
}

}  // namespace ctclip
