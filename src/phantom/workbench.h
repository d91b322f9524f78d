#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "phantom/anatomy_parts.h"
#include "phantom/finding_shapes.h"
#include "phantom/findings.h"

namespace ctclip::phantom {

/// A part of a lung as shares of its box: z from the base (0) to the apex (1), y from the front to
/// the back.
struct Zone {
  float z_low = 0, z_high = 1;
  float y_low = 0, y_high = 1;
};

/// Millimetres between a point of the lung and its surface.
struct Depth {
  float low = 0, high = 200;
};

/// `kParenchyma` leaves vessels and airways as they are. `kInLung` is for solids cut to
/// `free_lung`, which reaches a little into the wall: without the wall's tissues, a film of lung
/// would be left there.
inline constexpr TissueMask kParenchyma = mask_of(Tissue::lung);
inline constexpr TissueMask kInLung = mask_of(Tissue::lung) | mask_of(Tissue::vessel) |
                                      mask_of(Tissue::airway) | mask_of(Tissue::fat) |
                                      mask_of(Tissue::muscle) | mask_of(Tissue::lesion);
/// What a solid thing between the organs pushes away: fat and lung.
inline constexpr TissueMask kSoft = mask_of(Tissue::fat) | mask_of(Tissue::lung);
inline constexpr TissueMask kBone = mask_of(Tissue::bone) | mask_of(Tissue::marrow);

inline constexpr float kWallMm = 0.8F;

/// Where findings are made, one after another: the person, what is free in the lungs, and the
/// finding at hand. Pleural findings come first and take room, so that nothing drowns in an
/// effusion.
class Workbench {
 public:
  Workbench(Anatomy& anatomy, Planned& planned);

  Anatomy& anatomy;
  Random random{0};  ///< of the finding at hand
  Finding finding;   ///< at hand: name, side and size are set

  void start(Finding next, const Random& own);
  void finish();  ///< puts the finding at hand into the truth

  /// The sides that the finding is on; both for one without a side.
  std::vector<Side> sides() const;
  float size() const { return static_cast<float>(finding.size); }
  float draw(double low, double high) { return static_cast<float>(random.uniform(low, high)); }

  const Solid& lung(Side side) const;       ///< all of it
  const Box& lung_box(Side side) const;     ///< tight
  Solid free_lung(Side side) const;         ///< without what pleural findings took; kWallMm wider
  void take(Side side, const Solid& room);  ///< from the free lung
  void avoid(const Box& box) { taken_.push_back(box); }  ///< for `point_in` from now on
  Point hilum(Side side) const;
  Point carina() const;

  /// A place in the free lung with that depth, whose surroundings of `radius` nothing else has
  /// taken. Tries hard; where there is none, first other findings count no more, then depth.
  Point point_in(Side side, const Zone& zone, const Depth& depth, float radius);
  /// Where a ray from the axis of the lung meets its wall; angle 0: outwards, pi/2: to the back.
  Point on_wall(Side side, float angle, float z) const;
  /// A point of the lung in the corner of heart, diaphragm and front wall.
  Point cardiophrenic_angle(Side side);
  float height(Side side, float share) const;  ///< z at a share of the lung's height

  /// Layers; the box of every piece is part of the truth. `put` and `add` don't box by themselves.
  void put(Solid solid, const Material& material, TissueMask on, float softness = 0);
  void add(Solid solid, float hu, float softness, TissueMask on = kParenchyma);
  void add(Solid solid, std::function<float(Point)> hu, float softness = 0,
           TissueMask on = kParenchyma);
  void paint(const Layer& layer, Stage stage = Stage::findings);
  void box(const Solid& piece);
  void box(const Box& piece);

  /// Another finding that is there too because this one is (fluid below the air).
  void also(std::string_view name, double size, std::vector<Box> boxes);

 private:
  struct Lung {
    Box box;
    std::vector<Solid> taken;
  };
  const Lung& side_of(Side side) const { return lungs_[side == Side::left ? 0 : 1]; }
  bool is_free(Side side, Point at) const;

  Planned& planned_;
  std::array<Lung, 2> lungs_;
  std::vector<Box> taken_;
  std::vector<Finding> also_;
};

}  // namespace ctclip::phantom
