#include "phantom/other_parts.h"

#include <algorithm>

namespace ctclip::phantom {
namespace {

class Painter {
 public:
  explicit Painter(uint64_t seed) : seed_(seed) {}

  Painter& add(Solid solid, Tissue tissue, float hu, float texture = 0, float texture_mm = 8) {
    Layer layer;
    layer.solid = std::move(solid);
    layer.material = {tissue, hu, texture, texture_mm, 0, seed_ + scene_.layers.size()};
    scene_.layers.push_back(std::move(layer));
    return *this;
  }
  /// Itself and its mirror image.
  Painter& add_both(Point centre, Point radii, Tissue tissue, float hu, float texture = 0,
                    float texture_mm = 8) {
    add(ellipsoid(centre, radii), tissue, hu, texture, texture_mm);
    centre.x = -centre.x;
    return add(ellipsoid(centre, radii), tissue, hu, texture, texture_mm);
  }
  Scene take() { return std::move(scene_); }

 private:
  uint64_t seed_;
  Scene scene_;
};

/// A vertebral column without much detail: bodies with discs between, a canal, processes.
void add_spine(Painter& painter, float y, float width, float pitch, float low, float high) {
  painter.add(capsule({0, y, low}, {0, y, high}, 0.42F * width, 0.42F * width), Tissue::organ, 70);
  for (float z = low; z < high; z += pitch) {
    const float height = 0.38F * pitch;
    painter.add(box(Box::around({0, y, z}, {0.5F * width, 0.36F * width, height}), 4), Tissue::bone,
                450);
    painter.add(box(Box::around({0, y, z}, {0.5F * width - 2, 0.36F * width - 2, height - 2}), 3),
                Tissue::marrow, 190, 40, 3);
    painter.add(capsule({0, y + 0.85F * width, z}, {0, y + 1.3F * width, z - 6}, 4, 3),
                Tissue::bone, 400);
    painter.add_both({0.6F * width, y + 0.65F * width, z}, {0.45F * width, 5, 5}, Tissue::bone,
                     350);
  }
  painter.add(capsule({0, y + 0.6F * width, low}, {0, y + 0.6F * width, high}, 7, 7), Tissue::fluid,
              25);
}

void add_table(Painter& painter, float y) {
  painter.add(box({{-200, y, -400}, {200, y + 25, 400}}, 8), Tissue::table, -200);
  painter.add(box({{-197, y + 3, -400}, {197, y + 22, 400}}, 6), Tissue::air, -930);
}

void add_neck(Painter& painter) {
  painter.add(capsule({0, 18, -200}, {0, 12, -60}, 62, 56), Tissue::fat, -90, 15);
  painter.add(capsule({0, 20, -200}, {0, 14, -60}, 54, 48), Tissue::muscle, 50, 12, 5);
  painter.add(capsule({0, -18, -200}, {0, -20, -75}, 10, 9), Tissue::airway, -1000);
  painter.add_both({26, 0, -140}, {6, 6, 60}, Tissue::vessel, 45);
  add_spine(painter, 34, 26, 18, -200, -70);
}

void add_gas(Painter& painter, Random& random) {
  for (int i = 0; i < 14; ++i) {
    const Point centre = {static_cast<float>(random.uniform(-100, 100)),
                          static_cast<float>(random.uniform(-70, -20)),
                          static_cast<float>(random.uniform(-190, 10))};
    const auto radius = static_cast<float>(random.uniform(10, 18));
    painter.add(ellipsoid(centre, {radius * 1.8F, radius, radius}), Tissue::organ, 35, 15);
    painter.add(ellipsoid(centre + Point{0, -2, 0}, {radius * 1.5F, 0.7F * radius, 0.8F * radius}),
                Tissue::air, -1000);
  }
}

}  // namespace

OtherPart draw_head(const Random& random) {
  Random draw = random.stream("head");
  const auto size = static_cast<float>(draw.bounded(1, 0.05));
  Painter painter(draw.bits());
  add_table(painter, 112);
  add_neck(painter);
  const Point centre = {0, 0, 0}, skull = Point{76, 95, 85} * size;
  painter.add(ellipsoid(centre, skull + Point{6, 6, 6}), Tissue::skin, 0, 20);
  painter.add(ellipsoid({0, -50, -60}, Point{58, 50, 55} * size), Tissue::muscle, 40, 25,
              6);  // face
  painter.add(ellipsoid(centre, skull), Tissue::bone, 950, 80, 5);
  painter.add(ellipsoid(centre, skull + Point{-6, -6, -6}), Tissue::fluid, 8);
  painter.add(ellipsoid(centre, skull + Point{-10, -10, -10}), Tissue::organ, 34, 6, 6);
  painter.add_both(Point{12, -12, 10} * size, Point{6, 28, 12} * size, Tissue::fluid, 6);
  painter.add(box(Box::around({0, 0, 35 * size}, {0.7F, 70 * size, 30 * size}), 0.5F),
              Tissue::organ,
              60);                                                            // falx
  painter.add_both({27, -80 * size, -62}, {16, 16, 18}, Tissue::air, -1000);  // maxillary sinuses
  painter.add(ellipsoid({0, -90 * size, -5}, {16, 7, 12}), Tissue::air, -1000);  // frontal sinus
  painter.add_both({58 * size, 25, -68}, {10, 14, 14}, Tissue::bone, -250, 500, 5);  // mastoids
  painter.add_both({32, -84 * size, -30}, {13, 13, 13}, Tissue::fluid, 15);          // eyes
  return {painter.take(), -190, 110, 110};
}

OtherPart draw_abdomen(const Random& random) {
  Random draw = random.stream("abdomen");
  const auto width = static_cast<float>(draw.bounded(165, 15));
  const auto depth = static_cast<float>(draw.bounded(115, 10));
  const auto fat = static_cast<float>(draw.uniform(12, 32));
  Painter painter(draw.bits());
  add_table(painter, depth + 4);
  const auto trunk = [&](float in) {
    const Section section = {-420, 0, 0, width - in, depth - in};
    Section upper = section;
    upper.z = 320;
    return loft({section, upper}, 0.2F);
  };
  painter.add(trunk(0), Tissue::skin, 20).add(trunk(2), Tissue::fat, -100, 15);
  painter.add(trunk(fat), Tissue::muscle, 55, 10, 5).add(trunk(fat + 12), Tissue::fat, -95, 20);
  add_spine(painter, depth - 75, 44, 34, -260, 190);
  painter.add_both({38, depth - 70, -110}, {17, 20, 110}, Tissue::muscle, 55);  // psoas
  painter.add(ellipsoid({-62, -8, 62}, {width - fat - 80, depth - fat - 26, 72}), Tissue::organ, 58,
              6);                                                            // liver
  painter.add(ellipsoid({86, 22, 70}, {28, 45, 48}), Tissue::organ, 50, 5);  // spleen
  painter.add(ellipsoid({58, -34, 62}, {46, 36, 40}), Tissue::organ, 40);    // stomach
  painter.add(ellipsoid({58, -48, 66}, {36, 18, 30}), Tissue::air, -1000);
  painter.add_both({62, depth - 62, -10}, {24, 22, 52}, Tissue::organ, 35, 5);  // kidneys
  painter.add(capsule({-4, depth - 112, -260}, {4, depth - 108, 190}, 10, 11), Tissue::vessel, 42);
  add_gas(painter, draw);
  const Point base = {0.45F * width, 0.2F * depth, 158};
  painter.add_both(base, {0.33F * width, 0.5F * depth, 50}, Tissue::lung, -840, 60, 6);
  return {painter.take(), -200, 140, width};
}

}  // namespace ctclip::phantom
