#include "base/names.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace ctclip {
namespace {

std::string plain(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool gap = c == ' ' || c == '-' || c == '_' || c == '\t';
    if (!gap) {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  while (out.ends_with('_')) out.pop_back();
  return out;
}

/// Optimal string alignment: a swap of neighbours counts once, and nothing is changed twice.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) table[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) table[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      table[i][j] = std::min({table[i - 1][j] + 1, table[i][j - 1] + 1,
                              table[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        table[i][j] = std::min(table[i][j], table[i - 2][j - 2] + 1);
      }
    }
  }
  return table[a.size()][b.size()];
}

}  // namespace

std::optional<std::string> find_name(std::string_view typed, std::span<const std::string> names) {
  const std::string wanted = plain(typed);
  const auto found =
      std::ranges::find_if(names, [&](const std::string& name) { return plain(name) == wanted; });
  return found == names.end() ? std::nullopt : std::optional(*found);
}

std::optional<std::string> closest_name(std::string_view typed,
                                        std::span<const std::string> names) {
  constexpr std::size_t kLongest = 64;  // nobody mistypes more, and the table is quadratic
  const std::string wanted = plain(typed.substr(0, kLongest));
  std::optional<std::string> best;
  std::size_t least = std::max<std::size_t>(1, wanted.size() / 3) + 1;
  for (const std::string& name : names) {
    const std::size_t apart = distance(wanted, plain(name));
    if (apart >= least || apart >= name.size()) continue;
    least = apart;
    best = name;
  }
  return best;
}

std::string did_you_mean(std::string_view typed, std::span<const std::string> names) {
  const auto name = closest_name(typed, names);
  return name ? "; did you mean " + *name + "?" : "";
}

}  // namespace ctclip
