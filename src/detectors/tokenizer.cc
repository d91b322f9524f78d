#include "detectors/tokenizer.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>

#include "base/error.h"

namespace ctclip {
namespace {

constexpr std::size_t kMaxPieces = 510;      // 512 positions less [CLS] and [SEP]
constexpr std::size_t kMaxWordLength = 100;  // characters; a longer word is one [UNK]
constexpr uintmax_t kMaxFileSize = 64 << 20;

using Text = std::u32string;

Text decode(std::string_view text) {
  Text out;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t point = -1;
    const utf8proc_ssize_t used =
        std::max<utf8proc_ssize_t>(utf8proc_iterate(bytes, left, &point), 1);
    if (point >= 0) out.push_back(static_cast<char32_t>(point));
    bytes += used;
    left -= used;
  }
  return out;
}

void append(std::string& out, char32_t point) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const utf8proc_ssize_t size =
      utf8proc_encode_char(static_cast<utf8proc_int32_t>(point), bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size));
}

utf8proc_category_t category(char32_t point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(point));
}

bool is_blank(char32_t point) {
  return point == U' ' || point == U'\t' || point == U'\n' || point == U'\r' ||
         category(point) == UTF8PROC_CATEGORY_ZS;
}

bool is_control(char32_t point) {
  if (point == U'\t' || point == U'\n' || point == U'\r') return false;
  switch (category(point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
      return true;
    default:
      return false;
  }
}

bool is_punctuation(char32_t point) {
  const bool ascii = (point >= 33 && point <= 47) || (point >= 58 && point <= 64) ||
                     (point >= 91 && point <= 96) || (point >= 123 && point <= 126);
  const utf8proc_category_t c = category(point);
  return ascii || (c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO);
}

bool is_cjk(char32_t p) {  // the CJK Unified Ideographs blocks and the compatibility ones
  return (p >= 0x4E00 && p <= 0x9FFF) || (p >= 0x3400 && p <= 0x4DBF) ||
         (p >= 0x20000 && p <= 0x2A6DF) || (p >= 0x2A700 && p <= 0x2B73F) ||
         (p >= 0x2B740 && p <= 0x2B81F) || (p >= 0x2B820 && p <= 0x2CEAF) ||
         (p >= 0xF900 && p <= 0xFAFF) || (p >= 0x2F800 && p <= 0x2FA1F);
}

Text clean(const Text& text) {
  Text out;
  for (const char32_t point : text) {
    if (point == 0 || point == 0xFFFD || is_control(point)) continue;
    if (is_blank(point)) {
      out.push_back(U' ');
    } else if (is_cjk(point)) {
      out.append({U' ', point, U' '});
    } else {
      out.push_back(point);
    }
  }
  return out;
}

Text normalise(const Text& text, utf8proc_option_t form) {
  std::string bytes;
  for (const char32_t point : text) append(bytes, point);
  utf8proc_uint8_t* mapped = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | form);
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                   static_cast<utf8proc_ssize_t>(bytes.size()), &mapped, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (size < 0) return text;
  return decode({reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)});
}

// Lower case, then NFD without the combining marks.
Text fold(Text word) {
  for (char32_t& point : word) {
    point = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point)));
  }
  word = normalise(word, UTF8PROC_DECOMPOSE);
  std::erase_if(word, [](char32_t point) { return category(point) == UTF8PROC_CATEGORY_MN; });
  return word;
}

std::vector<Text> split(const Text& text) {
  std::vector<Text> words;
  bool open = false;
  for (const char32_t point : text) {
    if (point == U' ') {
      open = false;
    } else if (open) {
      words.back().push_back(point);
    } else {
      words.emplace_back(1, point);
      open = true;
    }
  }
  return words;
}

std::vector<Text> split_punctuation(const Text& word) {
  std::vector<Text> parts;
  bool open = false;
  for (const char32_t point : word) {
    if (is_punctuation(point)) {
      parts.emplace_back(1, point);
      open = false;
    } else if (open) {
      parts.back().push_back(point);
    } else {
      parts.emplace_back(1, point);
      open = true;
    }
  }
  return parts;
}

}  // namespace

Tokenizer::Tokenizer(const std::filesystem::path& vocabulary) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(vocabulary, error);
  std::ifstream file(vocabulary, std::ios::binary);
  if (error || !file) throw Error(Code::bad_model, vocabulary.string() + ": cannot be read");
  if (size > kMaxFileSize) {
    throw Error(Code::bad_model, fmt::format("{}: expected a WordPiece vocabulary, found {} bytes",
                                             vocabulary.string(), size));
  }
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    ids_.emplace(line, static_cast<int32_t>(pieces_.size()));
    pieces_.push_back(line);
  }
  unknown_ = require("[UNK]", vocabulary);
  begin_ = require("[CLS]", vocabulary);
  end_ = require("[SEP]", vocabulary);
}

int32_t Tokenizer::require(const std::string& piece, const std::filesystem::path& file) const {
  const auto found = ids_.find(piece);
  if (found == ids_.end()) {
    throw Error(Code::bad_model,
                fmt::format("{}: expected a WordPiece vocabulary, found no piece {} in {} lines",
                            file.string(), piece, pieces_.size()));
  }
  return found->second;
}

void Tokenizer::add_word(const std::u32string& word, std::vector<int32_t>& ids) const {
  const std::size_t before = ids.size();
  bool whole = word.size() <= kMaxWordLength;
  for (std::size_t start = 0; whole && start < word.size();) {
    std::size_t end = word.size();
    int32_t id = -1;
    for (; end > start && id < 0; --end) {
      std::string piece = start > 0 ? "##" : "";
      for (std::size_t i = start; i < end; ++i) append(piece, word[i]);
      if (const auto found = ids_.find(piece); found != ids_.end()) id = found->second;
    }
    whole = id >= 0;
    ids.push_back(id);
    start = end + 1;
  }
  if (!whole) {
    ids.resize(before);
    ids.push_back(unknown_);
  }
}

std::vector<int32_t> Tokenizer::operator()(std::string_view text) const {
  std::vector<int32_t> ids = {begin_};
  for (const Text& word : split(normalise(clean(decode(text)), UTF8PROC_COMPOSE))) {
    for (const Text& part : split_punctuation(fold(word))) add_word(part, ids);
  }
  ids.resize(std::min(ids.size(), kMaxPieces + 1));
  ids.push_back(end_);
  return ids;
}

}  // namespace ctclip
