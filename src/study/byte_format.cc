#include "study/byte_format.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <vector>

namespace ctclip {
namespace {

uint8_t byte_at(std::span<const std::byte> head, std::size_t at) {
  return at < head.size() ? static_cast<uint8_t>(head[at]) : 0;
}

bool starts_with(std::span<const std::byte> head, std::size_t at, std::string_view text) {
  return head.size() >= at + text.size() &&
         std::memcmp(head.data() + at, text.data(), text.size()) == 0;
}

uint32_t read_u16(std::span<const std::byte> head, std::size_t at, bool big_endian) {
  const uint32_t first = byte_at(head, at), second = byte_at(head, at + 1);
  return big_endian ? first << 8 | second : second << 8 | first;
}

uint32_t read_u32(std::span<const std::byte> head, std::size_t at, bool big_endian) {
  const uint32_t first = read_u16(head, at, big_endian),
                 second = read_u16(head, at + 2, big_endian);
  return big_endian ? first << 16 | second : second << 16 | first;
}

bool is_nifti(std::span<const std::byte> head) {
  const auto header_size_is = [&](uint32_t size) {
    return read_u32(head, 0, false) == size || read_u32(head, 0, true) == size;
  };
  using std::string_view_literals::operator""sv;
  if (header_size_is(540))
    return starts_with(head, 4, "n+2\0"sv) || starts_with(head, 4, "ni2\0"sv);
  return header_size_is(348) &&
         (starts_with(head, 344, "n+1\0"sv) || starts_with(head, 344, "ni1\0"sv));
}

std::vector<std::byte> gunzip_head(std::span<const std::byte> head) {
  z_stream stream = {};
  constexpr int kGzip = 16 + MAX_WBITS;
  if (inflateInit2(&stream, kGzip) != Z_OK) return {};
  std::vector<std::byte> out(kFormatBytes);
  std::vector<std::byte> in(head.begin(), head.end());  // zlib's next_in is not const
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  inflate(&stream, Z_SYNC_FLUSH);
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

/// A first element without preamble: (0002,eeee) or (0008,eeee), both low, with a VR of PS3.5 or a
/// short length.
bool is_first_element(std::span<const std::byte> head, bool big_endian) {
  if (head.size() < 8) return false;
  const uint32_t group = read_u16(head, 0, big_endian), element = read_u16(head, 2, big_endian);
  if ((group != 0x0002 && group != 0x0008) || element > 0x0110) return false;
  constexpr std::string_view kFirstVrs = "UL UI OB CS SH DA TM LO IS SQ DT";
  const std::array<char, 2> vr = {static_cast<char>(head[4]), static_cast<char>(head[5])};
  if (std::isupper(static_cast<unsigned char>(vr[0])) != 0) {
    return kFirstVrs.find(std::string_view(vr.data(), 2)) != std::string_view::npos;
  }
  constexpr uint32_t kLongestFirstValue = 1024;  // implicit VR: group length, charset, image type
  return !big_endian && read_u32(head, 4, false) <= kLongestFirstValue;
}

constexpr std::array<std::string_view, 37> kScannerWords = {
    "a",        "anon",  "axial", "b",     "bin",    "chest", "ct",    "dat", "dcm", "dicom",
    "file",     "frame", "gz",    "i",     "im",     "ima",   "image", "img", "in",  "inst",
    "instance", "mr",    "nii",   "obj",   "object", "out",   "ph",    "se",  "ser", "series",
    "slice",    "sr",    "st",    "study", "thorax", "vol",   "z"};

bool is_scanner_word(std::string_view letters) {
  std::string lower(letters);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::find(kScannerWords, lower) != kScannerWords.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Length of the run of characters from `at` on that `belongs` holds for.
template <typename Belongs>
std::size_t run_length(std::string_view name, std::size_t at, Belongs belongs) {
  std::size_t end = at;
  while (end < name.size() && belongs(name[end])) ++end;
  return end - at;
}

}  // namespace

bool looks_like_dicom(std::span<const std::byte> head) {
  return starts_with(head, 128, "DICM") || is_first_element(head, false) ||
         is_first_element(head, true);
}

Format format_of(std::span<const std::byte> head) {
  if (head.empty()) return Format::empty;
  if (starts_with(head, 0, "PK\x03\x04") || starts_with(head, 0, "PK\x05\x06") ||
      starts_with(head, 0, "PK\x07\x08")) {
    return Format::zip;
  }
  if (starts_with(head, 0, "\x1f\x8b")) {
    return is_nifti(gunzip_head(head)) ? Format::nifti_gz : Format::unknown;
  }
  if (is_nifti(head)) return Format::nifti;
  return looks_like_dicom(head) ? Format::dicom : Format::unknown;
}

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.find_last_of("/\\");
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_harmless_name(std::string_view name) {
  constexpr std::size_t kLongestName = 80;  // a UID has 64 characters
  if (name.empty() || name.size() > kLongestName) return false;
  const bool is_uid = std::ranges::count(name, '.') >= 3;
  // Longer ones are record numbers and dates of birth; counters of scanners have five digits.
  constexpr std::size_t kLongestCounter = 5;
  for (std::size_t at = 0; at < name.size();) {
    std::size_t length = 1;
    if (is_letter(name[at])) {
      length = run_length(name, at, is_letter);
      if (!is_scanner_word(name.substr(at, length))) return false;
    } else if (is_digit(name[at])) {
      length = run_length(name, at, is_digit);
      if (length > kLongestCounter && !is_uid) return false;
    } else if (std::string_view("._- ()").find(name[at]) == std::string_view::npos) {
      return false;
    }
    at += length;
  }
  return true;
}

}  // namespace ctclip
