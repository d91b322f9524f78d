#pragma once

#include <cstdint>
#include <vector>

#include "phantom/findings.h"

namespace ctclip::phantom {

class Workbench;

/// When a finding is made: first what changes the person, then what takes room in the pleura, then
/// large things in the lung, then small ones, which keep clear of them, then what goes through all
/// of it.
enum class Turn : uint8_t { person, pleura, large, small, whole };

/// Findings that share a bit here are never drawn together on one side.
namespace exclusive {
inline constexpr uint32_t kPleura = 1U << 0, kDiffuse = 1U << 1, kAorta = 1U << 2, kFront = 1U << 3,
                          kSpine = 1U << 4, kHeart = 1U << 5, kBase = 1U << 6, kPatches = 1U << 7,
                          kTuberculous = 1U << 8, kWall = 1U << 9, kMiddle = 1U << 10;
}  // namespace exclusive

/// A kind of finding and how it is made.
struct Recipe {
  FindingKind kind;
  Turn turn = Turn::large;
  uint32_t excludes = 0;  ///< exclusive::...
  void (*make)(Workbench&) = nullptr;
};

/// In the order of finding_kinds(). findings_table.cc
const std::vector<Recipe>& recipes();
/// Throws Error{usage} that lists the names.
const Recipe& recipe(std::string_view name);
/// Both sides now and then; none for a kind that has no side.
Side draw_side(const FindingKind& kind, Random& random);

}  // namespace ctclip::phantom
