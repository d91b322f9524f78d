#pragma once

#include <string>

#include "study/volume.h"

namespace ctclip {

/// What the search for lungs in a coarse copy of the volume found.
struct Lungs {
  double litres = 0;     ///< of aerated lung
  double height_mm = 0;  ///< from the lowest to the highest slice with lung in it
  bool present = false;
  std::string reason;  ///< where not present: what was looked for and what was found
};

/// Looks for air inside the body that has the texture of lung.
///
/// In a copy of cells about 4 mm wide (means of voxels, which takes noise and sharp kernels out)
/// the body is the largest connected piece of more than -500 HU. What lies below that and is
/// enclosed by the body in its axial slice is air inside; connected pieces of it count as lung
/// where they have at least 0.05 l and where at least a fifth of the cells that touch nothing else
/// hold parenchyma, -970 to -500 HU. Gas in bowel, stomach or sinuses is -1000 HU throughout but
/// for its rim; emphysema leaves far more than a fifth of a lung above -970 HU.
///
/// Present means at least 0.5 l in all, reaching over at least 100 mm from feet to head. Both lungs
/// of an adult have 4.5 +- 1.3 l in CT (Cheng et al., Int J COPD 2019;14:1657) and never less than
/// the residual volume, 1.1 to 1.2 l, so one lung after the loss of the other still has more than
/// half a litre; lung bases in a CT of the abdomen reach over a few centimetres. Lungs of infants,
/// about 0.1 to 0.3 l, are refused: the networks know adults.
Lungs find_lungs(const Volume& volume);

}  // namespace ctclip
