#include "study/attributes.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <charconv>
#include <cmath>
#include <string_view>

#include "study/dicom_reader.h"

namespace ctclip {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kPadding(" \0", 2);
  const std::size_t first = text.find_first_not_of(kPadding);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kPadding) - first + 1);
}

std::string printable(std::string_view text) {
  std::string clean(trimmed(text));
  for (char& c : clean) {
    if (c < ' ' || c > '~') c = '?';
  }
  return clean;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\\', begin), text.size());
    parts.push_back(trimmed(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return parts;
}

std::optional<double> to_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

}  // namespace

bool Attributes::has(const DcmTagKey& tag) const {
  for (DcmItem* item : items_) {
    if (item->tagExists(tag)) return true;
  }
  return false;
}

std::string Attributes::text(const DcmTagKey& tag) const {
  for (DcmItem* item : items_) {
    DcmElement* element = nullptr;
    if (item->findAndGetElement(tag, element).bad() || element == nullptr) continue;
    // A longer value was skipped. DCMTK would make room for it as text before it finds that out.
    if (element->getLengthField() > DicomReader::kLongestValue) continue;
    OFString value;
    if (element->getOFStringArray(value).bad()) continue;
    std::string clean = printable({value.data(), value.size()});
    if (!clean.empty()) return clean;
  }
  return {};
}

std::vector<std::string> Attributes::texts(const DcmTagKey& tag) const {
  const std::string whole = text(tag);
  std::vector<std::string> values;
  if (whole.empty()) return values;
  for (const std::string_view part : split(whole)) values.emplace_back(part);
  return values;
}

template <std::size_t Count>
std::optional<std::array<double, Count>> Attributes::numbers(const DcmTagKey& tag) const {
  const std::string whole = text(tag);
  const std::vector<std::string_view> parts = split(whole);
  if (parts.size() != Count) return {};
  std::array<double, Count> values;
  for (std::size_t i = 0; i < Count; ++i) {
    const std::optional<double> value = to_number(parts[i]);
    if (!value) return {};
    values[i] = *value;
  }
  return values;
}

template std::optional<std::array<double, 2>> Attributes::numbers(const DcmTagKey&) const;
template std::optional<std::array<double, 3>> Attributes::numbers(const DcmTagKey&) const;
template std::optional<std::array<double, 6>> Attributes::numbers(const DcmTagKey&) const;

std::optional<double> Attributes::number(const DcmTagKey& tag) const {
  const std::string whole = text(tag);
  return to_number(split(whole).front());
}

std::optional<int32_t> Attributes::short_integer(const DcmTagKey& tag, bool is_signed) const {
  for (DcmItem* item : items_) {
    Uint16 bits = 0;
    Sint16 as_signed = 0;
    if (item->findAndGetSint16(tag, as_signed).good()) {
      bits = static_cast<Uint16>(as_signed);
    } else if (item->findAndGetUint16(tag, bits).bad()) {
      continue;
    }
    return is_signed ? int32_t{static_cast<int16_t>(bits)} : int32_t{bits};
  }
  return {};
}

}  // namespace ctclip
