#include "study/folder_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ctclip {
namespace {

namespace fs = std::filesystem;

class FileStream : public ByteStream {
 public:
  FileStream(const fs::path& path, uint64_t size, std::string label)
      : file_(path, std::ios::binary), left_(size), label_(std::move(label)) {
    if (!file_) fail();
  }

  std::size_t read(std::span<std::byte> out) override {
    // A file that grows while it is read ends where it ended when it was counted.
    const auto wanted = static_cast<std::streamsize>(std::min<uint64_t>(out.size(), left_));
    file_.read(reinterpret_cast<char*>(out.data()), wanted);
    if (file_.bad()) fail();
    left_ -= static_cast<uint64_t>(file_.gcount());
    return static_cast<std::size_t>(file_.gcount());
  }

 private:
  [[noreturn]] void fail() const {
    throw Error(Code::damaged_archive, fmt::format("The folder's {} cannot be read.", label_));
  }

  std::ifstream file_;
  uint64_t left_;
  std::string label_;
};

struct Entry {
  std::string name;  ///< relative to the root
  uint64_t size;
};

class FolderSource : public Source {
 public:
  FolderSource(fs::path root, std::vector<Entry> entries)
      : root_(std::move(root)), entries_(std::move(entries)) {}

  std::size_t size() const override { return entries_.size(); }
  std::string path(std::size_t file) const override { return entries_.at(file).name; }
  uint64_t claimed_size(std::size_t file) const override { return entries_.at(file).size; }
  std::unique_ptr<ByteStream> open(std::size_t file) const override {
    const Entry& entry = entries_.at(file);
    return std::make_unique<FileStream>(root_ / entry.name, entry.size, label(file));
  }

 private:
  fs::path root_;
  std::vector<Entry> entries_;
};

class SingleFileStream : public ByteStream {
 public:
  explicit SingleFileStream(std::shared_ptr<const InputFile> file) : file_(std::move(file)) {}
  std::size_t read(std::span<std::byte> out) override {
    const std::size_t got = file_->read(at_, out);
    at_ += got;
    return got;
  }

 private:
  std::shared_ptr<const InputFile> file_;
  uint64_t at_ = 0;
};

class SingleFileSource : public Source {
 public:
  explicit SingleFileSource(std::shared_ptr<const InputFile> file) : file_(std::move(file)) {}
  std::size_t size() const override { return 1; }
  std::string path(std::size_t) const override { return file_->name(); }
  uint64_t claimed_size(std::size_t) const override { return file_->size(); }
  std::unique_ptr<ByteStream> open(std::size_t) const override {
    return std::make_unique<SingleFileStream>(file_);
  }

 private:
  std::shared_ptr<const InputFile> file_;
};

/// Adds up what files claim to hold and refuses what is over the limits.
class Tally {
 public:
  explicit Tally(const Limits& limits) : limits_(limits) {}

  void add(uint64_t bytes) {
    if (++entries_ > limits_.entries) {
      throw Error(Code::too_many_entries,
                  fmt::format("The folder has more than {} files.", limits_.entries));
    }
    if (bytes > limits_.inflated_bytes - bytes_) {
      throw Error(Code::inflated_too_large,
                  fmt::format("The files have more than {} bytes.", limits_.inflated_bytes));
    }
    bytes_ += bytes;
  }

 private:
  const Limits& limits_;
  uint64_t entries_ = 0, bytes_ = 0;
};

[[noreturn]] void cannot_list(const std::error_code& error) {
  throw Error(Code::unsupported_format,
              fmt::format("The input cannot be listed: {}.", error.message()));
}

std::vector<Entry> list_files(const fs::path& folder, const Limits& limits) {
  Tally tally(limits);
  std::vector<Entry> entries;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, error);
  if (error) cannot_list(error);
  for (; at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (error) cannot_list(error);
    if (at.depth() > limits.depth) {
      throw Error(Code::nested_too_deep,
                  fmt::format("Folders lie inside one another more than {} deep.", limits.depth));
    }
    if (!fs::is_regular_file(at->symlink_status())) {
      tally.add(0);
      continue;
    }
    const uint64_t size = at->file_size(error);
    if (error) cannot_list(error);
    tally.add(size);
    entries.push_back({at->path().lexically_relative(folder).generic_string(), size});
  }
  if (error) cannot_list(error);
  std::ranges::sort(entries, {}, &Entry::name);
  return entries;
}

}  // namespace

std::unique_ptr<Source> open_folder(const fs::path& folder, const Limits& limits) {
  return std::make_unique<FolderSource>(folder, list_files(folder, limits));
}

std::unique_ptr<Source> open_single_file(std::shared_ptr<const InputFile> file,
                                         const Limits& limits) {
  Tally(limits).add(file->size());
  return std::make_unique<SingleFileSource>(std::move(file));
}

}  // namespace ctclip
