#pragma once

#include "phantom/anatomy.h"

namespace ctclip::phantom {

/// A pacemaker under the skin of the left chest and its lead through the superior vena cava to the
/// heart, painted over `scene`. The scanner makes the streaks.
void add_pacemaker(const Anatomy& anatomy, Scene& scene);

}  // namespace ctclip::phantom
