#include "app/comparison_table.h"

#include <fmt/format.h>

#include "pipeline/compare.h"

namespace ctclip::app {

std::string as_table(const Comparison& comparison) {
  std::string text = fmt::format("{:<34} {:>8} {:>9} {:>9} {:>9}\n", "bf16 differs from f32 by",
                                 "values", "median", "95 %", "largest");
  for (const auto& [name, spread] : comparison.differences) {
    text += fmt::format("  {:<32} {:>8} {:>9} {:>9} {:>9}\n",
                        is_angle(name) ? name + ", degrees" : name, spread.values,
                        shown_difference(spread.median), shown_difference(spread.percentile_95),
                        shown_difference(spread.largest));
  }
  text += fmt::format("flipped decisions: {} of {} (with 95 % certainty at most {:.1f} %)\n",
                      comparison.flipped, comparison.studies, 100 * most_flips(comparison));
  text += fmt::format("changed most_dangerous_pathology_type: {} of {}\n", comparison.other_type,
                      comparison.studies);
  return text;
}

}  // namespace ctclip::app
