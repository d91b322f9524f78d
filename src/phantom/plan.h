#pragma once

#include <nlohmann/json.hpp>

#include "phantom/phantom.h"
#include "phantom/series_writer.h"

namespace ctclip::phantom {

/// Everything that was drawn or given before anything is rendered.
struct Plan {
  Scene scene;
  std::vector<Finding> findings;
  Acquisition acquisition;
  bool female = false, arms_up = true;
  int64_t age = 60;
};

/// Throws Error{usage} for options that no phantom can be made with.
Plan make_plan(const PhantomOptions& options);

/// What the truth file says but for the series' UIDs, see docs/phantom.md.
nlohmann::ordered_json describe(const PhantomOptions& options, const Plan& plan);

/// "chest", "soft", ...: as on the command line.
std::string_view name_of(Part part);
std::string_view name_of(Kernel kernel);
std::string_view name_of(Side side);

}  // namespace ctclip::phantom
