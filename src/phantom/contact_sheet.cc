#include "phantom/contact_sheet.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "drawing/canvas.h"

namespace ctclip::phantom {
namespace {

constexpr int kThumb = 320, kGap = 6, kHeader = 52, kCaption = 18;
constexpr int64_t kAxial = 6;
constexpr double kText = 15;

struct Window {
  std::string_view name;
  float low, high;  // HU
};
constexpr Window kLungWindow = {"lung window", -1350, 150},
                 kSoftWindow = {"soft tissue", -160, 240};

constexpr drawing::Colour kGround{20, 20, 20}, kInk{235, 235, 235};

/// A grey picture from HU, `rows` lines from the top.
drawing::Picture picture(const std::vector<const int16_t*>& rows, int64_t columns,
                         const Window& window) {
  drawing::Picture grey(static_cast<int>(columns), static_cast<int>(rows.size()));
  for (int y = 0; y < grey.height; ++y) {
    for (int x = 0; x < grey.width; ++x) {
      const auto hu = static_cast<float>(rows[static_cast<std::size_t>(y)][x]);
      const float part = (hu - window.low) / (window.high - window.low);
      grey.at(x, y) = drawing::colour(part, part, part);
    }
  }
  return grey;
}

std::vector<const int16_t*> rows_of(const std::vector<int16_t>& plane, int64_t size) {
  std::vector<const int16_t*> rows;
  for (int64_t y = 0; y < size; ++y) rows.push_back(plane.data() + y * size);
  return rows;
}

/// From the head down.
std::vector<const int16_t*> rows_of(const std::map<int64_t, std::vector<int16_t>>& lines) {
  std::vector<const int16_t*> rows;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line)
    rows.push_back(line->second.data());
  return rows;
}

}  // namespace

ContactSheet::ContactSheet(const Acquisition& acquisition) : acquisition_(acquisition) {
  for (int64_t i = 0; i < kAxial; ++i) {
    const double part = 0.9 - 0.78 * static_cast<double>(i) / (kAxial - 1);
    axial_.push_back(std::llround(part * static_cast<double>(acquisition.slices() - 1)));
  }
}

void ContactSheet::add(Kernel kernel, int64_t slice, std::span<const int16_t> hu) {
  const int64_t size = acquisition_.matrix;
  const auto coronal = hu.subspan(static_cast<std::size_t>(size / 2 * size));
  std::vector<int16_t> sagittal;
  // A little beside the middle: through a lung's hilum rather than the spine.
  const int64_t column = size / 2 - size / 6;
  for (int64_t y = 0; y < size; ++y)
    sagittal.push_back(hu[static_cast<std::size_t>(y * size + column)]);
  const std::lock_guard lock(mutex_);
  Views& views = views_[kernel];
  views.coronal[slice].assign(coronal.begin(), coronal.begin() + size);
  views.sagittal[slice] = std::move(sagittal);
  if (std::find(axial_.begin(), axial_.end(), slice) != axial_.end()) {
    views.axial[slice].assign(hu.begin(), hu.end());
  }
}

const ContactSheet::Views& ContactSheet::views(Kernel wanted) const {
  const auto found = views_.find(wanted);
  return found != views_.end() ? found->second : views_.begin()->second;
}

void ContactSheet::write(const std::filesystem::path& path, const std::string& title,
                         const std::string& subtitle) const {
  const int64_t size = acquisition_.matrix;
  constexpr int kStep = kThumb + kGap;
  constexpr int kAcross = static_cast<int>(kAxial / 2 + 1);
  const auto height =
      static_cast<int>(std::max(std::lround(kThumb * static_cast<double>(acquisition_.slices()) *
                                            acquisition_.increment / acquisition_.field_of_view),
                                1L));
  const int block = std::max(2 * kStep + kCaption, 2 * (height + kGap) + kCaption);
  drawing::Canvas canvas(kAcross * kStep + kGap, kHeader + 2 * (block + kGap), kGround);
  canvas.text(kGap, 20, title, kText, kInk);
  canvas.text(kGap, 42, subtitle, kText, kInk);
  int top = kHeader;
  for (const auto& [window, kernel] :
       {std::pair{kLungWindow, Kernel::lung}, std::pair{kSoftWindow, Kernel::soft}}) {
    const Views& shown = views(kernel);
    canvas.text(kGap, top + 13, window.name, kText, kInk);
    const int y = top + kCaption;
    for (std::size_t i = 0; i < axial_.size(); ++i) {
      const auto row = static_cast<int>(i / 3), column = static_cast<int>(i % 3);
      canvas.place(picture(rows_of(shown.axial.at(axial_[i]), size), size, window),
                   kGap + column * kStep, y + row * kStep, kThumb, kThumb);
    }
    canvas.place(picture(rows_of(shown.coronal), size, window), kGap + 3 * kStep, y, kThumb,
                 height);
    canvas.place(picture(rows_of(shown.sagittal), size, window), kGap + 3 * kStep,
                 y + height + kGap, kThumb, height);
    top += block + kGap;
  }
  canvas.write(path);
}

}  // namespace ctclip::phantom
