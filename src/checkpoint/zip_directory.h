#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "checkpoint/model_file.h"

namespace ctclip {

/// The central directory of a ZIP file (APPNOTE 6.3.9, zip64 included). libzip hands out streams
/// under one lock; what is needed of a checkpoint is where its unpacked records lie, so that any
/// number of threads can read any part of a tensor straight into its place.
class ZipDirectory {
 public:
  struct Record {
    uint64_t header = 0;  ///< place of the local header
    uint64_t size = 0;
    uint64_t packed_size = 0;
    uint16_t method = 0;
    uint16_t flags = 0;
  };
  struct Extent {
    uint64_t offset = 0;
    uint64_t size = 0;
  };

  /// Throws Error{bad_model}. Keeps a reference to `file`.
  explicit ZipDirectory(const ModelFile& file);

  const std::map<std::string, Record>& records() const { return records_; }
  /// Where a record's bytes lie. Throws Error{bad_model} where it is absent, packed, encrypted or
  /// not all in the file.
  Extent locate(const std::string& name) const;

 private:
  struct End {
    uint64_t entries = 0;
    uint64_t size = 0;
    uint64_t offset = 0;
  };
  End find_end() const;
  End zip64_end(uint64_t locator) const;
  void read_entries(const End& end);

  const ModelFile& file_;
  std::map<std::string, Record> records_;
};

}  // namespace ctclip
