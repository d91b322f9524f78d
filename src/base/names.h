#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ctclip {

/// Names from a closed list, as people type them: case, and whether blanks, hyphens or underscores
/// stand between words, make no difference.

/// The name that `typed` is, as the list spells it; none if it is not in the list.
std::optional<std::string> find_name(std::string_view typed, std::span<const std::string> names);

/// The name that `typed` most likely was meant to be: one that at most a third of its letters
/// (insertions, deletions, replacements, swaps of neighbours) keep apart. None if there is none.
std::optional<std::string> closest_name(std::string_view typed, std::span<const std::string> names);

/// The end of an error message: "; did you mean NAME?", or nothing.
std::string did_you_mean(std::string_view typed, std::span<const std::string> names);

}  // namespace ctclip
