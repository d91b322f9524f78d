// Which findings a random patient has.

#include <algorithm>
#include <array>

#include "phantom/recipes.h"

namespace ctclip::phantom {
namespace {

/// How many have none, one, two, ... findings.
int draw_count(Random& random) {
  constexpr std::array<double, 5> kShares = {0.5, 0.2, 0.14, 0.09, 0.05};  // the rest: five
  double part = random.uniform();
  for (size_t n = 0; n < kShares.size(); ++n) {
    if (part < kShares[n]) return static_cast<int>(n);
    part -= kShares[n];
  }
  return static_cast<int>(kShares.size());
}

bool on_one_side(Side a, Side b) {
  const auto on_both = [](Side side) { return side == Side::none || side == Side::both; };
  return a == b || on_both(a) || on_both(b);
}

bool exclude(const Recipe& a, Side side_a, const Recipe& b, Side side_b) {
  if (a.kind.name == b.kind.name) return true;
  return (a.excludes & b.excludes) != 0 && on_one_side(side_a, side_b);
}

}  // namespace

std::vector<FindingRequest> draw_findings(const Random& random) {
  Random own = random.stream("draw_findings");
  const int count = draw_count(own);
  std::vector<FindingRequest> drawn;
  // Draws again what can't be; 50 times are more than ever needed.
  for (int i = 0; i < 50 && static_cast<int>(drawn.size()) < count; ++i) {
    const auto n = own.integer(0, static_cast<int64_t>(recipes().size()) - 1);
    const Recipe& next = recipes()[static_cast<size_t>(n)];
    const Side side = draw_side(next.kind, own);
    const bool possible =
        std::none_of(drawn.begin(), drawn.end(), [&](const FindingRequest& other) {
          return exclude(next, side, recipe(other.name), other.side.value_or(Side::none));
        });
    if (!possible) continue;
    FindingRequest request;
    request.name = next.kind.name;
    if (next.kind.sided) request.side = side;
    drawn.push_back(request);
  }
  return drawn;
}

}  // namespace ctclip::phantom
