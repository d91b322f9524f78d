#pragma once

#include "phantom/scene.h"

namespace ctclip::phantom {

/// Parts of the body that are no chest, much simpler: the lungs check must refuse them.
struct OtherPart {
  Scene scene;
  float bottom = 0, top = 0;  ///< mm to scan
  float half_width = 0;       ///< mm
};

/// Skull with air in sinuses and mastoid cells, brain with ventricles, neck with airway and spine.
OtherPart draw_head(const Random& random);
/// Liver, kidneys, spleen, spine, stomach and bowel with gas, and the lowest few centimetres of
/// lung.
OtherPart draw_abdomen(const Random& random);

}  // namespace ctclip::phantom
