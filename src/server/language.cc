#include "server/language.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "base/split.h"
#include "server/text.h"

namespace ctclip {
namespace {

constexpr std::size_t kMostElements = 32;  // browsers send at most a dozen

/// What is said of one language so far.
struct Wish {
  std::string_view tag;
  std::optional<int> exact, longer;  // quality in thousandths: of the tag, of one that begins so
  std::size_t position = kMostElements;
  int quality(std::optional<int> any) const {
    return exact.value_or(longer.value_or(any.value_or(0)));
  }
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// qvalue of RFC 9110, 12.4.2: 0 to 1 with up to three decimals, in thousandths.
std::optional<int> parse_quality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return {};
  int value = text[0] == '1' ? 1000 : 0;
  if (text.size() > 1 && text[1] != '.') return {};
  int unit = 100;
  for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (!is_digit(c)) return {};
    value += unit * (c - '0');
    unit /= 10;
  }
  return value <= 1000 ? std::optional(value) : std::nullopt;
}

/// A range and its quality; an empty range where the element is malformed.
struct Element {
  std::string range;
  int quality = 0;
};
Element parse_element(std::string_view text) {
  const std::size_t semicolon = text.find(';');
  std::string range = lower(trim(text.substr(0, semicolon)));
  if (semicolon == std::string_view::npos) return {std::move(range), 1000};
  const std::string weight = lower(trim(text.substr(semicolon + 1)));
  if (!weight.starts_with("q=")) return {};
  const std::optional<int> quality = parse_quality(std::string_view(weight).substr(2));
  return quality ? Element{std::move(range), *quality} : Element{};
}

void note(Wish& wish, const Element& element, std::size_t position) {
  const bool exact = element.range == wish.tag;
  if (!exact && !element.range.starts_with(std::string(wish.tag) + "-")) return;
  std::optional<int>& quality = exact ? wish.exact : wish.longer;
  quality = std::max(quality.value_or(0), element.quality);
  wish.position = std::min(wish.position, position);
}

}  // namespace

Language preferred_language(std::string_view accept_language) {
  Wish english{tag_of(Language::english), {}, {}}, russian{tag_of(Language::russian), {}, {}};
  std::optional<int> any;
  for (std::size_t i = 0; i < kMostElements && !accept_language.empty(); ++i) {
    const Element element = parse_element(take_until(accept_language, ","));
    if (element.range == "*") any = element.quality;
    note(english, element, i);
    note(russian, element, i);
  }
  const int difference = russian.quality(any) - english.quality(any);
  const bool first =
      difference == 0 && russian.quality(any) > 0 && russian.position < english.position;
  return difference > 0 || first ? Language::russian : Language::english;
}

std::string_view tag_of(Language language) { return language == Language::russian ? "ru" : "en"; }

std::string error_text(const Error& error, Language language) {
  const auto [sentence, whole] = russian_sentence(error.code());
  if (language == Language::english || sentence.empty()) return error.what();
  if (whole) return std::string(sentence);
  return std::string(sentence) + " Подробности (по-английски): " + error.what();
}

}  // namespace ctclip
