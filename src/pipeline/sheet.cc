#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "drawing/canvas.h"
#include "fusion/names.h"
#include "pipeline/maps.h"

namespace ctclip {
namespace {

constexpr int kThumb = 192;  // side of a picture
constexpr int kGap = 8;
constexpr int kCaption = 22;
constexpr int kHeader = 64;
constexpr int kFooter = 56;
constexpr int kCellsAcross = 2;
constexpr int kCellWidth = 3 * kThumb + 2 * kGap;
constexpr double kTextSize = 13;
constexpr float kWindowLow = -1;  // -1000 HU to 400 HU: lungs and soft tissue
constexpr float kWindowHigh = 0.4F;
constexpr double kShown = 0.999;  // part of the differences that the scale of colours covers
constexpr float kHounsfield = 1000;

using drawing::Colour;
constexpr Colour kGround{26, 26, 26}, kInk{235, 235, 235};

Colour grey(float value) {
  const float shade = std::clamp((value - kWindowLow) / (kWindowHigh - kWindowLow), 0.0F, 1.0F);
  return drawing::colour(shade, shade, shade);
}

// Black, violet, red, orange, yellow: rises evenly in brightness, also for the colour-blind.
Colour heat(float part) {
  constexpr std::array<std::array<float, 3>, 5> kStops = {
      {{0, 0, 0}, {0.35F, 0.05F, 0.45F}, {0.75F, 0.2F, 0.3F}, {0.97F, 0.55F, 0.1F}, {1, 1, 0.65F}}};
  const float at = std::clamp(part, 0.0F, 1.0F) * (kStops.size() - 1);
  const auto i = std::min(static_cast<std::size_t>(at), kStops.size() - 2);
  const float mix = at - static_cast<float>(i);
  const auto channel = [&](std::size_t c) {
    return (1 - mix) * kStops[i][c] + mix * kStops[i + 1][c];
  };
  return drawing::colour(channel(0), channel(1), channel(2));
}

class Sheet {
 public:
  Sheet(const ReconstructedSlices& slices, const SliceStatistics& statistics, int64_t planes)
      : slices_(slices),
        statistics_(statistics),
        planes_(planes),
        count_(static_cast<int>(statistics.planes.size())),
        rows_((count_ + kCellsAcross - 1) / kCellsAcross),
        width_(kCellsAcross * kCellWidth + (kCellsAcross + 1) * 2 * kGap),
        height_(kHeader + rows_ * (kThumb + kCaption + kGap) + kFooter),
        canvas_(width_, height_, kGround),
        largest_(scale_of_colours()) {}

  void draw() {
    fitted_text(2 * kGap, 24, kWarningEnglish);
    fitted_text(2 * kGap, 46, kWarningRussian);
    for (int i = 0; i < count_; ++i) cell(i);
    scale_bar();
  }

  void write(const std::filesystem::path& path) const { canvas_.write(path); }

 private:
  int64_t side() const { return slices_.original.dim(1); }

  // Largest difference but for the few pixels that would make all others dark; at least one HU.
  float scale_of_colours() const {
    std::vector<float> all;
    all.reserve(static_cast<std::size_t>(slices_.original.size()));
    for (int64_t i = 0; i < slices_.original.size(); ++i) {
      all.push_back(std::abs(slices_.original.data()[i] - slices_.reconstructed.data()[i]));
    }
    if (all.empty()) return 1 / kHounsfield;
    const auto place = static_cast<std::ptrdiff_t>(kShown * static_cast<double>(all.size() - 1));
    std::nth_element(all.begin(), all.begin() + place, all.end());
    return std::max(all[static_cast<std::size_t>(place)], 1 / kHounsfield);
  }

  // In letters small enough for the sheet's width: no word of a warning may be cut off.
  void fitted_text(double x, double y, std::string_view words) {
    const double room = width_ - 2 * x;
    const double size = kTextSize * std::min(1.0, room / canvas_.text_width(words, kTextSize));
    canvas_.text(x, y, words, size, kInk);
  }

  void text(double x, double y, std::string_view words) {
    canvas_.text(x, y, words, kTextSize, kInk);
  }

  // value(h, w) gives a pixel's colour. H runs over image columns, W over rows: the picture is the
  // slice transposed.
  template <class Value>
  void picture(int x, int y, const Value& value) {
    const auto size = static_cast<int>(side());
    drawing::Picture image(size, size);
    for (int row = 0; row < size; ++row) {
      for (int column = 0; column < size; ++column) image.at(column, row) = value(column, row);
    }
    canvas_.place(image, x, y, kThumb, kThumb);
  }

  void cell(int index) {
    const int x = 2 * kGap + index % kCellsAcross * (kCellWidth + 2 * kGap);
    const int row = index / kCellsAcross;
    const int y = kHeader + row * (kThumb + kCaption + kGap);
    const int64_t size = side();
    const float* original = slices_.original.data() + index * size * size;
    const float* made = slices_.reconstructed.data() + index * size * size;
    picture(x, y, [&](int64_t h, int64_t w) { return grey(original[h * size + w]); });
    picture(x + kThumb + kGap, y, [&](int64_t h, int64_t w) { return grey(made[h * size + w]); });
    picture(x + 2 * (kThumb + kGap), y, [&](int64_t h, int64_t w) {
      return heat(std::abs(original[h * size + w] - made[h * size + w]) / largest_);
    });
    const auto at = static_cast<std::size_t>(index);
    text(x, y + kThumb + 16, fmt::format("plane {} of {}", statistics_.planes[at] + 1, planes_));
    text(x + kThumb + kGap, y + kThumb + 16, "reconstruction");
    text(x + 2 * (kThumb + kGap), y + kThumb + 16,
         fmt::format("difference, L1 error {:.4f}", statistics_.slices[at]));
  }

  void scale_bar() {
    const int y = height_ - kFooter + 12;
    for (int i = 0; i < kCellWidth; ++i) {
      canvas_.fill(2 * kGap + i, y, 1, 14, heat(static_cast<float>(i) / (kCellWidth - 1)));
    }
    text(2 * kGap, y + 30, "0 HU");
    text(2 * kGap + kCellWidth - 90, y + 30, fmt::format(">= {:.0f} HU", largest_ * kHounsfield));
    text(4 * kGap + kCellWidth, y + 12,
         fmt::format("L1 error over {} slices: mean {:.4f}, largest {:.4f} (1 = 1000 HU)", count_,
                     statistics_.mean, statistics_.max));
    text(4 * kGap + kCellWidth, y + 30, "Patient's left is on the right.");
  }

  const ReconstructedSlices& slices_;
  const SliceStatistics& statistics_;
  int64_t planes_;
  int count_, rows_, width_, height_;
  drawing::Canvas canvas_;
  float largest_;
};

}  // namespace

void write_sheet(const std::filesystem::path& path, const ReconstructedSlices& slices,
                 const SliceStatistics& statistics, int64_t planes_in_all) {
  Sheet sheet(slices, statistics, planes_in_all);
  sheet.draw();
  sheet.write(path);
}

}  // namespace ctclip
