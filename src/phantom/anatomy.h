#pragma once

#include <array>
#include <vector>

#include "phantom/scene.h"

namespace ctclip::phantom {

enum class Side { none, left, right, both };

/// A path with a radius at each point: vessels, airways, ribs.
struct Branch {
  std::vector<Point> path;
  std::vector<float> radii;
  int generation = 0;  ///< 0: trachea, 1: main bronchus, ...; for vessels likewise
  Side side = Side::none;
};

struct Vertebra {
  Point centre;  ///< of the body
  float width = 0, depth = 0, height = 0;
  float height_front = 0;  ///< = height unless a fracture has taken from it
  int number = 0;          ///< 1..12: T1..T12, 0: C7, 13: L1
};

struct Rib {
  int number = 0;  ///< 1..12
  Side side = Side::left;
  Branch arc;          ///< from the spine to the front
  bool stump = false;  ///< the spine's end of a broken rib, which no cartilage leads on from
};

/// The rib cage's inner wall: an ellipsoid for each side, and what every other part is placed by.
/// Places are written for a chest of ordinary size and scaled to this one.
struct Thorax {
  float width = 1, depth = 1, height = 1;  ///< against an ordinary chest
  float offset = 56;                       ///< mm from the midline to the axis of each side
  float radius_x = 78, radius_y = 91, radius_z = 215, centre_y = 2, centre_z = -90;

  Point place(float x, float y, float z) const { return {x * width, y * depth, z * height}; }
  /// On the wall at a height: `degrees` from sideways (0) towards the back (90) or the front (-90),
  /// `outwards` mm from it.
  Point wall(Side side, float degrees, float z, float outwards) const;
  Solid cage(Side side, float outwards) const;
  /// Height (unscaled z) to the middle of the vertebral bodies, mm: thoracic kyphosis.
  float spine_y(float z) const;
};

/// One person: everything that was drawn from the seed, in mm, LPS, origin midway between the
/// lungs' apices and bases on the midline of the thorax. Findings change it before it is painted (a
/// wider aorta) or add layers after (a nodule), and look up where things are.
struct Anatomy {
  uint64_t seed = 0;
  // Habitus. Half sizes of the outer body at the level of the carina.
  bool female = false;
  bool arms_up = true;
  float body_half_width = 170, body_half_depth = 115;
  float fat_mm = 15;  ///< subcutaneous
  float muscle_mm = 14;
  float lung_height = 250;  ///< apex to base
  Thorax thorax;
  float blood_hu = 42;  ///< higher with contrast
  // Lungs: one solid each, pleura outside; hilum is where vessels and bronchi enter.
  Solid left_lung, right_lung;
  Point left_hilum, right_hilum;
  float lung_hu = -850;
  /// Domes of the diaphragm, top point; liver below the right one, stomach below the left one.
  Point left_dome, right_dome;
  // Heart and vessels.
  Point heart_centre;
  Point heart_radii;
  float heart_scale = 1;                                  ///< cardiomegaly: > 1.25
  Branch ascending_aorta, aortic_arch, descending_aorta;  ///< radii are outer, mm
  Branch pulmonary_trunk, left_pulmonary_artery, right_pulmonary_artery;
  Branch superior_vena_cava;
  std::vector<Branch> coronaries;  ///< LAD, circumflex, right
  Branch oesophagus;
  // Airways: trachea, main bronchi, ... down to segments; vessels go with them and further.
  std::vector<Branch> airways;
  std::vector<Branch> lung_vessels;
  // Skeleton.
  std::vector<Vertebra> spine;
  std::vector<Rib> ribs;
  Branch sternum;
  float bone_hu = 250;  ///< trabecular, falls with age
  /// Extent of the scan: neck to below the diaphragm.
  float bottom = -190, top = 170;
};

/// The outline of the heart in its sac, epicardial fat not included, scaled by heart_scale.
Solid heart_outline(const Anatomy& anatomy);
/// A branch as a solid, its radii made larger by `margin` mm.
Solid solid_of(const Branch& branch, float margin = 0);
/// Everything below a side's dome of the diaphragm, down past the scan.
Solid below_dome(const Anatomy& anatomy, Side side);

/// Draws a person. Healthy: every size within what is normal (aorta < 38 mm, pulmonary trunk < 28
/// mm, ...).
Anatomy draw_anatomy(const Random& random);

/// What lies over what. A finding's layers go in between by stage.
enum class Stage { body, skeleton, mediastinum, lungs, lung_vessels, airways, findings, outside };

/// The person as layers, findings' own layers (by stage) included.
struct StagedLayer {
  Stage stage = Stage::findings;
  Layer layer;
};
Scene paint(const Anatomy& anatomy, std::vector<StagedLayer> findings);

}  // namespace ctclip::phantom
