#pragma once

#include <array>

#include "models/ct_vit.h"

namespace ctclip {

/// What every volume is brought to before the networks see it: voxel spacing and size, and how
/// CT-ViT cuts it into patches. Axes of a prepared volume are (D, H, W): slices towards the head,
/// columns towards the left, rows towards the back. (H runs over image columns: the reference hands
/// the networks its NIfTI array, first axis first.)
struct Geometry3d {
  std::array<float, 3> spacing = {1.5F, 0.75F, 0.75F};  ///< mm along D, H, W
  models::CtVitGeometry vit;                            ///< sizes along D, H, W and the patches
};

}  // namespace ctclip
