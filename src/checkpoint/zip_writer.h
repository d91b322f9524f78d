#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace ctclip {

/// A record that is compressed already, by any thread.
struct Deflated {
  std::vector<std::byte> bytes;
  uint64_t size = 0;  ///< before
  uint32_t crc = 0;   ///< of what it was before
};
/// Fast rather than small: voxels with noise hardly get smaller by trying harder.
Deflated deflate_record(std::span<const std::byte> bytes);

/// Writes a ZIP of stored records whose bytes begin at multiples of 64, as torch.save does. Zip64
/// throughout: one form for every size. Records that are deflated already may be among them. The
/// file gets its name when `finish` returns; until then, and for ever where that never happens, its
/// name ends in ".part".
class ZipWriter {
 public:
  /// Throws Error{internal} where the disk refuses, as all of it does.
  explicit ZipWriter(std::filesystem::path path);
  ~ZipWriter();
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  void add(const std::string& name, std::span<const std::byte> bytes);
  void add(const std::string& name, const Deflated& record);
  void finish();

 private:
  struct Record {
    std::string name;
    uint64_t offset = 0;
    uint64_t size = 0;
    uint32_t crc = 0;
    uint16_t method = 0;
    uint64_t stored = 0;  // bytes in the archive
  };
  void add(const Record& record, std::span<const std::byte> stored);
  void write(std::span<const std::byte> bytes);

  std::filesystem::path path_, part_;
  std::ofstream out_;
  uint64_t position_ = 0;
  std::vector<Record> records_;
  bool finished_ = false;
};

}  // namespace ctclip
