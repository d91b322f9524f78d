// Where the heart, the great vessels and the oesophagus are.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "phantom/anatomy_parts.h"

namespace ctclip::phantom {
namespace {

/// A branch through unscaled places, radii in mm spread evenly along it.
Branch branch_of(const Thorax& t, std::vector<Point> through, const std::vector<float>& radii,
                 int steps = 5) {
  for (Point& p : through) p = t.place(p.x, p.y, p.z);
  Branch branch;
  branch.path = smooth_path(through, steps);
  for (std::size_t i = 0; i < branch.path.size(); ++i) {
    const float at = static_cast<float>(i) / static_cast<float>(branch.path.size() - 1) *
                     static_cast<float>(radii.size() - 1);
    const auto k = std::min(static_cast<std::size_t>(at), radii.size() - 2);
    const float t1 = at - static_cast<float>(k);
    branch.radii.push_back(radii[k] * (1 - t1) + radii[k + 1] * t1);
  }
  return branch;
}

/// The spine's front less `before` mm, unscaled, for what runs along it.
Point before_spine(const Thorax& t, float x, float z, float before) {
  return {x, t.spine_y(z) / t.depth - before, z};
}

void draw_aorta(Anatomy& a, Random& random) {
  const Thorax& t = a.thorax;
  const float r = static_cast<float>(random.bounded(a.female ? 15.0 : 16.0, 1.1, 2));
  a.ascending_aorta = branch_of(t, {{6, -20, -2}, {-9, -30, 18}, {-15, -30, 42}, {-11, -22, 62}},
                                {r * 1.02F, r, r, r * 0.95F});
  a.aortic_arch =
      branch_of(t, {{-11, -22, 62}, {-2, -8, 72}, {11, 9, 73}, {21, 26, 62}, {24, 34, 50}},
                {r * 0.95F, r * 0.86F, r * 0.8F, r * 0.77F});
  const float d = r * 0.76F;
  const auto along = [&](float x, float z) {
    return before_spine(t, x, z, z < -60 ? 20.0F : 9.0F);
  };
  a.descending_aorta = branch_of(t,
                                 {{24, 34, 50},
                                  along(26, 30),
                                  along(25, 0),
                                  along(22, -40),
                                  along(15, -80),
                                  along(6, -120),
                                  along(3, -205)},
                                 {d, d, d * 0.97F, d * 0.93F, d * 0.86F, d * 0.8F});
}

void draw_pulmonary(Anatomy& a, Random& random) {
  const Thorax& t = a.thorax;
  const float r = static_cast<float>(random.bounded(a.female ? 11.6 : 12.2, 0.7, 2));
  a.pulmonary_trunk = branch_of(t, {{20, -46, -4}, {24, -38, 14}, {22, -22, 28}, {18, -8, 30}},
                                {r, r, r, r * 0.95F});
  a.left_pulmonary_artery = branch_of(t, {{18, -8, 30}, {34, 4, 33}, {47, 14, 27}, {50, 20, 16}},
                                      {r * 0.85F, r * 0.8F, 8, 6.5F});
  a.right_pulmonary_artery = branch_of(t, {{18, -8, 30}, {0, -4, 27}, {-26, -1, 23}, {-45, 6, 12}},
                                       {r * 0.85F, r * 0.8F, 8.6F, 6.5F});
  a.left_hilum = t.place(50, 18, 14);
  a.right_hilum = t.place(-45, 8, 10);
}

/// Point on the front of the heart: degrees around it from the left (0) towards the front (90), and
/// `up` -1..1.
Point on_heart(const Anatomy& a, float degrees, float up, float outwards) {
  const float angle = degrees * std::numbers::pi_v<float> / 180, flat = std::sqrt(1 - up * up);
  const Point r = a.heart_radii + Point{outwards, outwards, outwards};
  const Point local{r.x * flat * std::cos(angle), -r.y * flat * std::sin(angle), r.z * up};
  // The same turns as heart_outline's, by hand: about z, then about y.
  const auto turn = [](float& u, float& v, float degrees_by) {
    const float by = degrees_by * std::numbers::pi_v<float> / 180;
    const float u1 = u * std::cos(by) - v * std::sin(by);
    v = u * std::sin(by) + v * std::cos(by);
    u = u1;
  };
  Point p = local;
  turn(p.z, p.x, 22);
  turn(p.x, p.y, -28);
  return a.heart_centre + p;
}

Branch coronary(const Anatomy& a, const std::array<Point, 5>& angles) {
  std::vector<Point> through;
  through.reserve(angles.size());
  for (const Point& p : angles) through.push_back(on_heart(a, p.x, p.y, 2.2F));
  Branch branch;
  branch.path = smooth_path(through, 4);
  for (std::size_t i = 0; i < branch.path.size(); ++i) {
    branch.radii.push_back(1.9F - 0.05F * static_cast<float>(i));
  }
  return branch;
}

void draw_heart(Anatomy& a, Random& random) {
  const Thorax& t = a.thorax;
  const float size = static_cast<float>(random.bounded(a.female ? 0.95 : 1.0, 0.04, 2));
  a.heart_centre = t.place(22, -33, -34);
  a.heart_radii = Point{59 * t.width, 42 * t.depth, 44 * std::min(t.height, 1.05F)} * size;
  a.coronaries = {
      coronary(a,
               {{{100, 0.72F, 0}, {78, 0.55F, 0}, {58, 0.3F, 0}, {40, 0.0F, 0}, {22, -0.3F, 0}}}),
      coronary(a,
               {{{100, 0.72F, 0}, {60, 0.75F, 0}, {15, 0.62F, 0}, {-15, 0.4F, 0}, {-35, 0.1F, 0}}}),
      coronary(
          a,
          {{{120, 0.7F, 0}, {140, 0.4F, 0}, {150, 0.0F, 0}, {145, -0.4F, 0}, {125, -0.75F, 0}}})};
}

void draw_oesophagus(Anatomy& a) {
  const Thorax& t = a.thorax;
  a.oesophagus = branch_of(t,
                           {before_spine(t, 2, 170, 17),
                            before_spine(t, 4, 120, 19),
                            before_spine(t, 5, 60, 22),
                            before_spine(t, 3, 10, 24),
                            before_spine(t, 8, -40, 27),
                            {18, 14, -72},
                            {28, 2, -92}},
                           {5.5F, 6, 6, 6.5F, 7, 7});
}

}  // namespace

Solid heart_outline(const Anatomy& a) {
  Solid solid = ellipsoid(a.heart_centre, a.heart_radii * a.heart_scale);
  // The apex points to the left, forwards and down.
  return turned(turned(solid, a.heart_centre, 1, 22), a.heart_centre, 2, -28);
}

void draw_mediastinum(Anatomy& a, const Random& from) {
  Random random = from.stream("mediastinum");
  draw_aorta(a, random);
  draw_pulmonary(a, random);
  draw_heart(a, random);
  draw_oesophagus(a);
  a.superior_vena_cava = branch_of(
      a.thorax, {{-24, -26, 88}, {-27, -18, 65}, {-27, -10, 35}, {-22, -8, 5}, {-18, -8, -12}},
      {7.5F, 9, 9.5F, 10});
  const float right = static_cast<float>(random.bounded(-58, 7, 1.8));
  a.right_dome = a.thorax.place(-58, -12, right);
  a.left_dome = a.thorax.place(60, -8, right - static_cast<float>(random.uniform(6, 18)));
}

}  // namespace ctclip::phantom
