#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phantom/anatomy.h"

namespace ctclip::phantom {

/// One kind of finding that a phantom can show.
struct FindingKind {
  std::string_view name;        ///< as on the command line and in the truth: "pleural_effusion"
  std::string_view supervised;  ///< target of the supervised model that it is; empty: none
  std::string_view prompt;  ///< prompt of CT-CLIP (reference_pathologies()) that it is; empty: none
  std::string_view size_is;            ///< what the size measures: "depth of the fluid, mm"
  double size_low = 0, size_high = 0;  ///< from barely visible to severe
  bool sided = false;
};
const std::vector<FindingKind>& finding_kinds();
/// Case, and blanks or hyphens for underscores, make no difference. Throws Error{usage} that
/// suggests a name, or lists all.
const FindingKind& finding_kind(std::string_view name);

/// "pleural_effusion:side=left,size=30"
struct FindingRequest {
  std::string name;
  std::optional<Side> side;
  std::optional<double> size;
};
FindingRequest parse_finding(std::string_view text);

/// What is really there.
struct Finding {
  std::string name, supervised, prompt;
  Side side = Side::none;
  double size = 0;
  std::vector<Box> boxes;  ///< mm, LPS: one for each piece (each nodule, each effusion)
};

/// Adds the findings to a person: changes `anatomy` where a finding is a size of something, and
/// returns layers where it is something new. What isn't requested is drawn from `random`.
struct Planned {
  std::vector<Finding> truth;
  std::vector<StagedLayer> layers;
};
Planned plan_findings(const std::vector<FindingRequest>& requests, Anatomy& anatomy,
                      const Random& random);

/// A random patient: how many findings (none in about half), and which, with sizes that favour
/// none. Findings that exclude each other are never drawn together.
std::vector<FindingRequest> draw_findings(const Random& random);

}  // namespace ctclip::phantom
