#include "phantom/pacemaker.h"

#include "phantom/render.h"

namespace ctclip::phantom {
namespace {

constexpr float kTitanium = 7000;            // HU, if scanners could count so far
constexpr Point kCase = {21, 4, 18};         // mm, half sizes
constexpr float kSide = 88, kBelowTop = 95;  // mm left of the middle, below the scan's top
constexpr float kUnderSkin = 5;              // mm of tissue over it

/// The y where a ray from the front meets the body at (x, z): the first that is no air.
float skin_at(const Scene& scene, float x, float z) {
  Lattice ray;
  ray.columns = 1, ray.rows = 400;
  ray.origin = {x, -250, z};
  ray.spacing = {1, 1, 1};
  ThreadPool pool(1);
  Watch watch;
  const Slab slab = render(scene, ray, pool, watch);
  for (std::size_t row = 0; row < slab.hu.size(); ++row) {
    if (slab.hu[row] > -300) return ray.origin.y + static_cast<float>(row);
  }
  return 0;
}

void add_metal(Scene& scene, Solid solid) {
  Layer layer;
  layer.solid = std::move(solid);
  layer.material = {Tissue::metal, kTitanium};
  scene.layers.push_back(std::move(layer));
}

}  // namespace

void add_pacemaker(const Anatomy& anatomy, Scene& scene) {
  const float z = anatomy.top - kBelowTop;
  const Point centre = {kSide, skin_at(scene, kSide, z) + kUnderSkin + kCase.y, z};
  add_metal(scene, box(Box::around(centre, kCase), 3.5F));
  const auto& vein = anatomy.superior_vena_cava.path;
  std::vector<Point> lead = {centre + Point{-15, 2, 16}, centre + Point{-30, 20, 42}};
  if (!vein.empty() && vein.front().z > vein.back().z) {
    lead.insert(lead.end(), vein.begin(), vein.end());
  } else {
    lead.insert(lead.end(), vein.rbegin(), vein.rend());
  }
  // The right ventricle lies in front of and below the middle of the heart.
  const Point radii = anatomy.heart_radii;
  lead.push_back(anatomy.heart_centre + Point{-0.3F * radii.x, 0, 0});
  lead.push_back(anatomy.heart_centre + Point{0.35F * radii.x, -0.4F * radii.y, -0.55F * radii.z});
  const std::vector<float> thickness(lead.size(), 1.0F);
  add_metal(scene, tube(std::move(lead), thickness));
}

}  // namespace ctclip::phantom
