#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace ctclip::testing {

// A literal on the left of + is a std::string: GCC 12 warns of the other form without reason.
using namespace std::string_literals;

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string little_endian_bytes(uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

/// BINUNICODE
inline std::string pickled_text(const std::string& text) {
  return "X"s + little_endian_bytes(text.size(), 4) + text;
}

/// The pickles in front of the object, and an empty list of storages, of torch.save's old
/// container.
inline std::string legacy_file(const std::string& object) {
  return "\x80\x02\x8a\x0al\xfc\x9c"s + "F\xf9 j\xa8P\x19."s + "\x80\x02M\xe9\x03."s +
         "\x80\x02}."s + object + "\x80\x02].";
}

struct ZipEntry {
  std::string name, bytes;
  uint16_t method = 0;
  uint16_t flags = 0;
};

/// A small ZIP without zip64, stored records, checksums 0.
inline std::string zip_file(const std::vector<ZipEntry>& entries) {
  std::string out;
  std::string directory;
  for (const ZipEntry& entry : entries) {
    const auto common = little_endian_bytes(20, 2) + little_endian_bytes(entry.flags, 2) +
                        little_endian_bytes(entry.method, 2) + std::string(8, '\0') +
                        little_endian_bytes(entry.bytes.size(), 4) +
                        little_endian_bytes(entry.bytes.size(), 4) +
                        little_endian_bytes(entry.name.size(), 2) + std::string(2, '\0');
    directory += "PK\x01\x02"s + little_endian_bytes(20, 2) + common + std::string(10, '\0') +
                 little_endian_bytes(out.size(), 4) + entry.name;
    out += "PK\x03\x04"s + common + entry.name + entry.bytes;
  }
  const std::string count = little_endian_bytes(entries.size(), 2);
  return out + directory + "PK\x05\x06"s + std::string(4, '\0') + count + count +
         little_endian_bytes(directory.size(), 4) + little_endian_bytes(out.size(), 4) +
         std::string(2, '\0');
}

/// Calls `read` on cut and on damaged copies of a file: cut at every place of the first and last
/// bytes and at many between, and with one or a few bytes changed, by a fixed seed. `read` may
/// throw Error; anything else ends the test.
template <typename Read>
void damage(const std::string& bytes, const std::filesystem::path& copy, int changes, Read read) {
  const std::size_t step = bytes.size() / 200 + 1;
  for (std::size_t size = 0; size < bytes.size();
       size += size < 100 || size + 100 > bytes.size() ? 1 : step) {
    write_bytes(copy, bytes.substr(0, size));
    read(true);
  }
  std::mt19937 random(1);
  for (int i = 0; i < changes; ++i) {
    std::string damaged = bytes;
    // Most damage to the front and the end, where the structure is.
    const std::size_t region =
        i % 3 == 0 ? bytes.size() : std::min<std::size_t>(bytes.size(), 4096);
    for (unsigned count = 1 + random() % 3; count > 0; --count) {
      std::size_t at = random() % region;
      if (i % 3 == 2) at = bytes.size() - 1 - at;
      damaged[at] = static_cast<char>(random());
    }
    write_bytes(copy, damaged);
    read(false);
  }
}

}  // namespace ctclip::testing
