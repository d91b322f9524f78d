#pragma once

#include <string>

#include "study/volume.h"

namespace ctclip {

/// What the search for lungs in a coarse copy of the volume found.
struct Lungs {
  double litres = 0;  ///< of aerated lung
  bool present = false;
  std::string reason;  ///< where not present: what was looked for and what was found
};

Lungs find_lungs(const Volume& volume);

}  // namespace ctclip
