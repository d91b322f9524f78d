#include "study/zip_input.h"

#include <cstddef>
#include <exception>
#include <new>
#include <span>
#include <utility>

namespace ctclip {
namespace {

class ZipInput {
 public:
  explicit ZipInput(std::shared_ptr<const InputFile> file) : file_(std::move(file)) {
    zip_error_init(&error_);
  }
  ~ZipInput() { zip_error_fini(&error_); }
  ZipInput(const ZipInput&) = delete;
  ZipInput& operator=(const ZipInput&) = delete;

  zip_int64_t run(void* data, zip_uint64_t length, zip_source_cmd_t command) {
    switch (command) {
      case ZIP_SOURCE_OPEN:
        at_ = 0;
        return 0;
      case ZIP_SOURCE_READ:
        return read({static_cast<std::byte*>(data), length});
      case ZIP_SOURCE_SEEK:
        return seek(data, length);
      case ZIP_SOURCE_TELL:
        return static_cast<zip_int64_t>(at_);
      case ZIP_SOURCE_STAT:
        return stat(data, length);
      case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&error_, data, length);
      case ZIP_SOURCE_CLOSE:
        return 0;
      case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_SEEK,
                                              ZIP_SOURCE_TELL, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
                                              ZIP_SOURCE_CLOSE, ZIP_SOURCE_FREE, -1);
      default:
        zip_error_set(&error_, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
  }

 private:
  zip_int64_t read(std::span<std::byte> out) {
    try {
      const std::size_t got = file_->read(at_, out);
      at_ += got;
      return static_cast<zip_int64_t>(got);
    } catch (const std::exception&) {
      zip_error_set(&error_, ZIP_ER_READ, 0);
      return -1;
    }
  }

  zip_int64_t seek(void* data, zip_uint64_t length) {
    const zip_int64_t to =
        zip_source_seek_compute_offset(at_, file_->size(), data, length, &error_);
    if (to < 0) return -1;
    at_ = static_cast<uint64_t>(to);
    return 0;
  }

  zip_int64_t stat(void* data, zip_uint64_t length) {
    auto* facts = ZIP_SOURCE_GET_ARGS(zip_stat_t, data, length, &error_);
    if (facts == nullptr) return -1;
    zip_stat_init(facts);
    facts->size = file_->size();
    facts->valid = ZIP_STAT_SIZE;
    return sizeof(*facts);
  }

  std::shared_ptr<const InputFile> file_;
  uint64_t at_ = 0;
  zip_error_t error_;
};

zip_int64_t run(void* input, void* data, zip_uint64_t length, zip_source_cmd_t command) {
  std::unique_ptr<ZipInput> self(static_cast<ZipInput*>(input));
  if (command == ZIP_SOURCE_FREE) return 0;
  return self.release()->run(data, length, command);
}

}  // namespace

zip_source_t* make_zip_input(std::shared_ptr<const InputFile> file, zip_error_t& error) {
  auto input = std::make_unique<ZipInput>(std::move(file));
  zip_source_t* source = zip_source_function_create(run, input.get(), &error);
  if (source != nullptr) static_cast<void>(input.release());  // libzip frees it
  return source;
}

}  // namespace ctclip
