#include "phantom/contact_sheet.h"

#include <cairo.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "base/error.h"

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

using Surface = std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)>;
using Context = std::unique_ptr<cairo_t, decltype(&cairo_destroy)>;

Surface make_surface(int width, int height) {
  return {cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height), &cairo_surface_destroy};
}

/// A grey picture from HU, `rows` lines from the top.
Surface picture(const std::vector<const int16_t*>& rows, int64_t columns, const Window& window) {
  Surface surface = make_surface(static_cast<int>(columns), static_cast<int>(rows.size()));
  unsigned char* data = cairo_image_surface_get_data(surface.get());
  if (data == nullptr) throw Error(Code::internal, "There is no memory for a picture.");
  const int stride = cairo_image_surface_get_stride(surface.get());
  for (std::size_t y = 0; y < rows.size(); ++y) {
    auto* line = reinterpret_cast<uint32_t*>(data + static_cast<int64_t>(y) * stride);
    for (int64_t x = 0; x < columns; ++x) {
      const float part = (static_cast<float>(rows[y][x]) - window.low) / (window.high - window.low);
      line[x] = 0x010101U * static_cast<uint32_t>(std::lround(std::clamp(part, 0.0F, 1.0F) * 255));
    }
  }
  cairo_surface_mark_dirty(surface.get());
  return surface;
}

/// Pictures in rows on a dark ground.
class Canvas {
 public:
  Canvas(int width, int height)
      : surface_(make_surface(width, height)),
        context_(cairo_create(surface_.get()), &cairo_destroy) {
    cairo_set_source_rgb(context_.get(), 0.08, 0.08, 0.08);
    cairo_paint(context_.get());
    cairo_select_font_face(context_.get(), "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(context_.get(), kText);
  }

  void text(double x, double y, const std::string& words) {
    cairo_set_source_rgb(context_.get(), 0.92, 0.92, 0.92);
    cairo_move_to(context_.get(), x, y);
    cairo_show_text(context_.get(), words.c_str());
  }

  void place(const Surface& image, double x, double y, double width, double height) {
    cairo_t* cr = context_.get();
    cairo_save(cr);
    cairo_rectangle(cr, x, y, width, height);
    cairo_clip(cr);
    cairo_translate(cr, x, y);
    cairo_scale(cr, width / cairo_image_surface_get_width(image.get()),
                height / cairo_image_surface_get_height(image.get()));
    cairo_set_source_surface(cr, image.get(), 0, 0);
    cairo_paint(cr);
    cairo_restore(cr);
  }

  void write(const std::filesystem::path& path) const {
    cairo_surface_flush(surface_.get());
    const cairo_status_t status = cairo_surface_write_to_png(surface_.get(), path.c_str());
    if (status == CAIRO_STATUS_SUCCESS) return;
    throw Error(Code::internal,
                path.string() + ": cannot be written: " + cairo_status_to_string(status));
  }

 private:
  Surface surface_;
  Context context_;
};

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
  const double step = kThumb + kGap;
  const double height = kThumb * static_cast<double>(acquisition_.slices()) *
                        acquisition_.increment / acquisition_.field_of_view;
  const double block = 2 * (kThumb + kGap) + kCaption;
  const double tall = std::max(height, 1.0) + kGap;
  const int across = static_cast<int>(kAxial / 2 + 1);
  Canvas canvas(static_cast<int>(across * step + kGap),
                static_cast<int>(kHeader + 2 * (std::max(block, 2 * tall + kCaption) + kGap)));
  canvas.text(kGap, 20, title);
  canvas.text(kGap, 42, subtitle);
  double top = kHeader;
  for (const auto& [window, kernel] :
       {std::pair{kLungWindow, Kernel::lung}, std::pair{kSoftWindow, Kernel::soft}}) {
    const Views& shown = views(kernel);
    canvas.text(kGap, top + 13, std::string(window.name));
    const double y = top + kCaption;
    for (std::size_t i = 0; i < axial_.size(); ++i) {
      const std::size_t row = i / 3, column = i % 3;
      canvas.place(picture(rows_of(shown.axial.at(axial_[i]), size), size, window),
                   kGap + static_cast<double>(column) * step, y + static_cast<double>(row) * step,
                   kThumb, kThumb);
    }
    canvas.place(picture(rows_of(shown.coronal), size, window), kGap + 3 * step, y, kThumb, height);
    canvas.place(picture(rows_of(shown.sagittal), size, window), kGap + 3 * step, y + tall, kThumb,
                 height);
    top += std::max(block, 2 * tall + kCaption) + kGap;
  }
  canvas.write(path);
}

}  // namespace ctclip::phantom
