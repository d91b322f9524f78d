#include "drawing/canvas.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include <png.h>
#include <utf8proc.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "drawing/font.h"

namespace ctclip::drawing {
namespace {

constexpr double kFixed = 64;  // FreeType counts 64ths of a pixel

uint8_t byte(float part) {
  return static_cast<uint8_t>(std::lround(std::clamp(part, 0.0F, 1.0F) * 255));
}

uint8_t mix(uint8_t below, uint8_t above, unsigned cover) {
  return static_cast<uint8_t>((below * (255 - cover) + above * cover + 127) / 255);
}

/// Source pixels that a target pixel is made of, and their weights, which add up to 1.
struct Taps {
  int first = 0;
  std::vector<double> weights;
};

/// A triangle filter as wide as a target pixel, and at least as a source pixel.
std::vector<Taps> plan_taps(int source, int target) {
  const double scale = static_cast<double>(source) / target;
  const double reach = std::max(scale, 1.0);
  std::vector<Taps> all(static_cast<std::size_t>(target));
  for (int i = 0; i < target; ++i) {
    const double centre = (i + 0.5) * scale - 0.5;
    Taps& taps = all[static_cast<std::size_t>(i)];
    taps.first = std::max(0, static_cast<int>(std::ceil(centre - reach)));
    const int last = std::min(source - 1, static_cast<int>(std::floor(centre + reach)));
    double sum = 0;
    for (int k = taps.first; k <= last; ++k) {
      taps.weights.push_back(std::max(0.0, 1 - std::abs(k - centre) / reach));
      sum += taps.weights.back();
    }
    for (double& weight : taps.weights) weight /= sum;
  }
  return all;
}

Colour resampled(const Picture& picture, const Taps& across, const Taps& down) {
  double red = 0, green = 0, blue = 0;
  for (std::size_t j = 0; j < down.weights.size(); ++j) {
    for (std::size_t i = 0; i < across.weights.size(); ++i) {
      const double weight = down.weights[j] * across.weights[i];
      const Colour& from =
          picture.at(across.first + static_cast<int>(i), down.first + static_cast<int>(j));
      red += weight * from.red;
      green += weight * from.green;
      blue += weight * from.blue;
    }
  }
  const auto rounded = [](double value) { return static_cast<uint8_t>(std::lround(value)); };
  return {rounded(red), rounded(green), rounded(blue)};
}

}  // namespace

Colour colour(float red, float green, float blue) { return {byte(red), byte(green), byte(blue)}; }

Picture::Picture(int width, int height, Colour ground)
    : width(width),
      height(height),
      pixels(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), ground) {}

class Canvas::Font {
 public:
  Font() {
    const auto file = font_file();
    if (FT_Init_FreeType(&library_) != 0) throw Error(Code::internal, "FreeType does not start.");
    if (FT_New_Memory_Face(library_, file.data(), static_cast<FT_Long>(file.size()), 0, &face_) !=
        0) {
      FT_Done_FreeType(library_);
      throw Error(Code::internal, "The font in the program cannot be read.");
    }
  }
  ~Font() {
    FT_Done_Face(face_);
    FT_Done_FreeType(library_);
  }
  Font(const Font&) = delete;
  Font& operator=(const Font&) = delete;

  /// Calls draw(bitmap, left, top) for each letter, with `left` counted from the line's begin and
  /// `top` upwards from its baseline. Returns the line's width.
  template <class Draw>
  double letters(std::string_view text, double size, const Draw& draw) {
    FT_Set_Char_Size(face_, 0, std::lround(size * kFixed), 72, 72);
    double at = 0;
    while (!text.empty()) {
      utf8proc_int32_t letter = 0;
      const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                          static_cast<utf8proc_ssize_t>(text.size()), &letter);
      text.remove_prefix(bytes > 0 ? static_cast<std::size_t>(bytes) : 1);
      const auto code = static_cast<FT_ULong>(bytes > 0 ? letter : 0xFFFD);
      if (FT_Load_Char(face_, code, FT_LOAD_RENDER | FT_LOAD_NO_HINTING) != 0) continue;
      const FT_GlyphSlot glyph = face_->glyph;
      draw(glyph->bitmap, at + glyph->bitmap_left, glyph->bitmap_top);
      at += static_cast<double>(glyph->linearHoriAdvance) / 65536;
    }
    return at;
  }

 private:
  FT_Library library_ = nullptr;
  FT_Face face_ = nullptr;
};

Canvas::Canvas(int width, int height, Colour ground)
    : picture_(width, height, ground), font_(std::make_unique<Font>()) {}

Canvas::~Canvas() = default;

void Canvas::fill(int x, int y, int width, int height, Colour colour) {
  const int right = std::min(x + width, picture_.width);
  const int bottom = std::min(y + height, picture_.height);
  for (int row = std::max(y, 0); row < bottom; ++row) {
    for (int column = std::max(x, 0); column < right; ++column) picture_.at(column, row) = colour;
  }
}

void Canvas::place(const Picture& picture, int x, int y, int width, int height) {
  const std::vector<Taps> across = plan_taps(picture.width, width);
  const std::vector<Taps> down = plan_taps(picture.height, height);
  for (int row = std::max(0, -y); row < std::min(height, picture_.height - y); ++row) {
    for (int column = std::max(0, -x); column < std::min(width, picture_.width - x); ++column) {
      picture_.at(x + column, y + row) = resampled(
          picture, across[static_cast<std::size_t>(column)], down[static_cast<std::size_t>(row)]);
    }
  }
}

double Canvas::text_width(std::string_view text, double size) {
  return font_->letters(text, size, [](const FT_Bitmap&, double, int) {});
}

void Canvas::text(double x, double y, std::string_view text, double size, Colour colour) {
  const int baseline = static_cast<int>(std::lround(y));
  font_->letters(text, size, [&](const FT_Bitmap& bitmap, double left, int top) {
    for (unsigned j = 0; j < bitmap.rows; ++j) {
      const int row = baseline - top + static_cast<int>(j);
      if (row < 0 || row >= picture_.height) continue;
      for (unsigned i = 0; i < bitmap.width; ++i) {
        const int column = static_cast<int>(std::lround(x + left)) + static_cast<int>(i);
        if (column < 0 || column >= picture_.width) continue;
        const unsigned cover = bitmap.buffer[static_cast<std::ptrdiff_t>(j) * bitmap.pitch + i];
        Colour& pixel = picture_.at(column, row);
        pixel = {mix(pixel.red, colour.red, cover), mix(pixel.green, colour.green, cover),
                 mix(pixel.blue, colour.blue, cover)};
      }
    }
  });
}

void Canvas::write(const std::filesystem::path& path) const {
  static_assert(sizeof(Colour) == 3, "libpng reads the pixels as they lie");
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture_.width);
  image.height = static_cast<png_uint_32>(picture_.height);
  image.format = PNG_FORMAT_RGB;
  if (png_image_write_to_file(&image, path.c_str(), 0, picture_.pixels.data(), 0, nullptr) != 0) {
    return;
  }
  throw Error(Code::internal, path.string() + ": cannot be written: " + image.message);
}

Picture read_png(const std::filesystem::path& path) {
  const auto fail = [&](const png_image& image) {
    return Error(Code::internal, path.string() + ": cannot be read: " + image.message);
  };
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_file(&image, path.c_str()) == 0) throw fail(image);
  image.format = PNG_FORMAT_RGB;
  Picture picture(static_cast<int>(image.width), static_cast<int>(image.height));
  if (png_image_finish_read(&image, nullptr, picture.pixels.data(), 0, nullptr) == 0) {
    throw fail(image);
  }
  return picture;
}

}  // namespace ctclip::drawing
