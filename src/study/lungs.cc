#include "study/lungs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "study/components.h"

namespace ctclip {
namespace {

constexpr double kCell = 4;                                     // mm
constexpr float kBody = -500;                                   // HU
constexpr float kParenchymaLow = -970, kParenchymaHigh = -500;  // HU
constexpr double kParenchymaShare = 0.2;
constexpr double kPieceLitres = 0.05;
constexpr double kLungLitres = 0.5, kLungHeight = 100;  // l, mm

struct Coarse {
  Grid<float> hu;
  double cell_litres = 0;
  double height = 0;  // mm, of a cell
};

/// Voxels to a cell along an axis: as many as come closest to kCell, and never more than there are.
int64_t voxels_in_cell(double spacing, int64_t size) {
  return std::clamp<int64_t>(std::llround(kCell / spacing), 1, size);
}

/// Means over whole cells; a remainder at the far edges is left out.
Coarse coarse_copy(const Volume& volume) {
  const auto& hu = volume.hu;
  std::array<int64_t, 3> factor, shape;
  Coarse coarse;
  coarse.cell_litres = 1e-6;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    factor[axis] = voxels_in_cell(volume.spacing[axis], hu.dim(axis));
    shape[axis] = hu.dim(axis) / factor[axis];
    coarse.cell_litres *= volume.spacing[axis] * static_cast<double>(factor[axis]);
  }
  coarse.height = volume.spacing[0] * static_cast<double>(factor[0]);
  coarse.hu = Grid<float>(shape, 0);
  const float share = 1 / static_cast<float>(factor[0] * factor[1] * factor[2]);
  for (int64_t z = 0; z < shape[0] * factor[0]; ++z) {
    for (int64_t y = 0; y < shape[1] * factor[1]; ++y) {
      const float* row = hu.data() + (z * hu.dim(1) + y) * hu.dim(2);
      float* cells = coarse.hu.cells.data() + coarse.hu.at(z / factor[0], y / factor[1], 0);
      for (int64_t x = 0; x < shape[2]; ++x) {
        float sum = 0;
        for (int64_t i = 0; i < factor[2]; ++i) {
          // Padding far below air would pull cells at the edge of the field of view down.
          sum += std::max(row[x * factor[2] + i], -1024.0F);
        }
        cells[x] += sum * share;
      }
    }
  }
  return coarse;
}

Mask find_body(const Grid<float>& hu) {
  Mask dense(hu.shape, 0);
  for (std::size_t i = 0; i < hu.cells.size(); ++i) dense.cells[i] = hu.cells[i] > kBody;
  const Components pieces = connected(dense);
  const int32_t largest = pieces.largest();
  for (std::size_t i = 0; i < dense.cells.size(); ++i) {
    dense.cells[i] = largest != 0 && pieces.labels.cells[i] == largest;
  }
  return dense;
}

/// What is known of one piece of enclosed air.
struct Piece {
  int64_t cells = 0, core = 0, parenchyma = 0;  // core: cells that touch only the same piece
  bool is_lung = false;
};

bool in_core(const Grid<int32_t>& labels, int64_t z, int64_t y, int64_t x) {
  const auto& [depth, height, width] = labels.shape;
  const int32_t own = labels.cells[labels.at(z, y, x)];
  const auto same = [&](int64_t zz, int64_t yy, int64_t xx) {
    return labels.cells[labels.at(zz, yy, xx)] == own;
  };
  // The first and last slice of the scan are no surface of the piece.
  return (z == 0 || same(z - 1, y, x)) && (z == depth - 1 || same(z + 1, y, x)) && y > 0 &&
         same(z, y - 1, x) && y < height - 1 && same(z, y + 1, x) && x > 0 && same(z, y, x - 1) &&
         x < width - 1 && same(z, y, x + 1);
}

std::vector<Piece> judge_pieces(const Components& air, const Coarse& coarse) {
  std::vector<Piece> pieces(air.sizes.size());
  for (int64_t z = 0; z < coarse.hu.shape[0]; ++z) {
    for (int64_t y = 0; y < coarse.hu.shape[1]; ++y) {
      for (int64_t x = 0; x < coarse.hu.shape[2]; ++x) {
        const std::size_t i = air.labels.at(z, y, x);
        const int32_t label = air.labels.cells[i];
        if (label == 0) continue;
        Piece& piece = pieces[static_cast<std::size_t>(label) - 1];
        ++piece.cells;
        if (!in_core(air.labels, z, y, x)) continue;
        ++piece.core;
        const float hu = coarse.hu.cells[i];
        piece.parenchyma += hu >= kParenchymaLow && hu <= kParenchymaHigh;
      }
    }
  }
  for (Piece& piece : pieces) {
    const double litres = static_cast<double>(piece.cells) * coarse.cell_litres;
    piece.is_lung =
        litres >= kPieceLitres && piece.core > 0 &&
        static_cast<double>(piece.parenchyma) >= kParenchymaShare * static_cast<double>(piece.core);
  }
  return pieces;
}

/// Height from the lowest to the highest slice that holds lung.
double height_of_lung(const Components& air, const std::vector<Piece>& pieces,
                      const Coarse& coarse) {
  const auto plane = static_cast<std::size_t>(coarse.hu.shape[1] * coarse.hu.shape[2]);
  int64_t lowest = -1, highest = -1;
  for (std::size_t i = 0; i < air.labels.cells.size(); ++i) {
    const int32_t label = air.labels.cells[i];
    if (label == 0 || !pieces[static_cast<std::size_t>(label) - 1].is_lung) continue;
    highest = static_cast<int64_t>(i / plane);
    if (lowest < 0) lowest = highest;
  }
  return lowest < 0 ? 0 : static_cast<double>(highest - lowest + 1) * coarse.height;
}

std::string why_not(const Lungs& lungs) {
  if (lungs.litres == 0) {
    return "No lungs were found in the image: no air with the texture of lung lies inside the "
           "body.";
  }
  return fmt::format(
      "Only {:.2f} l of aerated lung over {:.0f} mm were found; a chest has at least {:.1f} l over "
      "{:.0f} mm.",
      lungs.litres, lungs.height_mm, kLungLitres, kLungHeight);
}

}  // namespace

Lungs find_lungs(const Volume& volume) {
  const Coarse coarse = coarse_copy(volume);
  const Components air = connected(enclosed(find_body(coarse.hu)));
  const std::vector<Piece> pieces = judge_pieces(air, coarse);
  Lungs lungs;
  for (const Piece& piece : pieces) {
    if (piece.is_lung) lungs.litres += static_cast<double>(piece.cells) * coarse.cell_litres;
  }
  lungs.height_mm = height_of_lung(air, pieces, coarse);
  lungs.present = lungs.litres >= kLungLitres && lungs.height_mm >= kLungHeight;
  if (!lungs.present) lungs.reason = why_not(lungs);
  return lungs;
}

}  // namespace ctclip
