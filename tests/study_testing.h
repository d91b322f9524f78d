#pragma once

#include <zip.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "study/slice.h"
#include "study/source.h"

namespace ctclip::testing {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

struct ZipEntry {
  std::string name, bytes;
};

/// Writes a ZIP archive by libzip; with a password, AES-256.
inline void write_zip(const std::filesystem::path& path, const std::vector<ZipEntry>& entries,
                      const char* password = nullptr, int32_t method = ZIP_CM_DEFAULT) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  for (const ZipEntry& entry : entries) {
    zip_source_t* source = zip_source_buffer(archive, entry.bytes.data(), entry.bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive, entry.name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) throw std::runtime_error("libzip refuses the entry " + entry.name);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 0);
    if (password != nullptr) {
      zip_file_set_encryption(archive, static_cast<zip_uint64_t>(index), ZIP_EM_AES_256, password);
    }
  }
  if (zip_close(archive) != 0) throw std::runtime_error("libzip cannot write");
}

/// A study of files that are in memory.
class MemorySource : public Source {
 public:
  explicit MemorySource(std::vector<ZipEntry> files) : files_(std::move(files)) {}
  explicit MemorySource(std::string bytes) : files_{{"one.dcm", std::move(bytes)}} {}
  std::size_t size() const override { return files_.size(); }
  std::string path(std::size_t file) const override { return files_.at(file).name; }
  uint64_t claimed_size(std::size_t file) const override { return files_.at(file).bytes.size(); }
  std::unique_ptr<ByteStream> open(std::size_t file) const override {
    return std::make_unique<Stream>(files_.at(file).bytes);
  }

 private:
  class Stream : public ByteStream {
   public:
    explicit Stream(const std::string& bytes) : left_(bytes) {}
    std::size_t read(std::span<std::byte> out) override {
      const std::size_t count = std::min(out.size(), left_.size());
      std::copy_n(reinterpret_cast<const std::byte*>(left_.data()), count, out.begin());
      left_.remove_prefix(count);
      return count;
    }

   private:
    std::string_view left_;
  };
  std::vector<ZipEntry> files_;
};

/// The bytes of a whole file of a source.
inline std::string read_all(const Source& source, std::size_t file) {
  const std::unique_ptr<ByteStream> stream = source.open(file);
  std::string bytes;
  std::string buffer(32 * 1024, '\0');
  for (;;) {
    const std::size_t got = stream->read(std::as_writable_bytes(std::span(buffer)));
    if (got == 0) return bytes;
    bytes.append(buffer, 0, got);
  }
}

/// Writes explicit VR little endian elements in the order in which they are added.
class DicomBuilder {
 public:
  /// Preamble, "DICM" and a meta header of this transfer syntax.
  explicit DicomBuilder(const std::string& transfer_syntax = "1.2.840.10008.1.2.1") {
    bytes_ = std::string(128, '\0') + "DICM";
    text(0x0002, 0x0010, "UI", transfer_syntax);
  }
  /// Neither preamble nor meta header: elements to append to others.
  static DicomBuilder elements() {
    DicomBuilder builder;
    builder.bytes_.clear();
    return builder;
  }
  DicomBuilder& text(uint16_t group, uint16_t element, std::string_view vr, std::string value) {
    if (value.size() % 2 != 0) value += vr == "UI" ? '\0' : ' ';
    return raw(group, element, vr, value);
  }
  DicomBuilder& number(uint16_t group, uint16_t element, int32_t value,
                       std::string_view vr = "US") {
    return raw(group, element, vr, u16(value));
  }
  DicomBuilder& raw(uint16_t group, uint16_t element, std::string_view vr, std::string_view value,
                    std::optional<uint32_t> claimed = {}) {
    bytes_ += u16(group) + u16(element) + std::string(vr);
    const auto length = claimed.value_or(static_cast<uint32_t>(value.size()));
    const bool is_long = vr == "OB" || vr == "OW" || vr == "SQ" || vr == "UN";
    bytes_ += is_long ? u16(0) + u32(length) : u16(static_cast<int32_t>(length));
    bytes_ += value;
    return *this;
  }
  DicomBuilder& append(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

  static std::string u16(int32_t value) {
    return {static_cast<char>(value & 0xFF), static_cast<char>(value >> 8 & 0xFF)};
  }
  static std::string u32(uint32_t value) {
    return u16(static_cast<int32_t>(value & 0xFFFF)) + u16(static_cast<int32_t>(value >> 16));
  }
  static std::string item(std::string_view value) {
    return u16(0xFFFE) + u16(0xE000) + u32(static_cast<uint32_t>(value.size())) +
           std::string(value);
  }

 private:
  std::string bytes_;
};

/// What a synthetic CT slice is made of; the defaults are an ordinary one.
struct CtHeader {
  std::string transfer_syntax = "1.2.840.10008.1.2.1";
  int32_t rows = 2, columns = 3, samples = 1;
  int32_t bits_allocated = 16, bits_stored = 16, high_bit = 15, is_signed = 0;
  std::string photometric = "MONOCHROME2", frames = "", slope = "1", intercept = "-1024";
  std::optional<int32_t> padding = {}, padding_limit = {};
};

/// Everything before PixelData.
inline DicomBuilder ct_header(const CtHeader& header) {
  DicomBuilder file(header.transfer_syntax);
  file.text(0x0008, 0x0016, "UI", "1.2.840.10008.5.1.4.1.1.2").text(0x0008, 0x0018, "UI", "1.2.3");
  file.text(0x0008, 0x0060, "CS", "CT").text(0x0010, 0x0010, "PN", "SECRET^NAME");
  file.text(0x0020, 0x000D, "UI", "1.2").text(0x0020, 0x000E, "UI", "1.2.1");
  file.number(0x0028, 0x0002, header.samples).text(0x0028, 0x0004, "CS", header.photometric);
  if (!header.frames.empty()) file.text(0x0028, 0x0008, "IS", header.frames);
  file.number(0x0028, 0x0010, header.rows).number(0x0028, 0x0011, header.columns);
  file.number(0x0028, 0x0100, header.bits_allocated).number(0x0028, 0x0101, header.bits_stored);
  file.number(0x0028, 0x0102, header.high_bit).number(0x0028, 0x0103, header.is_signed);
  const char* vr = header.is_signed != 0 ? "SS" : "US";
  if (header.padding) file.number(0x0028, 0x0120, *header.padding, vr);
  if (header.padding_limit) file.number(0x0028, 0x0121, *header.padding_limit, vr);
  if (!header.intercept.empty()) file.text(0x0028, 0x1052, "DS", header.intercept);
  if (!header.slope.empty()) file.text(0x0028, 0x1053, "DS", header.slope);
  return file;
}

inline std::string cells_16(const std::vector<int32_t>& values) {
  std::string bytes;
  for (const int32_t value : values) bytes += DicomBuilder::u16(value);
  return bytes;
}

inline Contents scan_all(const Source& source, const Limits& limits = {}) {
  ThreadPool pool(2);
  Watch watch;
  return scan(source, limits, pool, watch);
}

/// HU of the given slices of one file.
inline std::vector<std::vector<float>> decode_all(const Source& source,
                                                  const std::vector<Slice>& slices,
                                                  const Limits& limits = {}) {
  std::vector<const Slice*> pointers;
  pointers.reserve(slices.size());
  for (const Slice& slice : slices) pointers.push_back(&slice);
  std::vector<std::vector<float>> images(slices.size());
  decode(source, pointers, limits, [&](std::size_t slice, std::span<const float> hu) {
    images[slice].assign(hu.begin(), hu.end());
  });
  return images;
}

/// The error code that `body` throws, and its message; "no error" where it throws none.
inline std::pair<std::string, std::string> error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return {std::string(info(error.code()).name), error.what()};
  }
  return {"no error", ""};
}

}  // namespace ctclip::testing
