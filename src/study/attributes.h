#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

class DcmItem;
class DcmTagKey;

namespace ctclip {

/// The attributes that hold for one frame: those of its functional groups before those shared by
/// all frames before those of the data set (PS3.3 C.7.6.16). For a single-frame image just the data
/// set. Text comes trimmed, with '?' for what is not printable ASCII: it goes into answers.
class Attributes {
 public:
  /// `items` in the order in which they are asked; they outlive this.
  explicit Attributes(std::vector<DcmItem*> items) : items_(std::move(items)) {}

  bool has(const DcmTagKey& tag) const;
  /// All values joined by '\'; empty where absent.
  std::string text(const DcmTagKey& tag) const;
  std::vector<std::string> texts(const DcmTagKey& tag) const;
  /// Decimal strings. Nothing where a value is missing or no finite number.
  template <std::size_t Count>
  std::optional<std::array<double, Count>> numbers(const DcmTagKey& tag) const;
  std::optional<double> number(const DcmTagKey& tag) const;
  /// US or SS as the number that its 16 bits mean with this sign.
  std::optional<int32_t> short_integer(const DcmTagKey& tag, bool is_signed) const;

 private:
  std::vector<DcmItem*> items_;
};

}  // namespace ctclip
