#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

namespace ctclip::drawing {

/// sRGB, 8 bits a channel.
struct Colour {
  uint8_t red = 0, green = 0, blue = 0;
};

/// From parts of full intensity; values outside [0, 1] are clamped.
Colour colour(float red, float green, float blue);

/// Pixels in rows from the top, each row from the left.
struct Picture {
  Picture(int width, int height, Colour ground = {});
  Colour& at(int x, int y) { return pixels[static_cast<std::size_t>(y) * width + x]; }
  const Colour& at(int x, int y) const { return pixels[static_cast<std::size_t>(y) * width + x]; }

  int width, height;
  std::vector<Colour> pixels;
};

/// A picture to draw on: pictures, filled rectangles and lines of text in DejaVu Sans, which is
/// part of the program. Coordinates are pixels from the upper left corner; what lies outside is not
/// drawn. Throws Error{internal} if the font cannot be used. Not thread-safe; each thread has its
/// own.
class Canvas {
 public:
  Canvas(int width, int height, Colour ground);
  ~Canvas();
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  const Picture& picture() const { return picture_; }

  void fill(int x, int y, int width, int height, Colour colour);

  /// Scales `picture` to width x height and draws it at (x, y). A pixel is the mean of what it
  /// covers if the picture shrinks, and interpolated if it grows.
  void place(const Picture& picture, int x, int y, int width, int height);

  /// Width of a line of UTF-8 text at `size` pixels to the em.
  double text_width(std::string_view text, double size);
  /// Draws a line of UTF-8 text that begins at x on the baseline y.
  void text(double x, double y, std::string_view text, double size, Colour colour);

  /// Writes a PNG file. Throws Error{internal}, which names the file, if it cannot be written.
  void write(const std::filesystem::path& path) const;

 private:
  class Font;

  Picture picture_;
  std::unique_ptr<Font> font_;
};

/// Pixels of a PNG file. Throws Error{internal} if it cannot be read.
Picture read_png(const std::filesystem::path& path);

}  // namespace ctclip::drawing
